from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


@given(st.lists(st.integers(0, 10**6), max_size=9), st.integers(0, 2**20), st.integers(1, 2**8))
def test_it_is_the_formula_in_integers(lengths, linear, quadratic):
    costs = cr.Cost(linear, quadratic).of(np.array(lengths, dtype=np.int64))
    assert costs.dtype == np.int64
    assert costs.tolist() == [linear * length + quadratic * length**2 for length in lengths]


def test_what_would_not_fit_is_refused():
    with pytest.raises(BadArgument, match=r"cost must be in units so coarse that a step costs less than 2\*\*61, got"):
        cr.Cost(2**40, 2**40).of(np.array([10**6]))
    with pytest.raises(BadArgument, match=r"linear must be above 0 where quadratic is 0, got 0; pass Cost\(\)"):
        cr.Cost(0, 0)
    with pytest.raises(BadArgument, match=r"quadratic must be an integer >= 0"):
        cr.Cost(1, -1)

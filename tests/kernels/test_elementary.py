from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels.elementary import exponential, natural_log, power


@given(st.lists(st.floats(1e-300, 1e300), min_size=1))
def test_logarithms_are_those_of_the_library(values):
    """Relative to the larger of the result and what cancels in it."""
    ours = natural_log(values)
    for value, log in zip(values, ours.tolist(), strict=True):
        assert abs(log - math.log(value)) <= 4e-16 * max(abs(math.log(value)), 1e-3)


@given(st.lists(st.floats(-740, 700), min_size=1))
def test_exponentials_are_those_of_the_library(values):
    for value, ours in zip(values, exponential(values).tolist(), strict=True):
        theirs = math.exp(value)
        assert abs(ours - theirs) <= 1e-15 * theirs + 5e-324


def test_the_ends():
    assert exponential([-1e9, -746.0]).tolist() == [0.0, 0.0]
    assert natural_log([1.0]).tolist() == [0.0]
    assert power([0.0, 8.0], 1 / 3).round(12).tolist() == [0.0, 2.0]


def test_results_are_frozen_to_the_bit():
    """The same on every platform: these digits were computed once and may not change."""
    values = np.array([3.0, 0.1, 1e-9, 123456.789])
    assert [x.hex() for x in natural_log(values).tolist()] == FROZEN_LOGS
    assert [x.hex() for x in exponential(-values).tolist()] == FROZEN_EXPONENTIALS


FROZEN_LOGS = ["0x1.193ea7aad030bp+0", "-0x1.26bb1bbb55515p+1", "-0x1.4b927f32bffb8p+4", "0x1.77281cad8a844p+3"]
FROZEN_EXPONENTIALS = ["0x1.97db0ccceb0afp-5", "0x1.cf46d99d52b3ap-1", "0x1.fffffff768fa1p-1", "0x0.0p+0"]

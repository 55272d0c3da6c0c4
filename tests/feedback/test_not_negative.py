from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.feedback.not_negative import not_negative


@given(st.integers(0, 10**6), st.integers(1, 4))
def test_it_meets_the_conditions_of_an_optimum(seed, columns):
    rng = np.random.default_rng(seed)
    design, target, weights = rng.normal(size=(12, columns)), rng.normal(size=12), rng.uniform(0.1, 1, 12)
    solution = not_negative(design, target, weights)
    slope = design.T @ (weights * (design @ solution - target))
    assert np.all(solution >= 0)
    assert np.all(slope >= -1e-9), "no coefficient wants to grow"
    assert np.all(np.abs(slope * solution) < 1e-9), "none that is above 0 wants to shrink"

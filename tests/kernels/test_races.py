from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels.races import _arrivals, arrival_times


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**60), st.lists(st.floats(0, 1e9), min_size=1, max_size=50))
def test_the_loop_and_its_twin_agree_to_the_bit(key, first, weights):
    values = np.array(weights)
    ours = _arrivals(np.uint64(key), first, values)
    assert ours.tobytes() == _arrivals.twin(np.uint64(key), first, values).tobytes()
    assert (ours > 0).all()


def test_times_are_exponential():
    """Kolmogorov-Smirnov against 1 - exp(-w t), 100,000 rows: sqrt(n) D above 2.7 has a probability below 1e-6."""
    times = arrival_times(3, 0, np.full(100_000, 2.5))
    uniform = np.sort(1 - np.exp(-2.5 * times))
    steps = np.arange(1, uniform.size + 1) / uniform.size
    distance = max(np.abs(uniform - steps).max(), np.abs(uniform - steps + 1 / uniform.size).max())
    assert distance * np.sqrt(uniform.size) < 2.7
    mutant = np.sort(1 - np.exp(-2.4 * times))
    assert np.abs(mutant - steps).max() * np.sqrt(uniform.size) > 2.7, "a rate that is off by 4 %"


def test_rows_have_their_own_times_wherever_a_chunk_begins():
    weights = np.ones(1000)
    whole = arrival_times(9, 0, weights)
    assert np.concatenate([arrival_times(9, 0, weights[:300]), arrival_times(9, 300, weights[300:])]).tolist() == (
        whole.tolist()
    )
    assert np.unique(whole).size == 1000

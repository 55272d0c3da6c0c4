from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import bucket_bounds
from croupier.kernels.bucket_bounds import optimal_bounds


def padding(lengths, counts, bounds):
    caps = np.asarray(bounds)[np.searchsorted(bounds, lengths)]
    return int(((caps - lengths) * counts).sum())


@given(
    lengths=st.lists(st.integers(0, 100), min_size=1, max_size=9, unique=True),
    buckets=st.integers(1, 5),
    data=st.data(),
)
def test_no_choice_of_bounds_pads_less(lengths, buckets, data):
    values = np.array(sorted(lengths))
    counts = np.array(data.draw(st.lists(st.integers(1, 50), min_size=values.size, max_size=values.size)))
    ours = optimal_bounds(values, counts, buckets)
    assert ours.size <= buckets
    assert ours[-1] == values[-1]
    assert np.all(np.diff(ours) > 0)
    inner = min(buckets, values.size) - 1
    best = min(padding(values, counts, [*choice, values[-1]]) for choice in combinations(values[:-1].tolist(), inner))
    assert padding(values, counts, ours) == best


def test_divide_and_conquer_equals_the_full_table():
    rng = np.random.default_rng(0)
    values = np.unique(rng.integers(0, 8000, 700))
    running = np.concatenate([[0], np.cumsum(rng.integers(1, 900, values.size))])
    loop = bucket_bounds._splits(values, running, 30)
    table = bucket_bounds._splits_numpy(values, running, 30)
    assert np.array_equal(loop, table)

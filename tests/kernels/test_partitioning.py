from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import partitioning
from croupier.kernels.partitioning import partition


@given(costs=st.lists(st.integers(1, 40), min_size=1, max_size=7), shares=st.integers(1, 3), room=st.integers(10, 200))
def test_it_comes_near_the_best_of_all_assignments_and_breaks_no_capacity(costs, shares, room):
    ordered = np.array(sorted(costs, reverse=True), dtype=np.int64)
    share_of = partition(ordered, ordered, shares, room)
    every = (
        np.bincount(choice, weights=ordered, minlength=shares).max()
        for choice in product(range(shares), repeat=len(costs))
    )
    best = min(every)
    if share_of is None:
        # Costliest first needs at most 4/3 of the capacity that the best packing does, and a little.
        assert best > 0.7 * room
        return
    sums = np.bincount(share_of, weights=ordered, minlength=shares)
    assert sums.max() <= room
    assert sums.max() <= 4 / 3 * best or sums.max() - best <= 1


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=60), st.integers(1, 9))
def test_no_share_is_empty_and_compiled_is_as_written(costs, shares):
    ordered = np.array(sorted(costs, reverse=True), dtype=np.int64)
    share_of = partition(ordered, ordered, shares, 2**60)
    assert set(range(min(shares, len(costs)))) <= set(share_of.tolist())
    assert share_of.tolist() == partitioning._partition.twin(ordered, ordered, shares, 2**60).tolist()


def test_exchanges_bring_real_lengths_to_the_mean():
    rng = np.random.default_rng(0)
    for _ in range(5):
        lengths = np.sort(np.clip(rng.lognormal(5.95, 1.26, 1024), 1, 8_000).astype(np.int64))[::-1]
        costs = (35_873 + lengths) * lengths
        sums = np.bincount(partition(costs, lengths, 64, 2**60), weights=costs)
        greedy = np.zeros(64)
        for cost in costs:
            greedy[np.argmin(greedy)] += cost
        assert sums.max() / sums.mean() < 1.0005 < greedy.max() / greedy.mean()

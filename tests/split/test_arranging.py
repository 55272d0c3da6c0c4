from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier import Batches, Key
from croupier.split.arranging import in_random_order, without_empty_batches


@given(sizes=st.lists(st.integers(0, 4), max_size=30), lanes=st.integers(1, 5))
def test_groups_of_lanes_stay_together(sizes, lanes):
    batches = replace(Batches.of(np.arange(sum(sizes)), sizes), interchangeable=True)
    dealt = in_random_order(batches, lanes, Key(0).child("split"))
    groups = len(sizes) // lanes
    before = [batch.tolist() for batch in batches]
    after = [batch.tolist() for batch in dealt]
    chunks = [before[g * lanes : (g + 1) * lanes] for g in range(groups)]
    assert sorted(after[g * lanes : (g + 1) * lanes] for g in range(groups)) == sorted(chunks)
    assert after[groups * lanes :] == before[groups * lanes :]


def test_an_order_that_means_something_is_kept():
    batches = Batches.of(np.arange(20), [1] * 20)
    assert in_random_order(batches, 1, Key(0)) is batches
    shuffled = in_random_order(replace(batches, interchangeable=True), 1, Key(0))
    assert shuffled.indices.tolist() != batches.indices.tolist()


@given(sizes=st.lists(st.integers(0, 3), max_size=12))
def test_empty_batches_go(sizes):
    kept = without_empty_batches(Batches.of(np.arange(sum(sizes)), sizes))
    assert kept.sizes.tolist() == [size for size in sizes if size]

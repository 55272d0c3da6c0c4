from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, TooFewIds


@given(sizes=st.lists(st.integers(0, 9), max_size=6), size=st.integers(1, 5))
def test_each_incoming_batch_is_cut_on_its_own(sizes, size):
    context = cr.Context(table=cr.Table(size=100), key=cr.Key(0))
    cut = cr.FixedSize(size).plan(cr.Batches.of(np.arange(sum(sizes)), sizes), context)
    expected = [min(size, whole - at) for whole in sizes for at in range(0, whole, size)]
    assert cut.sizes.tolist() == expected


@given(
    rows=st.integers(1, 50), size=st.integers(1, 7), world=st.integers(1, 3), epochs=st.integers(1, 6)
)  # fmt: skip
def test_carry_deals_full_batches_and_every_id_as_often_as_the_passes(rows, size, world, epochs):
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(size, cr.Tail.CARRY), segment_ids=16)
    try:
        dealers = [cr.Dealer(plan, cr.Table(size=rows), seed=0, rank=rank, world_size=world) for rank in range(world)]
        dealt = [[list(deal) for deal in dealer] for _ in range(epochs) for dealer in dealers]
    except TooFewIds as error:
        assert size * world > rows
        assert "Tail.CARRY deals full steps only; choose Tail.SHORT" in str(error)  # noqa: PT017
        return
    assert {len(deal) for epoch in dealt for deal in epoch} == {size}
    times = Counter(i for epoch in dealt for deal in epoch for i in deal)
    carried = rows * epochs - sum(times.values())
    assert 0 <= carried < size * world
    assert all(epochs - 1 <= times[row] <= epochs for row in range(rows))


@given(rows=st.integers(1, 90), size=st.integers(1, 7), world=st.integers(1, 4))
def test_drop_leaves_out_less_than_a_step_and_says_so(rows, size, world):
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(size, cr.Tail.DROP))
    if rows < size * world:
        with pytest.raises(TooFewIds, match=r"fewer than the \d+ that fill one step"):
            cr.Dealer(plan, cr.Table(size=rows), seed=0, world_size=world)
        return
    dealers = [cr.Dealer(plan, cr.Table(size=rows), seed=0, rank=rank, world_size=world) for rank in range(world)]
    dealt = [list(dealer) for dealer in dealers]
    assert {len(deal) for mine in dealt for deal in mine} == {size}
    assert dealers[0].ledger.ids("left out of the epoch") == rows % (size * world)
    assert len({i for mine in dealt for deal in mine for i in deal}) == rows - rows % (size * world)


def test_segments_of_another_size_leave_no_seam():
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(48), segment_ids=100)
    deals = list(cr.Dealer(plan, cr.Table(size=1000), seed=0))
    assert [len(deal) for deal in deals] == [48] * 20 + [40]


@pytest.mark.parametrize("size", [0, -1, 2.0, "4", True, None])
def test_bad_sizes_are_refused(size):
    with pytest.raises(BadArgument, match=r"batch_size must be an integer >= 1, got .*; pass the number of ids"):
        cr.FixedSize(size)


def test_a_tail_is_a_policy():
    with pytest.raises(BadArgument, match=r"tail must be a Tail, got 'drop'; pass Tail.SHORT"):
        cr.FixedSize(2, "drop")

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, TooFewIds
from croupier.run.epochs import Epochs


def epochs(rows, batch, tail, lanes=1, segment=8):
    plan = cr.chain(cr.Sequential(), cr.FixedSize(batch, tail), segment_ids=segment)
    return Epochs(plan, cr.Table(size=rows), lanes)


@given(rows=st.integers(1, 60), batch=st.integers(1, 9), segment=st.integers(1, 30), lanes=st.integers(1, 3))
def test_carried_epochs_lie_end_to_end(rows, batch, segment, lanes):
    """Every position of the stream is in one segment, and belongs to the epoch that its place in the stream says."""
    planned = epochs(rows, batch, cr.Tail.CARRY, lanes, segment)
    stream = []
    for epoch in range(4):
        try:
            numbers = range(planned.segments(epoch))
        except TooFewIds:
            assert rows < batch * lanes
            return
        for number in numbers:
            for inner, low, high in planned.parts(epoch, number):
                stream += [(inner, place) for place in range(low, high)]
    assert stream == [divmod(place, rows) for place in range(len(stream))]
    assert len(stream) % (batch * lanes) == 0
    assert 4 * rows - len(stream) < batch * lanes


@given(rows=st.integers(1, 200), batch=st.integers(1, 9), segment=st.integers(1, 30))
def test_segments_are_full_steps_and_all_of_the_epoch(rows, batch, segment):
    planned = epochs(rows, batch, cr.Tail.SHORT, 1, segment)
    sizes = [sum(high - low for _, low, high in planned.parts(0, number)) for number in range(planned.segments(0))]
    assert sum(sizes) == rows
    assert all(size == planned.window for size in sizes[:-1])
    assert planned.window % batch == 0
    assert sizes[-1] < 2 * planned.window
    assert planned.ordinal(3, 0) == 3 * len(sizes)


def test_what_the_tail_policy_did_is_counted():
    assert epochs(10, 4, cr.Tail.DROP).tail_ledger(0).ids("left out of the epoch") == 2
    assert epochs(10, 4, cr.Tail.CARRY).tail_ledger(0).ids("carried to the next epoch") == 2
    assert not epochs(10, 4, cr.Tail.SHORT).tail_ledger(0)
    with pytest.raises(TooFewIds, match=r"epoch 0 has 3 ids, fewer than the 4 that fill one step, and Tail.DROP"):
        epochs(3, 4, cr.Tail.DROP).bounds(0)


def test_a_far_epoch_is_cheap():
    assert epochs(10, 4, cr.Tail.CARRY).bounds(100_000) == (1_000_000, 1_000_008)


def test_an_epoch_beyond_a_million_is_refused_before_it_is_counted_to():
    with pytest.raises(BadArgument, match=r"epoch must be at most 1048576, got 1000000000000; put Repeat\(order, k\)"):
        epochs(10, 2, cr.Tail.SHORT).segments(10**12)


def test_an_epoch_that_cannot_be_is_refused_before_those_before_it_are_counted():
    run = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(4)), cr.Table(size=24), seed=0)
    with pytest.raises(BadArgument, match=r"epoch must be at most 1048576, got \d+; put Repeat\(order, k\)"):
        run.set_epoch(2**31)
    assert len(run.program.epochs._segments_before) < 10

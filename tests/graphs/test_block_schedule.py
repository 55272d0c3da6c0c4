from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.errors import BadArgument
from croupier.graphs.block_schedule import BlockSchedule

PARTS, WORKERS = st.integers(1, 13), st.integers(1, 9)


@given(PARTS, WORKERS, st.booleans())
def test_every_block_once_and_no_row_shared(parts, workers, tied):
    rounds = list(BlockSchedule(parts, workers, tied))
    blocks = Counter((block.head, block.tail) for block in chain.from_iterable(rounds))
    assert blocks == Counter((head, tail) for head in range(parts) for tail in range(parts))
    for one in rounds:
        assert 0 < len(one) <= workers
        assert len({block.worker for block in one}) == len(one)
        assert all(0 <= block.worker < workers for block in one)
        if tied:
            touched = [{block.head, block.tail} for block in one]
            assert sum(map(len, touched)) == len(set().union(*touched))
        else:
            assert len({block.head for block in one}) == len({block.tail for block in one}) == len(one)
    assert len(rounds) == len(BlockSchedule(parts, workers, tied))


@given(st.integers(1, 6), st.integers(1, 5))
def test_no_worker_is_idle_where_the_numbers_fit(workers, times):
    parts = workers * times
    assert len(BlockSchedule(parts, workers)) == parts * times
    assert len(BlockSchedule(2 * parts, workers, tied=True)) == 4 * parts * times


@given(PARTS, WORKERS)
def test_workers_keep_their_part_of_the_tails(parts, workers):
    """A part of the tails is taken up once for each group of heads."""
    held = {}
    taken = Counter()
    for blocks in BlockSchedule(parts, workers):
        for block in blocks:
            taken[block.tail] += held.get(block.worker) != block.tail
            held[block.worker] = block.tail
    assert max(taken.values()) <= -(-parts // workers)


def test_a_schedule_is_refused_without_parts_or_workers():
    with pytest.raises(
        BadArgument, match=r"parts must be an integer >= 1 and <= 4096, got 0; pass a small multiple of"
    ):
        BlockSchedule(0, 1)
    with pytest.raises(BadArgument, match=r"workers must be an integer >= 1, got 0; pass how many blocks are trained"):
        BlockSchedule(1, 0)


def test_tied_is_said_by_yes_or_no():
    with pytest.raises(BadArgument, match=r"tied must be True or False, got 'no'; pass True where heads and tails are"):
        BlockSchedule(2, 1, tied="no")

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.errors import BadArgument
from croupier.graphs.block_pairs import BlockPairs
from croupier.graphs.partition import Partition

NODES = 12


@given(st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=50), st.integers(1, 5))
def test_a_block_holds_its_pairs_in_the_order_they_came(pairs, parts):
    by_heads = Partition.by_weight(range(NODES), parts)
    by_tails = Partition.by_weight(range(NODES, 0, -1), parts)
    heads, tails = [h for h, _ in pairs], [t for _, t in pairs]
    for of_tails in (None, by_tails):
        pool = BlockPairs.of(np.array(heads, np.int32), np.array(tails, np.int32), by_heads, of_tails)
        second = by_heads if of_tails is None else of_tails
        for h in range(parts):
            for t in range(parts):
                found = list(zip(*(part.tolist() for part in pool.block(h, t)), strict=True))
                assert found == [p for p in pairs if by_heads.part_of[p[0]] == h and second.part_of[p[1]] == t]
        assert pool.heads.dtype == np.int32


def test_pairs_that_do_not_fit_the_partition():
    partition = Partition.by_weight([1, 1, 1], 2)
    with pytest.raises(BadArgument, match=r"tails must have a node for each of 2 heads, got \(1,\); pass pairs"):
        BlockPairs.of([0, 1], [1], partition)
    with pytest.raises(BadArgument, match=r"heads must be nodes from 0 to 2, got array\(\[3\]\); partition the graph"):
        BlockPairs.of([3], [1], partition)
    with pytest.raises(BadArgument, match=r"tails must be nodes from 0 to 2, got array\(\[-1\]\); partition the graph"):
        BlockPairs.of([2], [-1], partition)
    with pytest.raises(
        BadArgument, match=r"of_tails must have 2 parts, as the heads', got 3; make both with one number"
    ):
        BlockPairs.of([0], [1], partition, Partition.by_weight([1, 1, 1], 3))


def test_more_parts_than_blocks_can_be_counted_for():
    many = Partition(np.zeros(3, np.int32), 2**12 + 1)
    with pytest.raises(
        BadArgument, match=r"partition must have at most 4096 parts, got 4097; pass a small multiple of"
    ):
        BlockPairs.of([0], [1], many)
    with pytest.raises(
        BadArgument, match=r"parts must be an integer >= 1 and <= 4096, got 4097; pass a small multiple"
    ):
        BlockPairs([], [], [0], 4097)


def test_blocks_and_arrays_that_are_none():
    pool = BlockPairs.of([0, 1], [1, 2], Partition.by_weight([1, 1, 1], 2))
    for block, text in (
        ((0, 2), r"tail must be an integer >= 0 and <= 1, got 2; pass a block of a BlockSchedule"),
        ((-1, 0), r"head must be an integer >= 0 and <= 1, got -1; pass a block"),
    ):
        with pytest.raises(BadArgument, match=text):
            pool.block(*block)
    for arrays, text in (
        (([0], [0, 1], [0, 1], 1), r"tails must have shape \(1,\) as heads, got \(2,\); use BlockPairs.of"),
        (([0.5], [0], [0, 1], 1), r"heads must be a list of integers, got float64, shape \(1,\)"),
        (([0], [0], [0, 0, 1], 1), r"offsets must be 2 numbers from 0 to 1 that do not decrease, got array"),
        (([0], [0], [0, 2], 1), r"offsets must be 2 numbers from 0 to 1 that do not decrease"),
    ):
        with pytest.raises(BadArgument, match=text):
            BlockPairs(*arrays)
    with pytest.raises(BadArgument, match=r"partition must be a Partition, got \[0, 0\]; write Partition.by_weight\("):
        BlockPairs.of([0], [1], [0, 0])

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

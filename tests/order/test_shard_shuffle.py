from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


def epoch_of(counts, window, epoch=0):
    table = cr.Table.from_shards(counts)
    dealer = cr.Dealer(cr.chain(cr.ShardShuffle(window), cr.FixedSize(5)), table, seed=4)
    dealer.set_epoch(epoch)
    return dealer, [i for deal in dealer for i in deal], table.shard_offsets


@given(counts=st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(sum), window=st.integers(1, 5))
def test_each_id_once_and_only_a_window_of_shards_open_at_a_time(counts, window):
    dealer, ids, offsets = epoch_of(counts, window)
    assert sorted(ids) == list(range(sum(counts)))
    assert dealer.position_of(ids, epoch=0).tolist() == list(range(len(ids)))
    shard_of = np.searchsorted(offsets, ids, side="right") - 1
    first = {shard: place for place, shard in reversed(list(enumerate(shard_of.tolist())))}
    last = {shard: place for place, shard in enumerate(shard_of.tolist())}
    for place in range(len(ids)):
        assert sum(first[shard] <= place <= last[shard] for shard in first) <= window


def test_shards_and_the_ids_within_are_in_a_new_order_each_epoch():
    orders = [epoch_of([20] * 10, 2, epoch)[1] for epoch in range(3)]
    shards = [[i // 20 for i in order] for order in orders]
    assert len({tuple(order) for order in orders}) == 3
    assert len({tuple(dict.fromkeys(order)) for order in shards}) == 3
    assert orders[0] != sorted(orders[0], key=lambda i: shards[0].index(i // 20))


def test_a_table_without_shards_is_refused():
    with pytest.raises(BadArgument, match=r"table must know its shards for ShardShuffle.*from_shards"):
        cr.Dealer(cr.chain(cr.ShardShuffle(), cr.FixedSize(1)), cr.Table(size=4), seed=0)
    with pytest.raises(BadArgument, match="window_shards must be an integer >= 1"):
        cr.ShardShuffle(0)

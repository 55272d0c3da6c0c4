from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


def dealer_of(order, table):
    return cr.Dealer(cr.chain(order, cr.FixedSize(4), segment_ids=8), table, seed=0)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6))
def test_one_of_each_in_turn_until_all_have_run_out(sizes):
    """The oracle: queues, each asked in turn."""
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    parts = [cr.Subset(cr.Sequential(), range(start, start + size)) for start, size in zip(starts, sizes, strict=True)]
    dealer = dealer_of(cr.Interleave(parts), cr.Table(size=sum(sizes)))
    queues = [list(range(start, start + size)) for start, size in zip(starts, sizes, strict=True)]
    expected = []
    while any(queues):
        expected += [queue.pop(0) for queue in queues if queue]
    ids = [i for deal in dealer for i in deal]
    assert ids == expected
    assert dealer.position_of(range(sum(sizes)), epoch=0).tolist() == [expected.index(i) for i in range(sum(sizes))]


def test_ids_of_one_order_only():
    orders = [cr.Subset(cr.Sequential(), range(2)), cr.Subset(cr.Sequential(), range(5, 8))]
    dealer = dealer_of(cr.Interleave(orders), cr.Table(size=9))
    assert dealer.position_of([0, 5, 4, 7], epoch=0).tolist() == [0, 1, -1, 4]


@pytest.mark.parametrize(
    ("orders", "text"),
    [
        ((), r"orders must be a list of orders, got \(\); write Interleave"),
        ([cr.Shuffle], r"orders\[0\] must be an order of its own"),
    ],
)
def test_bad_orders_are_refused(orders, text):
    with pytest.raises(BadArgument, match=text):
        cr.Interleave(orders)

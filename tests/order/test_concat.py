from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


def dealer_of(order, table, segment_ids=8):
    return cr.Dealer(cr.chain(order, cr.FixedSize(4), segment_ids=segment_ids), table, seed=0)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=5), st.integers(0, 2))
def test_epochs_follow_one_another(sizes, epoch):
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    parts = [cr.Subset(cr.Shuffle(), range(start, start + size)) for start, size in zip(starts, sizes, strict=True)]
    dealer = dealer_of(cr.Concat(parts), cr.Table(size=sum(sizes)))
    dealer.set_epoch(epoch)
    ids = [i for deal in dealer for i in deal]
    for start, size in zip(starts, sizes, strict=True):
        assert sorted(ids[start : start + size]) == list(range(start, start + size))
    assert dealer.position_of(ids, epoch).tolist() == list(range(len(ids)))


def test_the_same_order_twice_is_two_passes_of_their_own():
    dealer = dealer_of(cr.Concat([cr.Shuffle(), cr.Shuffle()]), cr.Table(size=20))
    ids = [i for deal in dealer for i in deal]
    assert sorted(ids[:20]) == sorted(ids[20:]) == list(range(20))
    assert ids[:20] != ids[20:]
    assert dealer.position_of(ids[:20], epoch=0).tolist() == list(range(20)), "the first of two times"


def test_columns_travel():
    table = cr.Table(w=[1.0] * 9, v=[2.0] * 9)
    dealer = dealer_of(cr.Concat([cr.Weighted("w"), cr.Weighted("v", name="other")]), table)
    assert all("probability" in deal.columns for deal in dealer)


@pytest.mark.parametrize(
    ("orders", "text"),
    [
        ([], r"orders must be a list of orders, got \[\]; write Concat"),
        (cr.Shuffle(), r"orders must be a list of orders"),
        ([cr.Shuffle(), cr.FixedSize(2)], r"orders\[1\] must be an order of its own"),
    ],
)
def test_bad_orders_are_refused(orders, text):
    with pytest.raises(BadArgument, match=text):
        cr.Concat(orders)


@pytest.mark.parametrize(
    "make", [cr.Concat, cr.Interleave, lambda orders: cr.Mixture(dict(zip("ab", orders, strict=True)), cr.Uniform())]
)
def test_orders_of_other_columns_are_refused_before_the_run(make):
    table = cr.Table(w=[1.0] * 24)
    orders = [cr.Subset(cr.Shuffle(), range(12)), cr.Subset(cr.Weighted("w"), range(12, 24))]
    with pytest.raises(
        BadArgument, match=r"orders joined in one must add the same columns, got \[\] of 'subset' and \['i"
    ):
        dealer_of(make(orders), table)

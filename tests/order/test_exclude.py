from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


def dealer_of(order, table):
    return cr.Dealer(cr.chain(order, cr.FixedSize(7)), table, seed=0)


@given(st.lists(st.integers(0, 59), max_size=70))
def test_all_rows_but_these_once(rows):
    table = cr.Table(w=np.arange(1.0, 61.0))
    left = sorted(set(range(60)) - set(rows))
    if not left:
        return
    sequential = dealer_of(cr.Exclude(cr.Sequential(), rows), table)
    assert [i for deal in sequential for i in deal] == left
    shuffled = dealer_of(cr.Exclude(cr.Shuffle(), rows), table)
    ids = [i for deal in shuffled for i in deal]
    assert sorted(ids) == left
    expected = [ids.index(i) if i in left else -1 for i in range(60)]
    assert shuffled.position_of(range(60), epoch=0).tolist() == expected
    weighted = dealer_of(cr.Exclude(cr.Weighted("w"), rows), table).first()
    assert set(weighted) <= set(left)
    total = (np.array(left) + 1.0).sum()
    assert weighted.columns["probability"] == pytest.approx((weighted.ids + 1.0) / total)


def test_a_few_rows_of_a_huge_table():
    dealer = dealer_of(cr.Exclude(cr.Shuffle(), range(10**6)), cr.Table(size=10**15))
    first = list(dealer.first())
    assert min(first) >= 10**6
    assert dealer.position_of(first, epoch=0).tolist() == list(range(7))


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([-1], r"rows must be a range, or row numbers from 0, got \[-1\]"),
        ([0.5], r"rows must be a range, or row numbers from 0"),
        ([10], r"rows must be below the table's 10 rows, got 10"),
        (range(10), r"rows must leave at least one row, got all 10 rows; exclude fewer"),
    ],
)
def test_bad_rows_are_refused(rows, text):
    with pytest.raises(BadArgument, match=text):
        dealer_of(cr.Exclude(cr.Shuffle(), rows), cr.Table(size=10))


def test_unsigned_numbers_do_not_wrap_around():
    for order in (cr.Exclude, cr.Subset):
        with pytest.raises(BadArgument, match=r"rows must be a range, or row numbers from 0"):
            order(cr.Shuffle(), np.array([2**64 - 1, 1], np.uint64))

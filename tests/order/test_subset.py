from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


def dealer_of(order, table, seed=0):
    return cr.Dealer(cr.chain(order, cr.FixedSize(7)), table, seed=seed)


def ids_of(dealer):
    return [i for deal in dealer for i in deal]


@given(st.integers(0, 30), st.integers(1, 40), st.integers(0, 5))
def test_a_range_is_the_order_of_a_table_of_its_rows(start, length, seed):
    """The oracle: the same order over a table cut by hand, ids moved up."""
    weights = np.arange(1.0, 101.0)
    rows = range(start, start + length)
    for order in (
        cr.Shuffle(name="inner"),
        cr.Weighted("w", name="inner"),
        cr.Curriculum("w", cr.Pacing(50), name="inner"),
    ):
        whole = ids_of(dealer_of(cr.Subset(order, rows, name="outer"), cr.Table(w=weights), seed))
        nested = cr.chain(cr.chain(order, name="outer"), cr.FixedSize(7))
        alone = ids_of(cr.Dealer(nested, cr.Table(w=weights[start : start + length]), seed=seed))
        assert whole == [i + start for i in alone]


@given(st.lists(st.integers(0, 99), min_size=1, max_size=40, unique=True))
def test_an_array_is_the_order_of_a_table_of_its_rows(rows):
    table = cr.Table(w=np.arange(1.0, 101.0))
    dealer = dealer_of(cr.Subset(cr.Shuffle(), rows), table)
    ids = ids_of(dealer)
    assert sorted(ids) == sorted(rows)
    expected = [ids.index(i) if i in rows else -1 for i in range(100)]
    assert dealer.position_of(range(100), epoch=0).tolist() == expected
    drawn = dealer_of(cr.Subset(cr.Weighted("w"), rows), table).first()
    assert drawn.columns["probability"] == pytest.approx(table.column("w")[list(drawn)] / (np.array(rows) + 1.0).sum())


def test_a_range_of_a_huge_table_costs_nothing():
    table = cr.Table(size=10**15)
    dealer = dealer_of(cr.Subset(cr.Shuffle(), range(10**14, 3 * 10**14)), table)
    first = list(dealer.first())
    assert all(10**14 <= i < 3 * 10**14 for i in first)
    assert dealer.position_of(first, epoch=0).tolist() == list(range(7))


def test_ranges_of_other_rows_have_no_position():
    dealer = dealer_of(cr.Subset(cr.Sequential(), range(3, 6)), cr.Table(size=8))
    assert dealer.position_of(range(8), epoch=0).tolist() == [-1, -1, -1, 0, 1, 2, -1, -1]


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (range(3, 3), r"rows must be a range of step 1 from 0 or more, not empty"),
        (range(0, 9, 2), r"rows must be a range of step 1"),
        (range(-1, 3), r"rows must be a range of step 1"),
        ([], r"rows must be a range, or row numbers from 0"),
        ([True, False], r"for a mask write np.flatnonzero\(mask\)"),
        ([-1], r"rows must be a range, or row numbers from 0"),
        ([3, 5, 3], r"rows must hold each row at most once, got row 3 2 times; see Mixture and Weighted"),
        ([100], r"rows must be below the table's 10 rows, got 100; is it another table\?"),
        (range(5, 11), r"rows must be below the table's 10 rows, got 10"),
    ],
)
def test_bad_rows_are_refused(rows, text):
    with pytest.raises(BadArgument, match=text):
        dealer_of(cr.Subset(cr.Shuffle(), rows), cr.Table(size=10))


def test_another_subset_is_another_plan():
    table = cr.Table(size=100)
    state = dealer_of(cr.Subset(cr.Shuffle(), range(50)), table).state_dict()
    with pytest.raises(ValueError, match=r"rows.range\[1\] must be 50 as when it was saved, got 51"):
        dealer_of(cr.Subset(cr.Shuffle(), range(51)), table).load_state_dict(state)

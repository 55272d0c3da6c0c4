from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadTable


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_it_is_a_stable_sort_and_tells_where_each_row_comes(times):
    plan = cr.chain(cr.Chronological("time"), cr.FixedSize(7))
    dealer = cr.Dealer(plan, cr.Table(time=times), seed=0)
    dealt = [i for deal in dealer for i in deal]
    assert dealt == sorted(range(len(times)), key=lambda row: times[row])
    assert dealer.position_of(dealt, epoch=0).tolist() == list(range(len(times)))


def test_a_table_in_order_holds_nothing():
    assert cr.Chronological("time").prepare(cr.Table(time=[0.5, 0.5, 2.0]), cr.Key(0), 0) == {}


def test_what_is_no_time_is_refused():
    for times, got in ((["a", "b"], "int"), ([1.0, np.nan], "values that are none"), ([[1], [2]], "int64")):
        with pytest.raises(BadTable, match=rf"'time' must hold times, got .*{got}"):
            cr.Dealer(cr.chain(cr.Chronological("time"), cr.FixedSize(1)), cr.Table(time=times), seed=0)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


@given(
    lengths=st.lists(st.integers(0, 50), min_size=1, max_size=80),
    window=st.integers(1, 40),
    cut=st.integers(0, 80),
)
def test_windows_are_sorted_and_keep_their_ids(lengths, window, cut):
    table = cr.Table(length=lengths)
    cut = min(cut, len(lengths))
    incoming = cr.Batches.of(np.arange(len(lengths)), [cut, len(lengths) - cut])
    out = cr.SortedWindows(window).plan(incoming, cr.Context(table=table, key=cr.Key(0)))
    assert out.interchangeable
    assert out.offsets.tolist() == incoming.offsets.tolist()
    assert out.columns["length"].tolist() == [lengths[i] for i in out.indices]
    for before, after in zip(incoming, out, strict=True):
        assert sorted(before.tolist()) == sorted(after.tolist())
    turns = np.sign(np.diff(out.columns["length"]))
    turning = int((np.diff(turns[turns != 0]) != 0).sum())
    assert turning <= len(lengths) / window + 2


def test_a_last_small_piece_joins_the_window_before():
    starts = cr.SortedWindows(10)._window_starts(np.array([0, 24, 26, 26, 40]))
    assert starts.tolist() == [0, 10, 24, 26, 40]


def test_batches_keep_their_order_for_evaluation():
    table = cr.Table(length=np.arange(100)[::-1])
    plan = cr.chain(cr.Sequential(), cr.SortedWindows(100, shuffle_batches=False), cr.FixedSize(10))
    assert [i for deal in cr.Dealer(plan, table, seed=0) for i in deal] == list(range(100))[::-1]


def test_shuffled_batches_come_in_another_order_each_epoch():
    table = cr.Table(length=np.arange(100))
    dealer = cr.Dealer(cr.chain(cr.Sequential(), cr.SortedWindows(100), cr.FixedSize(10)), table, seed=0)
    first, second = ([deal[0] for deal in dealer] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(0, 100, 10))
    assert first != second
    assert first != sorted(first)


def test_a_window_has_ids():
    with pytest.raises(BadArgument, match="window_ids must be an integer >= 1, got 0; pass the number of ids to sort"):
        cr.SortedWindows(0)

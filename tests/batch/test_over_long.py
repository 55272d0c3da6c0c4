from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.batch.over_long import refuse_longer, settle_over_long
from croupier.errors import BadTable


def settled(lengths, limit, policy, sizes=None):
    batches = cr.Batches.of(np.arange(len(lengths)), sizes).with_columns(length=np.asarray(lengths, np.int64))
    return settle_over_long(
        batches, batches.columns["length"], limit, policy, length="length", budget="max_tokens=9", stage="x"
    )


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.integers(1, 12))
def test_pieces_cover_each_example_once_in_order(lengths, limit):
    cut = len(lengths) // 2
    split = settled(lengths, limit, cr.TooLong.SPLIT, [cut, len(lengths) - cut])
    assert split.fault() is None
    assert split.columns["length"].max() <= limit
    for row, length in enumerate(lengths):
        mine = np.flatnonzero(split.indices == row)
        tokens = [
            t
            for i in mine
            for t in range(split.columns["start"][i], split.columns["start"][i] + split.columns["length"][i])
        ]
        assert tokens == list(range(length))
        assert mine.size == max(1, -(-length // limit))
    assert set(split[0].tolist()) == set(range(cut)), "pieces stay in the batch of their example"
    over = [length for length in lengths if length > limit]
    assert split.ledger.ids("dealt in pieces") == len(over)


def test_each_policy_and_its_entry():
    for policy, ids, planned, event in (
        (cr.TooLong.DROP, [0, 2], [3, 9], "dropped as too long"),
        (cr.TooLong.TRUNCATE, [0, 1, 2], [3, 9, 9], "truncated"),
        (cr.TooLong.ALONE, [0, 1, 2], [3, 20, 9], "dealt alone over the budget"),
        (cr.TooLong.SPLIT, [0, 1, 1, 1, 2], [3, 9, 9, 2, 9], "dealt in pieces"),
    ):
        out = settled([3, 20, 9], 9, policy)
        assert (out.indices.tolist(), out.columns["length"].tolist()) == (ids, planned)
        assert out.ledger.ids(event) == 1
        assert not settled([3, 9], 9, policy).ledger
    assert "start" in settled([3], 9, cr.TooLong.SPLIT).columns, "every window has the same columns"


def test_refusals_name_the_row():
    with pytest.raises(BadTable, match=r"'length' must be <= 9, the longest that fits max_tokens=9, got 20 in row 1; "):
        settled([3, 20], 9, cr.TooLong.REFUSE)
    with pytest.raises(
        BadTable, match=r"got 20 in row 1; raise that, or pass too_long=TooLong.DROP, TooLong.TRUNCATE or"
    ):
        refuse_longer(cr.Table(length=[3, 20]), ("length",), 9, "max_tokens=9")
    refuse_longer(cr.Table(length=[3, 9]), ("length",), 9, "max_tokens=9")

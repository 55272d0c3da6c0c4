from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.core import facts
from croupier.core.facts import check_length_column, gathered, lengths_of
from croupier.errors import BadTable

TABLE = cr.Table(length=[5, 6, 7], kind=[1, 2, 3])


def test_what_travels_with_the_ids_is_not_read_again():
    batches = cr.Batches.of([2, 0])
    assert gathered(batches, TABLE, "kind").tolist() == [3, 1]
    assert gathered(batches.with_columns(kind=np.array([9, 9])), TABLE, "kind").tolist() == [9, 9]
    assert lengths_of(batches, TABLE, "length").tolist() == [7, 5]
    assert lengths_of(batches.with_columns(length=np.array([1, 1])), TABLE, "length").tolist() == [1, 1]


def test_long_columns_are_checked_in_samples_and_then_as_they_are_read(monkeypatch):
    monkeypatch.setattr(facts, "CHECK_WHOLE_COLUMN_ROWS", 4)
    lengths = np.full(10_000, 3)
    lengths[5] = -1
    table = cr.Table(length=lengths)
    check_length_column(table, "length")
    with pytest.raises(BadTable, match="must be >= 0, got -1 in row"):
        list(cr.Dealer(cr.chain(cr.Shuffle(), cr.SortedWindows(), cr.FixedSize(9)), table, seed=0))

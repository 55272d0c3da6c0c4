from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.core import fingerprint
from croupier.core.fingerprint import describe, digest, table_fingerprint
from croupier.errors import BadArgument


def test_descriptions_name_every_field_that_decides():
    assert describe(cr.FixedSize(4)) == {
        "class": "FixedSize", "batch_size": 4, "tail": "Tail.SHORT", "name": "fixed_size"
    }  # fmt: skip
    assert describe(cr.LossWeighted(artefact="here")) == describe(cr.LossWeighted(artefact="there"))
    assert describe(cr.Selection([1, 2])) != describe(cr.Selection([2, 1]))
    assert digest(describe(cr.Selection([1, 2]))) == digest(describe(cr.Selection(np.array([1, 2]))))


def test_what_cannot_be_described_is_refused():
    with pytest.raises(BadArgument, match="a stage must be a frozen dataclass"):
        describe(object())


def test_tables_differ_in_any_value_of_a_small_one():
    rows = np.arange(5000)
    changed = rows.copy()
    changed[4321] = 0
    assert table_fingerprint(cr.Table(a=rows)) == table_fingerprint(cr.Table(a=rows.copy()))
    assert table_fingerprint(cr.Table(a=rows)) != table_fingerprint(cr.Table(a=changed))
    assert table_fingerprint(cr.Table(a=rows)) != table_fingerprint(cr.Table(b=rows))
    assert table_fingerprint(cr.Table(a=rows)) != table_fingerprint(cr.Table(a=rows.astype(np.int32)))
    assert table_fingerprint(cr.Table(k=["x", "y"])) != table_fingerprint(cr.Table(k=["x", "z"]))
    assert table_fingerprint(cr.Table.from_shards([1, 2])) != table_fingerprint(cr.Table.from_shards([2, 1]))


def test_large_tables_are_sampled_not_read(monkeypatch):
    monkeypatch.setattr(fingerprint, "FULL_HASH_BYTES", 100)
    rows = np.arange(100_000)
    fingerprint_of_rows = table_fingerprint(cr.Table(a=rows))
    assert fingerprint_of_rows["full"] is None
    assert fingerprint_of_rows != table_fingerprint(cr.Table(a=rows[::-1]))


def test_byte_order_does_not_matter():
    rows = np.arange(10)
    assert fingerprint._array_digest(rows) == fingerprint._array_digest(rows.astype(">i8"))

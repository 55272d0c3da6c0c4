from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import croupier as cr
from croupier.core.table import checked_lengths
from croupier.errors import BadArgument, BadTable


@pytest.mark.parametrize(
    "values",
    [
        [5, 3, 9],
        np.array([5, 3, 9], dtype=np.int16),
        np.array([5, 3, 9], dtype=">i4"),
        np.array([5, 0, 3, 0, 9])[::2],
        torch.tensor([5, 3, 9]),
        pa.array([5, 3, 9]),
        pa.chunked_array([[5], [3, 9]]),
        (5.0, 3.0, 9.0),
    ],
    ids=["list", "int16", "big-endian", "strided", "torch", "arrow", "chunked", "whole floats"],
)
def test_columns_of_every_kind(values):
    table = cr.Table(length=values)
    plan = cr.chain(cr.Sequential(), cr.TokenBudget(10))
    assert table.size == len(table) == 3
    assert [deal.ids.tolist() for deal in cr.Dealer(plan, table, seed=0)] == [[0, 1], [2]]


def test_arrow_and_parquet(tmp_path):
    facts = pa.table({"length": [4, 5, 6], "language": ["b", "a", "b"], "text": ["x", "y", "z"]})
    pq.write_table(facts, tmp_path / "facts.parquet")
    for table in (
        cr.Table.from_arrow(facts, ["length", "language"]),
        cr.Table.from_parquet(tmp_path / "facts.parquet", ["length", "language"]),
    ):
        assert set(table.columns) == {"length", "language"}
        assert table.column("language").tolist() == [1, 0, 1]
        assert table.categories["language"] == ("a", "b")
    assert "text" in cr.Table.from_parquet(tmp_path / "facts.parquet")


class HubDataset:
    """The part of a Hugging Face dataset that from_dataset uses."""

    def __len__(self):
        return 3

    def with_format(self, kind):
        assert kind == "numpy"
        return {"length": np.array([1, 2, 3])}


def test_hub_datasets():
    assert cr.Table.from_dataset(HubDataset()).size == 3
    assert cr.Table.from_dataset(HubDataset(), ["length"]).column("length").tolist() == [1, 2, 3]


def test_memory_mapped_columns_are_not_copied(tmp_path):
    np.save(tmp_path / "lengths.npy", np.arange(10, dtype=np.int32))
    mapped = np.load(tmp_path / "lengths.npy", mmap_mode="r")
    table = cr.Table(length=mapped)
    assert np.shares_memory(table.column("length"), mapped)
    assert np.shares_memory(table.prefix(4).column("length"), mapped)


def test_a_prefix_keeps_categories_and_cuts_shards():
    table = cr.Table.from_shards([3, 3], kind=["x", "y", "x", "y", "x", "z"])
    part = table.prefix(4)
    assert (part.size, part.shard_offsets.tolist(), part.categories) == (4, [0, 3, 4], table.categories)
    assert table.prefix(6) is table


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            cr.Table,
            BadArgument,
            r"size must be given where there are no columns, got None; write Table\(size=",
        ),
        (
            lambda: cr.Table(size=0),
            BadArgument,
            r"size must be an integer >= 1 and <= \d+, got 0; .*is the dataset empty",
        ),
        (lambda: cr.Table(size=2**63), BadArgument, "size must be an integer"),
        (lambda: cr.Table(size=2.0), BadArgument, "size must be an integer"),
        (lambda: cr.Table(length=[]), BadArgument, "got 0; a table needs at least one row"),
        (lambda: cr.Table(a=[1, 2], b=[1]), BadTable, "'b' must have 2 rows like the rest of the table, got 1"),
        (lambda: cr.Table(a=[1, None]), BadTable, "'a' must hold numbers or strings, got dtype object"),
        (lambda: cr.Table(a=5), BadTable, "'a' must have one value an example, got 5"),
        (lambda: cr.Table(a=pa.array([1, None])), BadTable, "'a' must have a value in every row, got 1 nulls"),
        (lambda: cr.Table(a=np.ma.masked_array([1], [True])), BadTable, "'a' must have a value in every row"),
        (lambda: cr.Table(size=1).column("length"), BadTable, "'length' must be there, got columns none; add it"),
        (lambda: cr.Table.from_shards([]), BadArgument, "counts must be a list of integers"),
        (lambda: cr.Table.from_shards([1.5]), BadArgument, "counts must be a list of integers"),
        (lambda: cr.Table.from_shards([3, -1]), BadArgument, "counts must be >= 0, got -1"),
        (lambda: cr.Table.from_shards([0, 0]), BadArgument, "is the dataset empty"),
    ],
)
def test_bad_tables_are_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1.0, np.nan], "must hold whole numbers, got nan in row 1 of the rows read; give lengths in a smaller unit"),
        ([1.5], "must hold whole numbers, got 1.5 in row 0"),
        ([np.inf], "must hold whole numbers"),
        ([3, -2], "must be >= 0, got -2 in row 1"),
        ([[1, 2]], "must have one value an example, got shape"),
        (np.array([2**63], np.uint64), "must be <= 1099511627776, got 9223372036854775808 in row 0"),
        ([True], "must hold whole numbers, got dtype bool"),
    ],
)
def test_bad_lengths_are_refused_before_the_run(values, text):
    with pytest.raises(BadTable, match=text):
        checked_lengths("length", np.array(values))
    if np.ndim(values) == 1:
        for stage in (cr.SortedWindows(), cr.LengthBuckets(2), cr.TokenBudget(9)):
            with pytest.raises(BadTable, match="table column 'length'"):
                cr.Dealer(cr.chain(cr.Shuffle(), stage, cr.FixedSize(1)), cr.Table(length=np.array(values)), seed=0)


def test_strings_are_no_lengths():
    with pytest.raises(BadTable, match="'length' must hold lengths, got strings, which are categories"):
        cr.Dealer(cr.chain(cr.Shuffle(), cr.TokenBudget(9)), cr.Table(length=["12", "5"]), seed=0)


def test_counts_are_those_of_each_code_and_counted_once(monkeypatch):
    table = cr.Table(language=["de", "fr", "de"], code=np.array([0, 3, 3], np.int8), flag=[True, False, True])
    assert table.counts("language").tolist() == [2, 1]
    assert table.counts("code").tolist() == [1, 0, 0, 2]
    assert table.counts("flag").tolist() == [1, 2]
    assert table.counts("code") is table.counts("code")
    monkeypatch.setattr("croupier.core.table.CHUNK_ROWS", 2)
    assert cr.Table(code=[0, 3, 3, 1, 1]).counts("code").tolist() == [1, 2, 0, 2]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ([0.5, 1.0], r"'code' must hold strings or codes 0, 1, 2..., got dtype float64; number the sources"),
        ([[0], [1]], r"'code' must hold strings or codes"),
        ([-1, 0], r"'code' must hold codes from 0 to 1048576, got -1 to 0"),
        ([0, 2**21], r"'code' must hold codes from 0 to 1048576, got 0 to 2097152"),
    ],
)
def test_columns_that_hold_no_codes_are_refused(column, text):
    with pytest.raises(BadTable, match=text):
        cr.Table(code=column).counts("code")


def test_a_view_makes_a_column_when_it_is_asked_for():
    picked = []

    def pick(values):
        picked.append(values)
        return values[[2, 0]]

    view = cr.Table(length=[5, 3, 9], language=["de", "fr", "de"]).view(2, pick)
    assert (view.size, len(view), picked) == (2, 2, [])
    assert view.column("length").tolist() == [9, 5]
    assert view.column("length") is view.column("length")
    assert len(picked) == 1
    assert "length" in view
    assert list(view.columns) == ["length", "language"]
    assert view.categories["language"] == ("de", "fr")
    assert view.counts("language").tolist() == [2, 0]


def test_common_slips_are_named():
    with pytest.raises(BadArgument, match=r"size must be a number of rows, got a mapping; write Table\(\*\*columns\)"):
        cr.Table({"length": [1, 2]})
    with pytest.raises(BadTable, match=r"'a' must have rows of one shape, got ragged lists; pad them"):
        cr.Table(a=[[1], [1, 2]])
    with pytest.raises(BadArgument, match=r"the column of a stage must be a name, got array"):
        cr.Table(a=[1]).column(np.ones(3))


def test_a_parquet_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        cr.Table.from_parquet(tmp_path / "gone.parquet")
    assert raised.value.filename == str(tmp_path / "gone.parquet")

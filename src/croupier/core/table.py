"""Facts about examples: one row an example, columns of NumPy arrays, mapped files left where they are."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import numpy.typing as npt

from croupier.core.plain_array import plain_array, whole_numbers
from croupier.errors import BadArgument, BadTable, checked_int, checked_path, printable

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["Table"]

Int64 = npt.NDArray[np.int64]

MAX_ROWS = 2**62
MAX_CODE = 2**20
CHUNK_ROWS = 2**20
MAX_LENGTH = 2**40
"""Sums of lengths are int64 too: a segment of such lengths, or a batch of them padded, still fits."""


class Table:
    """What the plan may know of each example.

    Parameters
    ----------
    size : int, optional
        Number of rows, where no column says it. ``Table(size=10**9)`` is a table without facts.
    **columns : array-like of shape (size,) or (size, ...)
        Named facts. NumPy arrays and memory-mapped files are used as they are, without a copy; lists, Arrow arrays,
        torch tensors and pandas series are converted. Strings become categories: codes in the column,
        names in ``table.categories``.

    Raises
    ------
    BadTable
        No rows, columns of different lengths, or a column of Python objects.

    Examples
    --------
    >>> table = Table(length=[5, 3, 9], language=["de", "fr", "de"])
    >>> table.size, table.categories["language"]
    (3, ('de', 'fr'))
    """

    __slots__ = ("_columns", "_counts", "categories", "shard_offsets", "size")

    def __init__(self, size: int | None = None, **columns: Any) -> None:
        categories: dict[str, tuple[str, ...]] = {}
        converted: dict[str, npt.NDArray[Any]] = {}
        for name, values in columns.items():
            converted[name] = _as_column(name, values, categories)
        if isinstance(size, Mapping):
            raise BadArgument("size", "be a number of rows", "a mapping", "write Table(**columns)")
        if size is None and not converted:
            raise BadArgument("size", "be given where there are no columns", size, "write Table(size=len(dataset))")
        lengths = {name: len(values) for name, values in converted.items()}
        rows = next(iter(lengths.values())) if size is None else size
        rows = checked_int(
            "size", rows, at_least=1, at_most=MAX_ROWS, fix="a table needs at least one row: is the dataset empty?"
        )
        for name, count in lengths.items():
            if count != rows:
                raise BadTable(name, f"have {rows} rows like the rest of the table", count, "give one value an example")
        self.size: int = rows
        self.categories: Mapping[str, tuple[str, ...]] = categories
        self.shard_offsets: Int64 | None = None
        self._columns: Mapping[str, npt.NDArray[Any]] = converted
        self._counts: dict[str, Int64] = {}

    @classmethod
    def from_shards(cls, counts: Sequence[int] | npt.ArrayLike, **columns: Any) -> Self:
        """A table of sharded data: shard ``s`` holds the ``counts[s]`` rows that follow those of shard ``s - 1``.

        Examples
        --------
        >>> Table.from_shards([3, 2]).shard_offsets.tolist()
        [0, 3, 5]
        """
        fix = "give the number of rows of each shard"
        shard_counts = whole_numbers("counts", counts, fix=fix)
        if shard_counts.size == 0:
            raise BadArgument("counts", "be a list of integers", counts, fix)
        if int(shard_counts.min()) < 0:
            raise BadArgument("counts", "be >= 0", int(shard_counts.min()), fix)
        rows = sum(shard_counts.tolist())  # of Python's integers, which do not wrap
        if rows > MAX_ROWS:
            raise BadArgument("counts", f"sum to at most {MAX_ROWS} rows", rows, fix)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(shard_counts)])
        table = cls(size=int(offsets[-1]), **columns)
        table.shard_offsets = offsets
        return table

    @classmethod
    def from_arrow(cls, table: Any, columns: Sequence[str] | None = None) -> Self:
        """The columns of a ``pyarrow.Table`` or record batch; all of them, or those named."""
        if not hasattr(table, "num_rows") or not hasattr(table, "schema"):
            raise BadArgument("table", "be a pyarrow.Table or record batch", table, "write Table(**columns) for arrays")
        there = list(table.schema.names)
        names = _checked_names(there if columns is None else columns, there)
        return cls(size=table.num_rows, **{name: table.column(name) for name in names})

    @classmethod
    def from_parquet(cls, path: str | PathLike[str], columns: Sequence[str] | None = None) -> Self:
        """The columns of a Parquet file or folder, read with PyArrow; all of them, or those named."""
        from pyarrow import parquet

        path = checked_path("path", path)
        names = None if columns is None else _checked_names(columns)
        try:
            read = cast("Any", parquet).read_table(path, columns=names)
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None  # Arrow's names no file
        except (RuntimeError, OSError, ValueError) as error:  # Arrow's own are of these
            raise BadArgument("path", "be a Parquet file or folder", path, f"it cannot be read: {error}") from None
        return cls.from_arrow(read, names)

    @classmethod
    def from_dataset(cls, dataset: Any, columns: Sequence[str] | None = None) -> Self:
        """The columns of a Hugging Face dataset; without names, only its size is taken.

        A dataset that was shuffled or filtered by an index mapping is read through that mapping.
        """
        if not hasattr(dataset, "__len__") or not hasattr(dataset, "with_format"):
            raise BadArgument("dataset", "be a Hugging Face dataset with a length", dataset, "write Table(**columns)")
        names = () if columns is None else _checked_names(columns, getattr(dataset, "column_names", None))
        return cls(size=len(dataset), **{name: dataset.with_format("numpy")[name][:] for name in names})

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        facts = ", ".join(f"{printable(name)}: {values.dtype}" for name, values in self._columns.items())
        return f"Table(size={self.size:,}{', ' + facts if facts else ''})"

    @property
    def columns(self) -> Mapping[str, npt.NDArray[Any]]:
        """The columns by name."""
        return self._columns

    def column(self, name: str) -> npt.NDArray[Any]:
        """One column, or an error that lists the columns there are."""
        if not isinstance(name, str):
            raise BadArgument(
                "the column of a stage", "be a name", name, "put values into the table: Table(name=values)"
            )
        try:
            return self._columns[name]
        except KeyError:
            there = ", ".join(map(repr, self._columns)) or "none"
            raise BadTable(
                name, "be there", f"columns {there}", f"add it: Table({name}=...), or name another in the stage"
            ) from None

    def counts(self, name: str) -> Int64:
        """Rows of each category or code of a column, shape (largest code + 1,); counted once.

        Raises
        ------
        BadTable
            The column holds no codes: numbers that are not whole, below 0 or above a million.
        """
        if not isinstance(name, str) or name not in self._counts:
            column = self.column(name)
            if column.ndim != 1 or column.dtype.kind not in "biu":
                raise BadTable(name, "hold strings or codes 0, 1, 2...", f"dtype {column.dtype}", "number the sources")
            least, most = int(column.min()), int(column.max())
            if least < 0 or most > MAX_CODE:
                raise BadTable(
                    name, f"hold codes from 0 to {MAX_CODE}", f"{least} to {most}",
                    "number the sources from 0; to leave rows out, Exclude(order, rows)",
                )  # fmt: skip
            counts = np.zeros(max(most + 1, len(self.categories.get(name, ()))), dtype=np.int64)
            for begin in range(0, self.size, CHUNK_ROWS):
                counts += np.bincount(column[begin : begin + CHUNK_ROWS], minlength=counts.size)
            self._counts[name] = counts
        return self._counts[name]

    def view(self, size: int, pick: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> Table:
        """Another choice of rows: ``pick`` takes a column to that choice, once a column is asked for."""
        part = Table(size=size)
        part._columns = _Picked(self._columns, pick)
        part.categories = self.categories
        return part

    def prefix(self, rows: int) -> Table:
        """The first rows of this table, without a copy: how an epoch finishes on the table it began with."""
        rows = checked_int("rows", rows, at_least=1, at_most=self.size, fix="pass how many of the table's rows")
        if rows == self.size:
            return self
        part = Table(size=rows, **{name: values[:rows] for name, values in self._columns.items()})
        part.categories = self.categories
        if self.shard_offsets is not None:
            cut = int(np.searchsorted(self.shard_offsets, rows, side="left"))
            part.shard_offsets = np.append(self.shard_offsets[:cut], rows)
        return part


class _Picked(Mapping[str, npt.NDArray[Any]]):
    """Columns of a view, each made when it is first asked for."""

    def __init__(
        self, columns: Mapping[str, npt.NDArray[Any]], pick: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
    ) -> None:
        self._columns, self._pick = columns, pick
        self._made: dict[str, npt.NDArray[Any]] = {}

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        if name not in self._made:
            self._made[name] = self._pick(self._columns[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


def _checked_names(columns: Any, there: Sequence[str] | None = None) -> list[str]:
    listed = cast("list[Any] | None", columns if isinstance(columns, (list, tuple)) else None)
    if listed is None or not all(isinstance(name, str) for name in listed):
        raise BadArgument("columns", "be a list of names", cast("object", columns), 'write columns=["length"]')
    names = cast("list[str]", list(listed))
    if len(set(names)) < len(names):
        raise BadArgument("columns", "have different names", names, "name each column once")
    if {"size", "self"} & set(names):
        raise BadArgument("columns", "not be named 'size' or 'self'", names, "rename the column, or name the others")
    missing = next((name for name in names if there is not None and name not in there), None)
    if missing is not None:
        raise BadTable(missing, "be there", f"columns {', '.join(map(repr, there or ()))}", "name another")
    return names


def _as_column(name: str, values: Any, categories: dict[str, tuple[str, ...]]) -> npt.NDArray[Any]:
    if np.ma.isMaskedArray(values):
        raise BadTable(name, "have a value in every row", "a masked array", "fill the masked values first")
    if hasattr(values, "null_count") and values.null_count:  # Arrow
        raise BadTable(name, "have a value in every row", f"{values.null_count} nulls", "fill the nulls first")
    if hasattr(values, "to_numpy") and not isinstance(values, np.ndarray):  # Arrow, pandas
        # Arrow's own conversion refuses what it would have to copy: texts, flags.
        values = np.asarray(values) if hasattr(values, "null_count") else values.to_numpy()
    try:
        array = cast("npt.NDArray[Any]", np.asanyarray(cast(Any, values)))
    except (TypeError, RuntimeError, MemoryError, OverflowError):
        array = plain_array(name, values)
    except ValueError:
        raise BadTable(
            name, "have rows of one shape", "ragged lists", "pad them, or keep them in the dataset"
        ) from None
    if array.ndim == 0:
        raise BadTable(name, "have one value an example", array.item(), "pass a list or an array")
    if array.dtype.kind == "O" and array.size and all(isinstance(value, str) for value in array.flat):
        array = array.astype(str)
    if array.dtype.kind in "US":
        names, codes = np.unique(array, return_inverse=True)
        categories[name] = tuple(map(str, names.tolist()))
        return codes.astype(np.int32)
    if array.dtype.kind not in "biuf":
        raise BadTable(name, "hold numbers or strings", f"dtype {array.dtype}", "convert it with numpy.asarray first")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def checked_lengths(name: str, values: npt.NDArray[Any]) -> Int64:
    """Lengths as int64, or an error: they must be whole numbers, 0 or more.

    Floats are taken only where every one is whole, because a length decides where a batch is cut,
    and what decides is an integer.
    """
    if values.ndim != 1:
        raise BadTable(name, "have one value an example", f"shape {values.shape}", "pass one length an example")
    if values.dtype.kind == "f":
        whole = np.isfinite(values) & (values == np.floor(values))
        if not whole.all():
            bad = int(np.flatnonzero(~whole)[0])
            raise BadTable(
                name, "hold whole numbers", f"{values[bad]} in row {bad} of the rows read",
                "give lengths in a smaller unit: (seconds * 1000).round().astype('int32')",
            )  # fmt: skip
    elif values.dtype.kind not in "iu":
        raise BadTable(name, "hold whole numbers", f"dtype {values.dtype}", "give lengths as integers")
    if values.size and values.min() < 0:
        bad = int(np.argmin(values))
        raise BadTable(name, "be >= 0", f"{values[bad]} in row {bad} of the rows read", "mend the lengths")
    if values.size and values.max() > MAX_LENGTH:
        bad = int(np.argmax(values))
        raise BadTable(name, f"be <= {MAX_LENGTH}", f"{values[bad]} in row {bad} of the rows read", "use a larger unit")
    return values.astype(np.int64)

"""Read a fact of the ids in some batches, once: from their columns if it travels with them, else from the table."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.mapped_rows import rows_of
from croupier.core.table import Table, checked_lengths
from croupier.errors import BadArgument, BadTable

__all__ = ["check_free", "checked_names", "gathered", "lengths_of", "several_lengths_of"]

CHECK_WHOLE_COLUMN_ROWS = 2**24
"""Columns up to this size are checked whole before a run; longer ones as their windows are read."""


def gathered(batches: Batches, table: Table, name: str) -> npt.NDArray[Any]:
    """The fact ``name`` of each id, shape (n, ...)."""
    travelling = batches.columns.get(name)
    return rows_of(table.column(name), batches.indices) if travelling is None else travelling


def lengths_of(batches: Batches, table: Table, name: str) -> Int64:
    """The length of each id as int64, checked to be whole and >= 0."""
    travelling = batches.columns.get(name)
    return gathered_lengths(table, name, batches.indices) if travelling is None else travelling


def several_lengths_of(batches: Batches, table: Table, names: tuple[str, ...]) -> Int64:
    """The lengths of each id by several columns, int64 of shape (n, d)."""
    return np.stack([lengths_of(batches, table, name) for name in names], axis=1)


def check_free(table: Table, name: str, stage: str) -> None:
    """Refuse a table whose column a stage would write over with one of its own."""
    if name in table:
        raise BadTable(name, f"not be there: {stage!r} adds a column of that name", "one that is", "rename the table's")


def checked_names(length: str | tuple[str, ...], argument: str = "length") -> tuple[str, ...]:
    """The columns a stage reads lengths from: one, or several that are padded side by side.

    Examples
    --------
    >>> checked_names("length"), checked_names(("source", "target"))
    (('length',), ('source', 'target'))
    """
    names: tuple[object, ...] = length if isinstance(length, tuple) else (length,)
    is_named = all(isinstance(name, str) and name != "is_padding" for name in names)  # a flag that deals carry
    if not names or not is_named or len(set(names)) < len(names):
        raise BadArgument(
            argument, "be a column's name, or a tuple of different ones", length, 'pass ("source", "target"), say'
        )
    return cast("tuple[str, ...]", names)


def gathered_lengths(table: Table, name: str, indices: Int64) -> Int64:
    """The lengths of these rows."""
    return checked_lengths(name, rows_of(table.column(name), indices))


def check_length_column(table: Table, name: str) -> None:
    """Refuse a length column that cannot be used: missing, negative, fractional. Long columns: a sample."""
    column = table.column(name)
    if name in table.categories:
        raise BadTable(name, "hold lengths", "strings, which are categories", "convert them to integers first")
    step = max(1, column.shape[0] // CHECK_WHOLE_COLUMN_ROWS)
    checked_lengths(name, np.asarray(column) if step == 1 else rows_of(column, np.arange(0, table.size, 1024 * step)))

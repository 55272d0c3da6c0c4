"""Read a fact of the ids in some batches, once: from their columns if it travels with them, else from the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.table import Table, checked_lengths
from croupier.errors import BadTable

__all__ = ["gathered", "lengths_of"]

CHECK_WHOLE_COLUMN_ROWS = 2**24
"""Columns up to this size are checked whole before a run; longer ones as their windows are read."""


def gathered(batches: Batches, table: Table, name: str) -> npt.NDArray[Any]:
    """The fact ``name`` of each id, shape (n, ...)."""
    travelling = batches.columns.get(name)
    return np.take(table.column(name), batches.indices, axis=0) if travelling is None else travelling


def lengths_of(batches: Batches, table: Table, name: str) -> Int64:
    """The length of each id as int64, checked to be whole and >= 0."""
    travelling = batches.columns.get(name)
    return gathered_lengths(table, name, batches.indices) if travelling is None else travelling


def gathered_lengths(table: Table, name: str, indices: Int64) -> Int64:
    """The lengths of these rows."""
    return checked_lengths(name, np.take(table.column(name), indices, axis=0))


def check_length_column(table: Table, name: str) -> None:
    """Refuse a length column that cannot be used: missing, negative, fractional. Long columns: a sample."""
    column = table.column(name)
    if name in table.categories:
        raise BadTable(name, "hold lengths", "strings, which are categories", "convert them to integers first")
    step = max(1, column.shape[0] // CHECK_WHOLE_COLUMN_ROWS)
    checked_lengths(name, np.asarray(column) if step == 1 else column[:: step * 1024])

"""Find the row that a point falls on, in running sums of integer weights, by a guide table.

The guide says for each stretch of 2**shift points at which row it begins, so a draw costs about two reads of memory
whatever the weights are: an indexed search (Chen and Asau, "On generating random variates from an empirical
distribution", 1974), with bisection where a stretch holds many light rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["guide_table", "row_at", "rows_at"]

Int64 = npt.NDArray[np.int64]
Rows = npt.NDArray[Any]
"""int32, or int64 from 2**31 rows on."""
LOOKED_AT = 8
"""Rows looked at one by one before halving."""


def _guide_loop(running: Int64, shift: int, guide: Rows) -> Rows:
    row = 0
    for stretch in range(guide.size):
        point = stretch << shift
        while running[row] <= point:
            row += 1
        guide[stretch] = row
    return guide


def _guide_numpy(running: Int64, shift: int, guide: Rows) -> Rows:
    for begin in range(0, guide.size, 2**16):
        points = np.arange(begin, min(begin + 2**16, guide.size), dtype=np.int64) << shift
        guide[begin : begin + points.size] = np.searchsorted(running, points, side="right")
    return guide


def row_at(point: Any, running: Any, guide: Any, shift: Any) -> Any:
    """The row that one point falls on: a helper of kernels."""
    row = np.int64(guide[point >> shift])
    last = row + LOOKED_AT
    while row < last and running[row] <= point:
        row += 1
    if row < last:
        return row
    beyond = np.int64(running.size - 1)
    while row < beyond:
        middle = (row + beyond) >> 1
        if running[middle] > point:
            beyond = middle
        else:
            row = middle + 1
    return row


def _rows_loop(points: Int64, running: Int64, guide: Rows, shift: int) -> tuple[Int64, Int64]:
    rows = np.empty(points.size, np.int64)
    weights = np.empty(points.size, np.int64)
    for i in range(points.size):
        row = row_at(points[i], running, guide, shift)
        rows[i] = row
        weights[i] = running[row] - (running[row - 1] if row > 0 else 0)
    return rows, weights


def _rows_numpy(points: Int64, running: Int64, guide: Rows, shift: int) -> tuple[Int64, Int64]:  # noqa: ARG001 - the loop's
    rows = np.searchsorted(running, points, side="right")
    before = np.where(rows > 0, running[rows - 1], 0)
    return rows, running[rows] - before


_guide = Kernel(_guide_loop, _guide_numpy)
_rows = Kernel(_rows_loop, _rows_numpy)


def guide_table(running: Int64, finer_bits: int = 0) -> tuple[Rows, int]:
    """The guide for these running sums (the last one positive), and the bits of a stretch.

    Between a quarter and one entry a row, int32 where the rows allow it; ``finer_bits`` doubles them so often, for
    draws in less time.
    """
    total = int(running[-1])
    shift = max(0, (2 * total // running.size).bit_length() - finer_bits)
    dtype = np.int32 if running.size < 2**31 else np.int64
    return _guide(running, shift, np.empty(((total - 1) >> shift) + 1, dtype=dtype)), shift


def rows_at(points: Int64, running: Int64, guide: Rows, shift: int) -> tuple[Int64, Int64]:
    """The row that each point of [0, running[-1]) falls on, and that row's weight.

    Examples
    --------
    >>> running = np.cumsum([2, 0, 3])
    >>> rows, weights = rows_at(np.arange(5), running, *guide_table(running))
    >>> rows.tolist(), weights.tolist()
    ([0, 0, 2, 2, 2], [2, 2, 3, 3, 3])
    """
    return _rows(np.ascontiguousarray(points), running, guide, shift)

"""Weights as running sums of integers: quantised once, drawn from at any position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.key import Key
from croupier.core.progress import with_progress
from croupier.core.table import Table
from croupier.errors import BadTable
from croupier.kernels.cumulative import guide_table, rows_at
from croupier.kernels.mixing import draws_below

__all__ = [
    "CumulativeWeights",
    "check_weights",
    "cumulative_weights",
    "from_whole_weights",
    "quantised_chunks",
    "weight_column",
]

TOTAL_BITS = 62
"""The weights of a table sum to less than 2**62 units, and to as near to it as a power of two allows."""
CHUNK_ROWS = 2**20


@dataclass(frozen=True, slots=True)
class CumulativeWeights:
    """Integer weights of the rows, as ``running[i] = w[0] + ... + w[i]``, with a guide to search them by.

    ``positive_rows`` counts those that can be drawn.
    """

    running: Int64
    guide: npt.NDArray[Any]
    shift: int
    positive_rows: int

    @property
    def total(self) -> int:
        """The sum of all weights, in their units."""
        return int(self.running[-1])

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.running.nbytes + self.guide.nbytes

    def rows_at(self, points: Int64) -> tuple[Int64, npt.NDArray[np.float64]]:
        """The row that each point of [0, total) falls on, and the probability of that row in one draw."""
        rows, weights = rows_at(points, self.running, self.guide, self.shift)
        return rows, weights / self.total

    def draw(self, batches: Batches, key: Key) -> Batches:
        """Draw a row for each position, with replacement, by the hash of that position under the key."""
        points = draws_below(key.bits, batches.indices, np.full(batches.indices.size, self.total))
        ids, probability = self.rows_at(points)
        return batches.with_indices(ids, **self.draw_columns(probability))

    def draw_columns(self, probability: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[Any]]:
        """The columns of weighted draws: the probability, and what makes a weighted mean that over drawable rows."""
        return {"probability": probability, "importance_weight": 1.0 / (self.positive_rows * probability)}


def from_whole_weights(weights: Int64) -> CumulativeWeights:
    """Running sums of weights that are integers already, at least one of them positive."""
    running = np.cumsum(weights, dtype=np.int64)
    return CumulativeWeights(running, *guide_table(running), int(np.count_nonzero(weights)))


def cumulative_weights(column: npt.NDArray[Any], name: str) -> CumulativeWeights:
    """The running sums of a column of weights: 8 bytes a row and up to 4 more for the guide, in two passes over it.

    Integers whose sum is below 2**62 are taken as they are. Others are multiplied by one power of two and rounded; a
    positive weight never becomes 0.

    Raises
    ------
    BadTable
        A weight is negative or not finite, or all are 0.
    """
    running = np.empty(column.size, dtype=np.int64)
    total, positive = 0, 0
    for begin, weights in quantised_chunks(column, name):
        part = running[begin : begin + weights.size]
        np.cumsum(weights, out=part)
        part += total
        total = int(part[-1])
        positive += int(np.count_nonzero(weights))
    return CumulativeWeights(running, *guide_table(running), positive)


def check_weights(column: npt.NDArray[Any], name: str) -> None:
    """Refuse weights that are negative or not finite, or all 0."""
    _scale_bits(column, name)


def quantised_chunks(column: npt.NDArray[Any], name: str) -> Iterator[tuple[int, Int64]]:
    """The weights of a column as integers, chunk by chunk, each with its first row."""
    scale_bits = _scale_bits(column, name)
    chunks = range(0, column.size, CHUNK_ROWS)
    for begin in with_progress(chunks, len(chunks), f"reading the weights in {name!r}"):
        values = column[begin : begin + CHUNK_ROWS]
        if scale_bits is None:
            yield begin, values.astype(np.int64)
            continue
        exact = np.ldexp(values.astype(np.float64), scale_bits)
        yield begin, np.maximum(np.rint(exact).astype(np.int64), values > 0)


def weight_column(table: Table, name: str) -> npt.NDArray[Any]:
    """A column of numbers, one a row, or the error that says why it is none."""
    column = table.column(name)
    if name in table.categories or column.dtype.kind not in "biuf" or column.ndim != 1:
        what = (
            "strings, which are categories"
            if name in table.categories
            else f"dtype {column.dtype}, shape {column.shape}"
        )
        raise BadTable(name, "hold one number a row", what, "pass weights >= 0")
    return column


def _scale_bits(column: npt.NDArray[Any], name: str) -> int | None:
    """The power of two that brings the sum just below 2**62; None for integers that may stay as they are."""
    largest = 0.0
    for begin in range(0, column.size, CHUNK_ROWS):
        values = column[begin : begin + CHUNK_ROWS]
        least, most = values.min(), values.max()  # NaN, if there is one
        if not (least >= 0 and most < np.inf):
            bad = begin + int(np.flatnonzero(~((values >= 0) & (values < np.inf)))[0])
            raise BadTable(name, "be finite and >= 0", f"{column[bad]} in row {bad}", "mend the weights")
        largest = max(largest, float(most))
    if largest == 0:
        raise BadTable(name, "have a weight above 0", "all weights 0", "give at least one row a weight")
    if column.dtype.kind in "biu":
        whole = sum(int(column[i : i + CHUNK_ROWS].sum(dtype=object if largest > 2**40 else np.int64))
                    for i in range(0, column.size, CHUNK_ROWS))  # fmt: skip
        if whole < 2**TOTAL_BITS:
            return None
    # A first sum, of integers too, so that it is the same in any order of adding: the largest weight just fits.
    coarse_bits = TOTAL_BITS - int(np.frexp(largest)[1]) - column.size.bit_length()
    coarse = column.size  # what rounding down may have lost
    for begin in range(0, column.size, CHUNK_ROWS):
        coarse += int(
            np.ldexp(column[begin : begin + CHUNK_ROWS].astype(np.float64), coarse_bits).astype(np.int64).sum()
        )
    # Rounding up a positive weight to 1 may add one a row.
    room = 2**TOTAL_BITS - 2 * column.size
    return coarse_bits + (room // coarse).bit_length() - 1

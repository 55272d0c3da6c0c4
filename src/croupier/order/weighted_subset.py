"""A weighted part of the rows in every epoch, none of them twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.cumulative_weights import quantised_chunks, weight_column
from croupier.core.key import Key
from croupier.core.shuffling import invert_shuffle, shuffled
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable, checked_int, keep_plain_numbers
from croupier.kernels.elementary import exponential
from croupier.kernels.races import arrival_times

__all__ = ["WeightedSubset"]

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WeightedSubset:
    """Draw rows without replacement, in proportion to a column of weights, anew in every epoch.

    Parameters
    ----------
    epoch_samples : int
        Rows of an epoch; at most as many as have a positive weight.
    weight : str
        The column of weights: finite, 0 or more.

    Adds columns ``probability`` (that this id is among those of an epoch, given the others' luck) and
    ``importance_weight`` (draws / (rows x probability), over rows of positive weight: multiply the loss by it, and the
    mean over the epoch estimates that of all rows without bias).

    Guarantees: no id twice in an epoch; the rows are those of drawing one by one in proportion to the weights left.
    The probability of a row is therefore not proportional to its weight where the epoch takes a large part of them.
    Prepares each epoch in one pass over the weights, and keeps 16 bytes a row drawn.

    Source: Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006); probabilities by conditioning
    on the first time not drawn: Cohen and Kaplan, "Summarizing data using bottom-k sketches" (2007).

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(weight=[1.0, 0.0, 5.0, 5.0])
    >>> deal = cr.Dealer(cr.chain(WeightedSubset(3), cr.FixedSize(3)), table, seed=0).first()
    >>> sorted(deal)
    [0, 2, 3]
    """

    epoch_samples: int
    weight: str = "weight"
    name: str = "weighted_subset"

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        epoch_samples = checked_int(
            "epoch_samples", self.epoch_samples, at_least=1, fix="pass the number of rows of an epoch"
        )
        object.__setattr__(self, "epoch_samples", epoch_samples)

    @property
    def prepared_per_epoch(self) -> bool:
        """Each epoch draws its own rows."""
        return True

    def epoch_size(self, table: Table, epoch: int) -> int:
        """The rows of an epoch."""
        if self.epoch_samples > table.size:
            raise BadArgument(
                "epoch_samples", f"be at most the table's {table.size} rows", self.epoch_samples,
                "draw with replacement (Weighted), or fewer",
            )  # fmt: skip
        return self.epoch_samples

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The rows of this epoch in the table's order, and the probability of each."""
        column = weight_column(table, self.weight)
        wanted = self.epoch_size(table, epoch)
        first = _FirstToArrive(wanted + 1)
        positive = 0
        bits = key.child(epoch, "arrivals").bits
        for begin, units in quantised_chunks(column, self.weight):
            weights = units.astype(np.float64)
            positive += int(np.count_nonzero(units))
            first.add(arrival_times(bits, begin, weights), begin, weights)
        if positive < wanted:
            raise BadTable(
                self.weight, f"have {wanted} weights above 0, for epoch_samples={wanted}", positive,
                "draw fewer, or with replacement (Weighted)",
            )  # fmt: skip
        rows, weights, next_time = first.drawn(wanted)
        return {"rows": rows, "probability": _arrived_before(next_time, weights), "positive_rows": positive}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        rows: Int64 = context.prepared["rows"]
        place = shuffled(batches.indices, rows.size, context.epoch_key)
        probability: Float64 = context.prepared["probability"][place]
        scale = rows.size / context.prepared["positive_rows"]
        return batches.with_indices(rows[place], probability=probability, importance_weight=scale / probability)

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes; -1 where it does not."""
        rows: Int64 = context.prepared["rows"]
        place = np.minimum(np.searchsorted(rows, ids), rows.size - 1)
        return np.where(rows[place] == ids, invert_shuffle(place, rows.size, context.epoch_key), -1)


class _FirstToArrive:
    """The first of many rows to arrive, taken in chunk by chunk."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._latest = np.inf
        self._kept: list[tuple[Float64, Int64, Float64]] = []

    def add(self, times: Float64, first_row: int, weights: Float64) -> None:
        early = np.flatnonzero(times < self._latest)
        self._kept.append((times[early], early + first_row, weights[early]))
        if sum(part[0].size for part in self._kept) > 2 * self._count + times.size:
            self._merge()

    def drawn(self, wanted: int) -> tuple[Int64, Float64, float]:
        """The first rows in the table's order, their weights, and when the next one arrived."""
        self._merge()
        times, rows, weights = self._kept[0]
        is_last = times.size <= wanted
        next_time = np.inf if is_last else float(np.partition(times, wanted)[wanted])
        early = np.arange(times.size) if is_last else _first(times, wanted)
        return rows[early], weights[early], next_time

    def _merge(self) -> None:
        times, rows, weights = (np.concatenate(part) for part in zip(*self._kept, strict=True))
        if times.size > self._count:
            early = _first(times, self._count)
            times, rows, weights = times[early], rows[early], weights[early]
            self._latest = float(times.max())
        self._kept = [(times, rows, weights)]


def _first(times: Float64, count: int) -> npt.NDArray[Any]:
    """The places of the ``count`` smallest, in order of place; of equal ones the first."""
    latest = np.partition(times, count - 1)[count - 1]
    is_early = times < latest
    is_early[np.flatnonzero(times == latest)[: count - int(is_early.sum())]] = True
    return np.flatnonzero(is_early)


def _arrived_before(time: float, weights: Float64) -> Float64:
    """1 - exp(-weight time), also where that is tiny."""
    if time == np.inf:
        return np.ones(weights.size)
    x = weights * time
    return np.where(x < 1e-4, x * (1 - x / 2 * (1 - x / 3)), 1.0 - exponential(-x))

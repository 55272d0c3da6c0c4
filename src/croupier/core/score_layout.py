"""Where in a record each statistic is: a few bytes a row, changed by a kernel, read as columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.artefact import RowFormat
from croupier.core.batches import Int64
from croupier.core.fingerprint import describe
from croupier.core.mapped_rows import rows_of
from croupier.core.score_statistics import Count, Ema, Forgotten, Last, Mean, Statistic, Variance, checked_statistics
from croupier.errors import BadArgument
from croupier.kernels.score_records import stopped_counts, update_records

__all__ = ["Float32", "Records", "ScoreLayout", "unobserved"]

Records = npt.NDArray[Any]
"""A structured array of shape (rows,) whose dtype is a layout's ``record``."""
Float32 = npt.NDArray[np.float32]

CHUNK_ROWS = 2**20
_PARTS: tuple[type[Last | Mean | Variance | Forgotten], ...] = (Last, Mean, Variance, Forgotten)
"""In the order in which the kernel wants their offsets, after the count."""


@dataclass(frozen=True, slots=True)
class ScoreLayout:
    """A record for these statistics, side by side without gaps; beginning with the count of each signal.

    Parameters
    ----------
    statistics : tuple of statistics
    half : bool
        Two bytes a number instead of four, and one a count.

    A record of zeros has seen nothing. A mean that a variance needs is kept with it, and so is every count.

    Examples
    --------
    >>> layout = ScoreLayout((Mean(), Variance(), Ema(0.9)), half=True)
    >>> layout.record.names, layout.record.itemsize
    (('loss_count', 'loss_mean', 'loss_variance', 'loss_ema_0.9'), 7)
    >>> records = np.zeros(3, layout.record)
    >>> layout.write(records, np.array([2, 2]), np.array([[1.0], [2.0]], np.float32))
    >>> layout.read(records, Mean()).tolist(), layout.read(records, Count()).tolist()
    ([nan, nan, 1.5], [0.0, 0.0, 2.0])
    """

    statistics: tuple[Statistic, ...]
    half: bool = False
    signals: tuple[str, ...] = field(init=False, compare=False)
    record: np.dtype[Any] = field(init=False, compare=False)
    program: tuple[Int64, Int64, npt.NDArray[np.float64]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.half, bool):
            raise BadArgument("half", "be True or False", self.half, "pass half=True for two bytes a number")
        wanted = checked_statistics(self.statistics)
        signals = tuple(dict.fromkeys(statistic.signal for statistic in wanted))
        fields: list[tuple[str, str]] = []
        blocks: list[list[int]] = []
        emas: list[int] = []
        rates: list[float] = []
        offset = 0

        def add(statistic: Statistic) -> int:
            nonlocal offset
            is_whole = isinstance(statistic, (Count, Forgotten))
            kind = ("u1" if is_whole else "<f2") if self.half else ("<u4" if is_whole else "<f4")
            fields.append((_field(statistic), kind))
            offset += np.dtype(kind).itemsize
            return offset - np.dtype(kind).itemsize

        for signal in signals:
            mine = {type(statistic) for statistic in wanted if statistic.signal == signal}
            if Variance in mine:
                mine.add(Mean)
            block = [add(Count(signal)), *(add(part(signal)) if part in mine else -1 for part in _PARTS), len(emas)]
            for statistic in wanted:
                if isinstance(statistic, Ema) and statistic.signal == signal:
                    emas.append(add(statistic))
                    rates.append(1.0 - statistic.decay)
            blocks.append([*block, len(emas)])
        program = np.array(blocks, np.int64), np.array(emas, np.int64), np.array(rates, np.float64)
        for name, value in (("statistics", wanted), ("signals", signals), ("record", np.dtype(fields))):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "program", program)

    @property
    def format(self) -> RowFormat:
        """What an artefact of these records is made of."""
        new = np.dtype(("<f4", (len(self.signals),)))
        kept = {"statistics": describe(self.statistics), "half": self.half}
        return RowFormat(self.record, new, self.write, "scores.records", kept)

    def keeps(self, statistic: Statistic) -> bool:
        """Whether it can be read."""
        return _field(statistic) in (self.record.names or ())

    def write(self, records: Records, ids: Int64, values: Float32) -> None:
        """Take in values, shape (n, signals), NaN where one was not observed; in place, in this order."""
        as_bytes = np.asarray(records).view(np.uint8).reshape(records.size, self.record.itemsize)
        update_records(as_bytes, ids, values, *self.program, is_half=self.half)

    def read(self, records: Records, statistic: Statistic) -> Float32:
        """One statistic of all records, float32 of their shape; NaN where nothing was observed, but for a count."""
        column = np.empty(records.size, dtype=np.float32)
        for low, part in _chunks(records):
            values = part[_field(statistic)]
            if isinstance(statistic, Forgotten):
                # Beside the times: whether it was ever right, and whether it was the last time.
                values = np.where(values & 2, values >> 2, np.inf)
            if isinstance(statistic, Count):
                column[low : low + part.size] = stopped_counts(values, is_half=self.half)
            else:
                column[low : low + part.size] = values
                column[low : low + part.size][part[_field(Count(statistic.signal))] == 0] = np.nan
        return column

    def at(self, records: Records, statistic: Statistic, ids: Int64) -> Float32:
        """The same for some rows."""
        return self.read(rows_of(records, ids), statistic)


def unobserved(statistic: Statistic, values: Float32) -> npt.NDArray[np.bool_]:
    """Which values of a statistic, as they are read, are those of rows without any observation.

    Examples
    --------
    >>> unobserved(Count(), np.array([2, 0], np.float32)), unobserved(Last(), np.array([0, np.nan], np.float32))
    (array([False,  True]), array([False,  True]))
    """
    return values == 0 if isinstance(statistic, Count) else np.isnan(values)


def _field(statistic: Statistic) -> str:
    checked_statistics((statistic,))
    name = f"{statistic.signal}_{type(statistic).__name__.lower()}"
    return f"{name}_{statistic.decay!r}" if isinstance(statistic, Ema) else name


def _chunks(records: Records) -> Iterator[tuple[int, Records]]:
    for low in range(0, records.size, CHUNK_ROWS):
        yield low, np.asarray(records[low : low + CHUNK_ROWS])

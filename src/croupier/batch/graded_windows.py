"""Sorted windows that grow with the length of what they sort: the same padding, with more of the chance kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import isqrt

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.facts import check_length_column, lengths_of
from croupier.core.key import Key
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table, checked_lengths
from croupier.errors import checked_int
from croupier.kernels.covering import cheapest_cover
from croupier.kernels.sorting import sort_windows

__all__ = ["GradedWindows"]

SAMPLE_ROWS = 2**20
CLASSES = 8


@dataclass(frozen=True, slots=True)
class GradedWindows:
    """Sort windows of ids by length, larger windows for longer ids; the batches cut from them come in random order.

    A batch of short examples holds many, so the pairs that meet again in the next epoch are mostly short ones, while
    padding is as much a matter of the long. Windows that grow with the square root of the length give each what it
    needs: at one padding, a quarter fewer pairs meet again than with :class:`SortedWindows`.

    Parameters
    ----------
    window_ids : int
        The window for examples of median length, counted in ids of all lengths: the dial between padding and
        randomness. ``croupier.randomness_dial`` measures it on your lengths.
    length : str
        The table's column of lengths.

    Guarantees: the same ids, regrouped; ids go to one of eight classes of length with equally many rows each, and are
    sorted within windows of their class; windows follow one another up and down, so that a batch which spans two still
    holds similar lengths; the column ``length`` travels with the ids.

    Source: own derivation, ``docs/length.md``.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(length=[9, 1, 8, 2, 9, 1])
    >>> plan = cr.chain(cr.Sequential(), GradedWindows(6), cr.FixedSize(2))
    >>> sorted(sorted(table.column("length")[deal.ids].tolist()) for deal in cr.Dealer(plan, table, seed=0))
    [[1, 1], [2, 8], [9, 9]]
    """

    window_ids: int = 14_000
    length: str = "length"
    name: str = "graded_windows"

    def __post_init__(self) -> None:
        checked_int("window_ids", self.window_ids, at_least=1, at_most=2**31, fix="pass the ids to sort together")

    @property
    def prepared_per_epoch(self) -> bool:
        """Classes hold for the run."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The longest length of each class but the last, and the window of each class."""
        check_length_column(table, self.length)
        column = table.column(self.length)
        step = -(-table.size // SAMPLE_ROWS)
        ordered = np.sort(checked_lengths(self.length, np.asarray(column[::step])))
        # The odd sixteenths: in the middle of each class.
        middles = ordered[np.arange(1, 2 * CLASSES, 2) * ordered.size // (2 * CLASSES)].tolist()
        median = max(1, int(ordered[ordered.size // 2]))
        windows = [max(1, isqrt(self.window_ids**2 * max(1, middle) // median)) for middle in middles]
        ends = ordered[np.arange(1, CLASSES) * ordered.size // CLASSES]
        return {"ends": ends, "windows": np.array(windows, dtype=np.int64)}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Sort within windows of a class; neither spans incoming batches."""
        lengths = lengths_of(batches, context.table, self.length)
        ends: Int64 = context.prepared["ends"]
        classes = cheapest_cover(lengths[:, None], ends[:, None])
        incoming = np.repeat(np.arange(len(batches)), batches.sizes)
        by_class = sort_windows(incoming * CLASSES + classes, np.array([0, lengths.size]))
        counts = np.bincount(incoming * CLASSES + classes, minlength=len(batches) * CLASSES)
        windows: Int64 = context.prepared["windows"]
        starts = self._window_starts(batches.offsets, counts.reshape(-1, CLASSES), windows)
        rows = by_class[sort_windows(lengths[by_class], starts)]
        grouped = batches.with_columns(**{self.length: lengths}).take(rows, batches.offsets)
        return replace(grouped, interchangeable=True)

    def _window_starts(self, offsets: Int64, counts: Int64, windows: Int64) -> Int64:
        pieces: list[Int64] = []
        widths: list[int] = windows.tolist()
        ids_of_classes: list[list[int]] = counts.tolist()
        for (begin, end), of_class in zip(pairwise(offsets.tolist()), ids_of_classes, strict=True):
            place = begin
            for ids, window in zip(of_class, widths, strict=True):
                # An odd number of windows goes up at last, to where the next class begins; the empty one after them
                # makes the next go up too.
                wanted = (end - begin) // (2 * window) * 2 + 1
                edges: Int64 = place + np.arange(wanted + 1, dtype=np.int64) * ids // wanted
                pieces.append(edges)
                place += ids
        return np.concatenate([*pieces, offsets[-1:]])

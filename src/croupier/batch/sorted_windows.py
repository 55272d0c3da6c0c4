"""Bring examples of similar length together, a window of ids at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.facts import check_length_column, lengths_of
from croupier.core.key import Key
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import checked_flag, checked_int
from croupier.kernels.sorting import sort_windows

__all__ = ["SortedWindows"]


@dataclass(frozen=True, slots=True)
class SortedWindows:
    """Sort every ``window_ids`` consecutive ids by length; the batches cut from them are dealt in random order.

    The window is the dial between padding and randomness: a larger one pads less, and lets fewer different ids meet
    in a batch. ``croupier.preview`` measures both.

    Parameters
    ----------
    window_ids : int
        Ids sorted together. Windows never span segments.
    shuffle_batches : bool
        False keeps the sorted order of the batches, for evaluation.
    length : str
        The table's column of lengths.

    Guarantees: the same ids, regrouped; every other window is sorted downwards, so that a batch that spans two windows
    still holds similar lengths; the column ``length`` travels with the ids from here on.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(length=[9, 1, 8, 2, 9, 1])
    >>> plan = cr.chain(cr.Sequential(), SortedWindows(6), cr.FixedSize(2))
    >>> sorted(sorted(table.column("length")[deal.ids].tolist()) for deal in cr.Dealer(plan, table, seed=0))
    [[1, 1], [2, 8], [9, 9]]
    """

    window_ids: int = 2**14
    shuffle_batches: bool = True
    length: str = "length"
    name: str = "sorted_windows"

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "shuffle_batches", checked_flag("shuffle_batches", self.shuffle_batches, fix="pass True or False")
        )
        window_ids = checked_int(
            "window_ids", self.window_ids, at_least=1, fix="pass the number of ids to sort together"
        )
        object.__setattr__(self, "window_ids", window_ids)

    @property
    def prepared_per_epoch(self) -> bool:
        """Lengths are checked once."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """Check the length column before the run; derives nothing."""
        check_length_column(table, self.length)
        return {}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Sort within windows; windows respect incoming batches."""
        lengths = lengths_of(batches, context.table, self.length)
        rows = sort_windows(lengths, self._window_starts(batches.offsets))
        grouped = batches.with_columns(**{self.length: lengths}).take(rows, batches.offsets)
        return replace(grouped, interchangeable=batches.interchangeable or self.shuffle_batches)

    def _window_starts(self, offsets: Int64) -> Int64:
        # A last piece below half a window joins the one before it: small windows pad more than large ones save.
        pieces = [
            np.arange(begin, max(begin + 1, end - self.window_ids // 2), self.window_ids, dtype=np.int64)
            for begin, end in pairwise(offsets.tolist())
            if end > begin
        ]
        return np.append(np.concatenate(pieces) if pieces else np.empty(0, np.int64), offsets[-1])

"""Shards in random order, ids mixed within a few shards: random enough to train on, read in runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.key import Key
from croupier.core.shuffling import invert_shuffle, shuffled
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int

__all__ = ["ShardShuffle"]


@dataclass(frozen=True, slots=True)
class ShardShuffle:
    """Shuffle what lies in tar files, Parquet row groups or an object store.

    Each epoch the shards are put in random order and taken a window at a time; the ids of a window are mixed.
    While a window is dealt, only its shards are read, so a reader needs a cache of ``window_shards`` shards.

    Parameters
    ----------
    window_shards : int
        Shards whose ids are mixed with one another.

    Needs a table made by ``Table.from_shards(counts)``.

    Guarantees: each id once an epoch; at any time the ids dealt come from one window of shards; memory O(shards).

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table.from_shards([3, 3, 3])
    >>> dealer = cr.Dealer(cr.chain(ShardShuffle(window_shards=1), cr.FixedSize(3)), table, seed=2)
    >>> [sorted(deal.ids.tolist()) for deal in dealer]
    [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    """

    window_shards: int = 8
    name: str = "shard_shuffle"

    def __post_init__(self) -> None:
        window_shards = checked_int(
            "window_shards", self.window_shards, at_least=1, fix="pass the number of shards to mix"
        )
        object.__setattr__(self, "window_shards", window_shards)

    @property
    def prepared_per_epoch(self) -> bool:
        """The order of the shards is new in every epoch."""
        return True

    def epoch_size(self, table: Table, epoch: int) -> int:
        """All rows."""
        return table.size

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The order of the shards and where each begins in this epoch."""
        offsets = _shard_offsets(table)
        shards = offsets.size - 1
        order = shuffled(np.arange(shards, dtype=np.int64), shards, key.child(epoch, "shards"))
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.diff(offsets)[order])])
        return {"order": order, "starts": starts}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids: mix within the window, then look up the shard and the row in it."""
        starts: Int64 = context.prepared["starts"]
        mixed = self._within_windows(batches.indices, context, inverse=False)
        place = np.searchsorted(starts, mixed, side="right") - 1
        shard_offsets = _shard_offsets(context.table)
        first_rows = shard_offsets[context.prepared["order"][place]]
        return batches.with_indices(first_rows + mixed - starts[place])

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes."""
        shard_offsets = _shard_offsets(context.table)
        shard = np.searchsorted(shard_offsets, ids, side="right") - 1
        place = np.argsort(context.prepared["order"], kind="stable")[shard]
        mixed = context.prepared["starts"][place] + ids - shard_offsets[shard]
        return self._within_windows(mixed, context, inverse=True)

    def _within_windows(self, places: Int64, context: Context, *, inverse: bool) -> Int64:
        starts: Int64 = context.prepared["starts"]
        bounds = np.append(starts[: -1 : self.window_shards], starts[-1])
        window = np.searchsorted(bounds, places, side="right") - 1
        out = np.empty(places.size, dtype=np.int64)
        apply = invert_shuffle if inverse else shuffled
        for w in np.unique(window).tolist():
            here = np.flatnonzero(window == w)
            begin, size = int(bounds[w]), int(bounds[w + 1] - bounds[w])
            out[here] = begin + apply(places[here] - begin, size, context.key.child(context.epoch, "window", w))
        return out


def _shard_offsets(table: Table) -> Int64:
    if table.shard_offsets is None:
        raise BadArgument("table", "know its shards for ShardShuffle", table, "make it with Table.from_shards(counts)")
    return table.shard_offsets

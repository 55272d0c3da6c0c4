"""A fresh random part of the rows in every epoch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.shuffling import invert_shuffle, shuffled
from croupier.core.stage import Context
from croupier.core.table import Table
from croupier.errors import checked_flag, checked_fraction

__all__ = ["RandomSubset"]


@dataclass(frozen=True, slots=True)
class RandomSubset:
    """Train each epoch on a random fraction of the rows, drawn anew.

    Parameters
    ----------
    fraction : float in (0, 1]
        An epoch has ``round(fraction * rows)`` positions, at least one. ``len()`` reports these, so a learning-rate
        schedule over the length of the loader is right.
    replacement : bool
        False: epochs are consecutive pieces of one shuffled pass over the table, and a new pass begins where one ends,
        so that every row is used once before any is used twice. An epoch that spans two passes may hold an id twice.
        True: each epoch is drawn from all rows, whatever the last one used; within an epoch no id comes twice.

    Guarantees: with ``replacement=False``, after e epochs each id was dealt floor or ceil of e * size / rows times.

    Source: Okanovic et al., "Repeated Random Sampling for Minimizing the Time-to-Accuracy of Learning" (ICLR 2024),
    section 3. The reference code wraps modulo rows + 1, and so repeats and skips ids at the end of a pass.

    Examples
    --------
    >>> import croupier as cr
    >>> dealer = cr.Dealer(cr.chain(RandomSubset(0.5), cr.FixedSize(3)), cr.Table(size=6), seed=1)
    >>> first, second = ([deal.ids.tolist() for deal in dealer] for epoch in range(2))
    >>> sorted(first[0] + second[0])
    [0, 1, 2, 3, 4, 5]
    """

    fraction: float
    replacement: bool = False
    name: str = "random_subset"

    def __post_init__(self) -> None:
        object.__setattr__(self, "replacement", checked_flag("replacement", self.replacement, fix="pass True or False"))
        fraction = checked_fraction(
            "fraction", self.fraction, fix="pass the share of the rows to use in an epoch, like 0.1"
        )
        object.__setattr__(self, "fraction", fraction)

    @property
    def may_repeat(self) -> bool:
        """An epoch that spans two passes may hold an id twice."""
        return not self.replacement

    def epoch_size(self, table: Table, epoch: int) -> int:
        """``round(fraction * rows)``, at least one."""
        return max(1, round(self.fraction * table.size))

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        rows = context.table.size
        if self.replacement:
            return batches.with_indices(shuffled(batches.indices, rows, context.epoch_key))
        # A Python int: epoch * size may pass 2**63 where the pass and the place in it do not.
        start = context.epoch * self.epoch_size(context.table, context.epoch)
        first_pass, offset = divmod(start, rows)
        place = batches.indices + offset
        ids = np.empty(place.size, dtype=np.int64)
        for ahead in np.unique(place // rows).tolist():
            here: Int64 = np.flatnonzero(place // rows == ahead)
            ids[here] = shuffled(place[here] % rows, rows, context.key.child("pass", first_pass + ahead))
        return batches.with_indices(ids)

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes first; -1 where it does not."""
        rows, size = context.table.size, self.epoch_size(context.table, context.epoch)
        if self.replacement:
            places = invert_shuffle(ids, rows, context.epoch_key)
            return np.where(places < size, places, -1)
        first_pass, offset = divmod(context.epoch * size, rows)
        places = invert_shuffle(ids, rows, context.key.child("pass", first_pass)) - offset
        later = invert_shuffle(ids, rows, context.key.child("pass", first_pass + 1)) + rows - offset
        places = np.where(places >= 0, places, later)
        return np.where(places < size, places, -1)

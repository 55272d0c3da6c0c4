"""Batches of one size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.batches import Batches
from croupier.core.policies import Tail
from croupier.core.stage import Context
from croupier.errors import BadArgument, checked_int

__all__ = ["FixedSize"]


@dataclass(frozen=True, slots=True)
class FixedSize:
    """Cut every ``batch_size`` ids.

    Parameters
    ----------
    batch_size : int
        Ids per batch: per rank under Lockstep, of the whole step under Balanced.
    tail : Tail
        What becomes of the ids at the end of an epoch that do not fill a batch on every rank:
        ``Tail.SHORT`` (default) deals them as smaller batches, ``Tail.CARRY`` first in the next epoch,
        ``Tail.DROP`` not at all in this epoch.

    Guarantees: every id given is dealt once; a cut made upstream (a bucket, say) is kept, so its last batch may be
    short whatever the tail policy.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(cr.Sequential(), FixedSize(3, tail=cr.Tail.CARRY))
    >>> dealer = cr.Dealer(plan, cr.Table(size=4), seed=0)
    >>> [[deal.ids.tolist() for deal in dealer] for epoch in range(3)]
    [[[0, 1, 2]], [[3, 0, 1]], [[2, 3, 0], [1, 2, 3]]]
    """

    batch_size: int
    tail: Tail = Tail.SHORT
    name: str = "fixed_size"

    def __post_init__(self) -> None:
        batch_size = checked_int("batch_size", self.batch_size, at_least=1, fix="pass the number of ids in a batch")
        object.__setattr__(self, "batch_size", batch_size)
        if not isinstance(self.tail, Tail):
            raise BadArgument("tail", "be a Tail", self.tail, "pass Tail.SHORT, Tail.CARRY or Tail.DROP")

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Cut each incoming batch into batches of the size, the last of each as long as what is left."""
        whole, rest = np.divmod(batches.sizes, self.batch_size)
        counts = whole + (rest > 0)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        number = np.arange(int(counts.sum()), dtype=np.int64) - first
        starts = np.repeat(batches.offsets[:-1], counts) + number * self.batch_size
        return batches.with_offsets(np.append(starts, batches.offsets[-1]))

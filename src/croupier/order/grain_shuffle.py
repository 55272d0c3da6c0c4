"""The order in which grain's ``MapDataset.shuffle`` deals, to the bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.stage import Context
from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable, checked_int, keep_plain_numbers
from croupier.kernels.simon_shuffle import MAX_SIZE, index_shuffle, index_unshuffle

__all__ = ["GrainShuffle"]

_SEEDS = 2**32


@dataclass(frozen=True, slots=True)
class GrainShuffle:
    """Deal what ``grain.MapDataset.range(rows).shuffle(seed).repeat()`` deals, to go on with a run begun there.

    Parameters
    ----------
    seed : int
        What ``shuffle`` was given, below 2**32. A seed that came from ``ds.seed(n)`` is not n: it is the ``_seed`` of
        the shuffled dataset.
    rounds : int
        An even number, 4 to 1024. ``shuffle`` uses 4.

    Epoch e is grain's ``index_shuffle(position, max_index=rows - 1, seed=(seed + e) % 2**32, rounds)``; the seed of
    the run changes nothing. A step of W full batches holds, over all ranks, the ids of grain's
    ``ds[rank::W].batch(batch_size)``; there rank r gets every W-th of them, here a run of neighbours.

    Guarantees: grain's order, in O(1) memory, any part of it at once, and its inverse; up to 2**48 rows, beyond
    which grain's own depends on the machine.
    Not guaranteed: each id once an epoch. Grain has a fault, kept here: where rows - 1 is a power of four from
    2**16 on (65,537 or 262,145 rows), the first id comes twice and the last row never. Nor that orders are unrelated:
    epoch 1 of seed 0 is epoch 0 of seed 1. A run that need not agree with grain takes
    :class:`~croupier.order.shuffle.Shuffle`, which has neither fault.

    Source: grain 0.2.18, by its behaviour and its published source; the network is in ``kernels/simon_shuffle.py``.

    Examples
    --------
    >>> import croupier as cr
    >>> dealer = cr.Dealer(cr.chain(GrainShuffle(seed=5), cr.FixedSize(12)), cr.Table(size=12), seed=0)
    >>> [deal.ids.tolist() for epoch in range(2) for deal in dealer]
    [[4, 0, 5, 3, 7, 9, 8, 10, 11, 6, 1, 2], [2, 7, 0, 11, 8, 9, 10, 5, 1, 4, 6, 3]]
    """

    seed: int
    rounds: int = 4
    name: str = "grain_shuffle"

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        seed = checked_int(
            "seed", self.seed, at_least=0, at_most=_SEEDS - 1, fix="pass the seed that grain's shuffle was given"
        )
        object.__setattr__(self, "seed", seed)
        rounds = checked_int("rounds", self.rounds, at_least=4, at_most=1024, fix="pass 4, as MapDataset.shuffle does")
        if rounds % 2:
            raise BadArgument("rounds", "be even", rounds, "pass 4, as MapDataset.shuffle does")

    @property
    def may_repeat(self) -> bool:
        """At the sizes of grain's fault."""
        return True

    def epoch_size(self, table: Table, epoch: int) -> int:
        """All rows."""
        if table.size > MAX_SIZE:
            raise BadTable("size", f"be at most 2**48 for {self.name!r}", table.size, "take Shuffle()")
        return table.size

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        return batches.with_indices(
            index_shuffle(batches.indices, context.table.size, self._seed_of(context.epoch), self.rounds)
        )

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes first; -1 for the one that grain's fault leaves out."""
        rows = np.asarray(ids, np.int64)
        return index_unshuffle(rows, context.table.size, self._seed_of(context.epoch), self.rounds)

    def _seed_of(self, epoch: int) -> int:
        return (self.seed + epoch) % _SEEDS

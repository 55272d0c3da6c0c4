"""Every row once an epoch, in an order that is computed, not stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.shuffling import invert_shuffle, shuffled
from croupier.core.stage import Context
from croupier.core.table import Table

__all__ = ["Shuffle"]


@dataclass(frozen=True, slots=True)
class Shuffle:
    """A new permutation of the rows in every epoch, in O(1) memory at any size up to 2**62.

    Guarantees: each id once an epoch; a permutation of its own for every seed, name and epoch; any part of the order
    at once, and its inverse.
    Not guaranteed: cryptographic strength, or that each of the n! permutations can occur.

    Source: alternating Feistel network with cycle walking, see ``kernels/permutation.py``; the tests that hold its
    quality are in ``tests/kernels/test_permutation.py``.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(Shuffle(), cr.FixedSize(4))
    >>> [deal.ids.tolist() for deal in cr.Dealer(plan, cr.Table(size=8), seed=7)]
    [[3, 5, 2, 7], [0, 4, 1, 6]]
    """

    name: str = "shuffle"

    def epoch_size(self, table: Table, epoch: int) -> int:
        """All rows."""
        return table.size

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        return batches.with_indices(shuffled(batches.indices, context.table.size, context.epoch_key))

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes."""
        return invert_shuffle(np.asarray(ids, np.int64), context.table.size, context.epoch_key)

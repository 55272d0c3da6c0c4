"""The table's own order."""

from __future__ import annotations

from dataclasses import dataclass

from croupier.core.batches import Batches, Int64
from croupier.core.stage import Context
from croupier.core.table import Table

__all__ = ["Sequential"]


@dataclass(frozen=True, slots=True)
class Sequential:
    """Deal the rows as they stand in the table, in every epoch.

    Guarantees: each id once an epoch.

    Examples
    --------
    >>> import croupier as cr
    >>> [deal.ids.tolist() for deal in cr.Dealer(cr.chain(Sequential(), cr.FixedSize(2)), cr.Table(size=3), seed=0)]
    [[0, 1], [2]]
    """

    name: str = "sequential"

    def epoch_size(self, table: Table, epoch: int) -> int:
        """All rows."""
        return table.size

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions are ids."""
        return batches

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes."""
        return ids

"""Orders one after another in one epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.inner_order import (
    checked_orders,
    inside_list,
    join_parts,
    plan_inner,
    position_inner,
    prepare_orders,
    prepares_per_epoch,
)
from croupier.core.key import Key
from croupier.core.stage import Context, Order, Prepared
from croupier.core.table import Table

__all__ = ["Concat"]


@dataclass(frozen=True, slots=True)
class Concat:
    """Deal the epoch of one order, then that of the next: clean data last, say, or short texts first.

    Parameters
    ----------
    orders : sequence of Order
        Usually of different rows: ``Subset(Shuffle(), range(...))``. All must add the same columns.

    Guarantees: an epoch is one epoch of each, in turn. Each order has a random stream of its own.
    A stage that groups by length regroups within a segment (2^18 ids), and its batches are dealt at random there: for
    an order that matters, cut with ``FixedSize``, or choose ``chain(..., segment_ids=)`` below the size of the parts.

    Examples
    --------
    >>> import croupier as cr
    >>> first, then = cr.Subset(cr.Shuffle(), range(2)), cr.Subset(cr.Sequential(), range(2, 5))
    >>> [deal.ids.tolist() for deal in cr.Dealer(cr.chain(Concat([first, then]), cr.FixedSize(5)), cr.Table(5), seed=0)]
    [[1, 0, 2, 3, 4]]
    """

    orders: Sequence[Order]
    name: str = "concat"

    def __post_init__(self) -> None:
        object.__setattr__(self, "orders", checked_orders(self.orders, "Concat"))

    @property
    def prepared_per_epoch(self) -> bool:
        """Whether any of the orders does."""
        return prepares_per_epoch(self.orders)

    @property
    def may_repeat(self) -> bool:
        """Orders may share rows."""
        return True

    def epoch_size(self, table: Table, epoch: int) -> int:
        """The sizes together."""
        return sum(order.epoch_size(table, epoch) for order in self.orders)

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """What each order prepares."""
        return prepare_orders(self.orders, table, key, epoch)

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids: each order plans its stretch."""
        parts: list[tuple[Int64, Batches]] = []
        for place, order, start, stop in self._stretches(context):
            here = np.flatnonzero((batches.indices >= start) & (batches.indices < stop))
            if here.size:
                inside = inside_list(self.orders, place, context)
                parts.append((here, plan_inner(order, batches.indices[here] - start, inside, context.epoch)))
        return join_parts(batches, parts)

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes first; -1 where it does not."""
        positions = np.full(ids.size, -1, dtype=np.int64)
        for place, order, start, _ in self._stretches(context):
            here = position_inner(order, ids, inside_list(self.orders, place, context), context.epoch)
            positions = np.where((positions < 0) & (here >= 0), start + here, positions)
        return positions

    def _stretches(self, context: Context) -> list[tuple[int, Order, int, int]]:
        sizes = [order.epoch_size(context.table, context.epoch) for order in self.orders]
        stops = np.cumsum(sizes).tolist()
        return [(place, self.orders[place], stops[place] - size, stops[place]) for place, size in enumerate(sizes)]

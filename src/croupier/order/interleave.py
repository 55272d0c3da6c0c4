"""One id of each order in turn."""

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

__all__ = ["Interleave"]


@dataclass(frozen=True, slots=True)
class Interleave:
    """Deal one id of each order in turn; an order that has run out is passed over, until all have.

    Parameters
    ----------
    orders : sequence of Order
        Usually of different rows: ``Subset(Shuffle(), range(...))``. All must add the same columns.

    Guarantees: an epoch is one epoch of each order, nothing repeated, nothing left out. For other shares than equal
    ones, and for orders that begin again where they run out, see :class:`Mixture`.

    Examples
    --------
    >>> import croupier as cr
    >>> some, others = cr.Subset(cr.Sequential(), range(2)), cr.Subset(cr.Sequential(), range(2, 6))
    >>> cr.Dealer(cr.chain(Interleave([some, others]), cr.FixedSize(6)), cr.Table(size=6), seed=0).first().ids.tolist()
    [0, 2, 1, 3, 4, 5]
    """

    orders: Sequence[Order]
    name: str = "interleave"

    def __post_init__(self) -> None:
        object.__setattr__(self, "orders", checked_orders(self.orders, "Interleave"))

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
        """Positions to ids: whose turn it is, and which turn."""
        turns = _Turns(self._sizes(context))
        whose, turn = turns.at(batches.indices)
        parts: list[tuple[Int64, Batches]] = []
        for place, order in enumerate(self.orders):
            here = np.flatnonzero(whose == place)
            if here.size:
                inside = inside_list(self.orders, place, context)
                parts.append((here, plan_inner(order, turn[here], inside, context.epoch)))
        return join_parts(batches, parts)

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes first; -1 where it does not."""
        turns = _Turns(self._sizes(context))
        positions = np.full(ids.size, -1, dtype=np.int64)
        for place, order in enumerate(self.orders):
            turn = position_inner(order, ids, inside_list(self.orders, place, context), context.epoch)
            here = np.where(turn >= 0, turns.positions(place, np.maximum(turn, 0)), -1)
            positions = np.where((positions < 0) | ((here >= 0) & (here < positions)), here, positions)
        return positions

    def _sizes(self, context: Context) -> list[int]:
        return [order.epoch_size(context.table, context.epoch) for order in self.orders]


class _Turns:
    """Rounds in which each order that is left has one turn; ``ends`` are the turns after which orders run out."""

    def __init__(self, sizes: list[int]) -> None:
        self._sizes = np.array(sizes, dtype=np.int64)
        self._ends = np.unique(np.concatenate([[0], self._sizes]))
        self._left = [np.flatnonzero(self._sizes > end) for end in self._ends]
        rounds = np.diff(self._ends) * np.array([left.size for left in self._left[:-1]], dtype=np.int64)
        self._starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(rounds)])

    def at(self, positions: Int64) -> tuple[Int64, Int64]:
        """Whose turn each position is, and which of that order's turns."""
        stretch = np.searchsorted(self._starts, positions, side="right") - 1
        whose, turn = np.empty_like(positions), np.empty_like(positions)
        for number, left in enumerate(self._left):
            here = stretch == number
            rounds, seat = np.divmod(positions[here] - self._starts[number], max(1, left.size))
            whose[here], turn[here] = left[seat], self._ends[number] + rounds
        return whose, turn

    def positions(self, place: int, turn: Int64) -> Int64:
        """The position of each of an order's turns."""
        stretch = np.searchsorted(self._ends, turn, side="right") - 1
        seats = np.array([np.searchsorted(left, place) for left in self._left], dtype=np.int64)
        counts = np.array([left.size for left in self._left], dtype=np.int64)
        return self._starts[stretch] + (turn - self._ends[stretch]) * counts[stretch] + seats[stretch]

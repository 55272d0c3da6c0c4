"""Several epochs joined into one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.inner_order import (
    check_inner_order,
    join_parts,
    plan_inner,
    position_inner,
    prepare_inner,
    prepares_per_epoch,
)
from croupier.core.key import Key
from croupier.core.stage import Context, Order, Prepared
from croupier.core.table import Table
from croupier.errors import checked_int

__all__ = ["Repeat"]

MOST_TIMES = 2**20


@dataclass(frozen=True, slots=True)
class Repeat:
    """Deal ``times`` epochs of an order as one, so that tiny data has no short batch at the end of each.

    Parameters
    ----------
    order : Order
    times : int

    Guarantees: each id ``times`` times an epoch (for an order that gives it once), pass after pass.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(Repeat(cr.Shuffle(), times=4), cr.FixedSize(6))
    >>> [len(deal) for deal in cr.Dealer(plan, cr.Table(size=3), seed=0)]
    [6, 6]
    """

    order: Order
    times: int
    name: str = "repeat"

    def __post_init__(self) -> None:
        times = checked_int(
            "times", self.times, at_least=1, at_most=MOST_TIMES, fix="pass the number of passes in an epoch"
        )
        object.__setattr__(self, "times", times)
        check_inner_order("order", self.order)

    @property
    def prepared_per_epoch(self) -> bool:
        """As the order inside."""
        return prepares_per_epoch([self.order])

    @property
    def may_repeat(self) -> bool:
        """Passes repeat ids."""
        return True

    def epoch_size(self, table: Table, epoch: int) -> int:
        """The sizes of the joined epochs together."""
        return sum(self.order.epoch_size(table, inner) for inner in self._epochs(epoch))

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """What the order prepares for each of the joined epochs."""
        return prepare_inner(self.order, Context(table, key.child(self.order.name)), self._epochs(epoch))

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Let the order plan the part of each joined epoch."""
        inside = replace(context, key=context.key.child(self.order.name))
        epochs = self._epochs(context.epoch)
        ends = np.cumsum([self.order.epoch_size(context.table, inner) for inner in epochs])
        passes = np.searchsorted(ends, batches.indices, side="right")
        places = np.argsort(passes, kind="stable")
        parts: list[tuple[Int64, Batches]] = []
        for here in np.split(places, np.flatnonzero(np.diff(passes[places])) + 1):
            if here.size:
                number = int(passes[here[0]])
                start = int(ends[number - 1]) if number else 0
                parts.append((here, plan_inner(self.order, batches.indices[here] - start, inside, epochs[number])))
        return join_parts(batches, parts)

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in the joined epochs each id comes first; -1 where it does not."""
        inside = replace(context, key=context.key.child(self.order.name))
        positions = np.full(ids.size, -1, dtype=np.int64)
        start = 0
        for inner in self._epochs(context.epoch):
            here = position_inner(self.order, ids, inside, inner)
            positions = np.where((positions < 0) & (here >= 0), start + here, positions)
            start += self.order.epoch_size(context.table, inner)
        return positions

    def _epochs(self, epoch: int) -> range:
        return range(epoch * self.times, (epoch + 1) * self.times)

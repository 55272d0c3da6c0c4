"""Several epochs joined into one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from croupier.core.batches import Batches, concatenate
from croupier.core.chain import Chain
from croupier.core.key import Key
from croupier.core.stage import Context, Learning, Order, Prepared, Preparing
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int

__all__ = ["Repeat"]


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
        checked_int("times", self.times, at_least=1, fix="pass the number of passes in an epoch")
        if not isinstance(self.order, Order) or isinstance(self.order, type | Chain | Learning):
            raise BadArgument(
                "order",
                "be an order of its own, that does not learn",
                self.order,
                "pass Shuffle(), say, and cut after it",
            )

    @property
    def prepared_per_epoch(self) -> bool:
        """As the order inside."""
        return isinstance(self.order, Preparing) and self.order.prepared_per_epoch

    def epoch_size(self, table: Table, epoch: int) -> int:
        """The sizes of the joined epochs together."""
        return sum(self.order.epoch_size(table, inner) for inner in self._epochs(epoch))

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """What the order prepares for each of the joined epochs."""
        order = self.order
        if not isinstance(order, Preparing):
            return {}
        inner_key = key.child(order.name)
        return {str(inner): order.prepare(table, inner_key, inner) for inner in self._epochs(epoch)}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Let the order plan the part of each joined epoch."""
        inside = replace(context, key=context.key.child(self.order.name))
        parts: list[Batches] = []
        start = 0
        for inner in self._epochs(context.epoch):
            end = start + self.order.epoch_size(context.table, inner)
            here = (batches.indices >= start) & (batches.indices < end)
            if here.any():
                epoch_context = replace(inside, epoch=inner, prepared=context.prepared.get(str(inner), {}))
                parts.append(self.order.plan(Batches.of(batches.indices[here] - start), epoch_context))
            start = end
        joined = concatenate(parts) if parts else Batches.of(np.empty(0, np.int64))
        return joined.with_offsets(batches.offsets)

    def _epochs(self, epoch: int) -> range:
        return range(epoch * self.times, (epoch + 1) * self.times)

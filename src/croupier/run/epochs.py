"""Where epochs and segments begin and end, in the endless stream of positions that all epochs make together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple, Protocol, cast, runtime_checkable

from croupier.core.chain import Chain
from croupier.core.ledger import Ledger
from croupier.core.policies import Tail
from croupier.core.stage import Order
from croupier.core.table import Table
from croupier.errors import BadArgument, TooFewIds

__all__ = ["DEFAULT_SEGMENT_IDS", "Epochs", "Past"]

DEFAULT_SEGMENT_IDS = 2**18
REMEMBERED_EPOCHS = 16
MOST_EPOCHS = 2**20
"""Sizes may differ from epoch to epoch, so that each has to be asked for before the next begins."""


@runtime_checkable
class _HasTail(Protocol):
    @property
    def batch_size(self) -> int: ...
    @property
    def tail(self) -> Tail: ...


class Past(NamedTuple):
    """What was dealt before the epoch from which on the table is as it is, of a run whose table has grown."""

    epoch: int = 0
    ids: int = 0
    segments: int = 0


class Epochs:
    """The arithmetic of a plan's epochs: nothing here is stored, but for running sums of their sizes.

    Attributes
    ----------
    tail : Tail
    batch_size : int
        Ids of a batch, where all are of one size; else 0.
    order_cuts : bool
        Whether the order itself makes batches of that size.
    granule : int
        Ids of a full step, where batches are of one size; else 1.
    window : int
        Ids of a segment: as asked for, rounded up to full steps, so that no batch is cut short by a segment's end.
    """

    def __init__(self, plan: Chain, table: Table, lanes: int, past: Past | None = None) -> None:
        plan.epoch_size(table, 0)  # refuses a plan that does not begin with an order
        self._order = cast(Order, plan.leaves()[0][1])
        self._table = table
        self.tail, self.batch_size = _tail_of(plan)
        self.order_cuts = isinstance(self._order, _HasTail)
        self.granule = self.batch_size * lanes if self.batch_size else 1
        self.window = -(-int(plan.segment_ids or DEFAULT_SEGMENT_IDS) // self.granule) * self.granule
        self._sizes: dict[int, int] = {}
        self.past = Past() if past is None else past
        self._ids_before = [self.past.ids]
        self._segments_before = [self.past.segments]

    def size(self, epoch: int) -> int:
        """Positions the order has in this epoch; asked once, then remembered for the epochs at hand."""
        if epoch not in self._sizes:
            if len(self._sizes) >= REMEMBERED_EPOCHS:
                self._sizes.clear()
            self._sizes[epoch] = self._order.epoch_size(self._table, epoch)
        return self._sizes[epoch]

    def ids_before(self, epoch: int) -> int:
        """Positions of all epochs before this one."""
        _check_number(epoch)
        first = self.past.epoch
        if epoch < first:  # dealt again, on the table as it is now
            return sum(map(self.size, range(epoch)))
        while len(self._ids_before) <= epoch - first:
            self._ids_before.append(self._ids_before[-1] + self.size(first + len(self._ids_before) - 1))
        return self._ids_before[epoch - first]

    def bounds(self, epoch: int) -> tuple[int, int]:
        """The part of the stream that this epoch deals, after its tail policy."""
        start = self.ids_before(epoch)
        stop = start + self.size(epoch)
        if self.tail is Tail.DROP:
            stop -= (stop - start) % self.granule
        elif self.tail is Tail.CARRY:
            start, stop = start // self.granule * self.granule, stop // self.granule * self.granule
        if stop <= start:
            raise TooFewIds(
                f"epoch {epoch} has {self.size(epoch)} ids, fewer than the {self.granule} that fill one step, and"
                f" Tail.{self.tail.name} deals full steps only; choose Tail.SHORT, a smaller batch, or Repeat(order, k)"
            )
        return start, stop

    def segments(self, epoch: int) -> int:
        """How many segments the epoch has; the last one holds the remainder too."""
        start, stop = self.bounds(epoch)
        return max(1, (stop - start) // self.window)

    def ordinal(self, epoch: int, number: int) -> int:
        """The segment's place among all segments of the run."""
        _check_number(epoch)
        first = self.past.epoch
        if epoch < first:
            return sum(map(self.segments, range(epoch))) + number
        while len(self._segments_before) <= epoch - first:
            self._segments_before.append(
                self._segments_before[-1] + self.segments(first + len(self._segments_before) - 1)
            )
        return self._segments_before[epoch - first] + number

    def at(self, epoch: int) -> Past:
        """What was dealt before an epoch."""
        return Past(epoch, self.ids_before(epoch), self.ordinal(epoch, 0))

    def parts(self, epoch: int, number: int) -> Iterator[tuple[int, int, int]]:
        """The positions of a segment, as (epoch whose order they belong to, first position, position after the last).

        One part, but where ids were carried over from epochs before.
        """
        start, stop = self.bounds(epoch)
        begin = start + number * self.window
        end = stop if number == self.segments(epoch) - 1 else begin + self.window
        # Under CARRY, the only tail that reaches over the start of an epoch, a table does not grow.
        inner = epoch if self.tail is not Tail.CARRY else max(0, bisect_right(self._ids_before, begin) - 1)
        while begin < end:
            first, after = self.ids_before(inner), self.ids_before(inner + 1)
            if begin < after:
                yield inner, begin - first, min(end, after) - first
                begin = min(end, after)
            inner += 1

    def tail_ledger(self, epoch: int) -> Ledger:
        """What the tail policy did with the last ids of an epoch."""
        left = self.ids_before(epoch) + self.size(epoch) - self.bounds(epoch)[1]
        event = "left out of the epoch" if self.tail is Tail.DROP else "carried to the next epoch"
        return Ledger.of("tail", event, left)


def _check_number(epoch: int) -> None:
    if epoch > MOST_EPOCHS + 1:
        fix = "put Repeat(order, k) into the plan: an epoch is then k times as long"
        raise BadArgument("epoch", f"be at most {MOST_EPOCHS}", epoch, fix)


def _tail_of(plan: Chain) -> tuple[Tail, int]:
    leaves = [stage for _, stage in plan.leaves()]
    order = leaves[0]
    if isinstance(order, _HasTail):
        cutters = [stage.name for stage in leaves[1:] if hasattr(stage, "max_tokens") or isinstance(stage, _HasTail)]
        if cutters:
            rule = f"not cut what {leaves[0].name!r} has made batches of"
            raise BadArgument("plan", rule, f"{cutters[0]!r} after it", "leave that stage out")
    for stage in reversed(leaves):
        if isinstance(stage, _HasTail):
            return stage.tail, int(stage.batch_size)
    return Tail.SHORT, 0

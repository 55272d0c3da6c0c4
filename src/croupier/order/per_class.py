"""Batches of P classes with K samples of each, in which every row comes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.policies import Tail, Whole
from croupier.core.shuffling import shuffled
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable, checked_int, checked_kind
from croupier.order.sources import ColumnSources

__all__ = ["PerClass"]


@dataclass(frozen=True, slots=True)
class PerClass:
    """P x K batches for losses that compare classes (triplets, supervised contrast): P classes, K samples of each.

    An order that makes its batches itself: ``chain(PerClass(...))`` is a whole plan.

    Parameters
    ----------
    column : str
        The column of classes: strings, or codes 0, 1, 2...
    classes : int
        P, different ones in every batch.
    samples : int
        K, consecutive in the batch.
    tail : Tail
        What becomes of the last batches of an epoch, fewer than ranks: ``CARRY`` (default) deals them first in the next
        epoch, ``DROP`` not at all in this one. They may not be cut.

    Guarantees: in every batch P different classes and K samples of each, different rows where the class has K; every
    row at least once in an epoch, and exactly once but for what it takes to fill up: the last samples of a class (fewer
    than K), and, where one class alone would need more batches than all together, further samples of the others, fewest
    first. Those are in the ledger, and in ``preview``.

    Holds one integer for every K rows in an epoch, besides the rows of the classes.

    Raises
    ------
    BadTable
        Fewer classes with rows than P.

    Source: batches of P x K after Hermans et al., "In defense of the triplet loss for person re-identification"
    (2017), section 2; the arrangement is our own: groups of K, class after class, laid out in P columns, so that no
    class meets itself.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(label=[0] * 6 + [1] * 4 + [2] * 2)
    >>> batches = [deal.ids for deal in cr.Dealer(cr.chain(PerClass("label", classes=2, samples=2)), table, seed=0)]
    >>> [table.column("label")[ids].tolist() for ids in batches]
    [[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 1, 1]]
    >>> sorted(np.concatenate(batches).tolist()) == list(range(12))
    True
    """

    column: str
    classes: int
    samples: int
    tail: Tail = Tail.CARRY
    name: str = "per_class"

    def __post_init__(self) -> None:
        checked_kind("tail", self.tail, Tail, fix="pass one of Tail, say Tail.SHORT")
        classes = checked_int("classes", self.classes, at_least=1, fix="pass the classes of a batch")
        object.__setattr__(self, "classes", classes)
        samples = checked_int("samples", self.samples, at_least=1, fix="pass the samples of each class in a batch")
        object.__setattr__(self, "samples", samples)
        checked_int("classes x samples", self.batch_size, at_least=1, at_most=2**24, fix="make smaller batches")
        if self.tail not in (Tail.CARRY, Tail.DROP):
            raise BadArgument(
                "tail", "be Tail.CARRY or Tail.DROP", self.tail, "a batch with fewer classes would not be P x K"
            )

    @property
    def batch_size(self) -> int:
        """P x K."""
        return self.classes * self.samples

    @property
    def whole(self) -> Whole:
        """A loss compares the rows of a batch."""
        return Whole.ON_A_RANK

    @property
    def may_repeat(self) -> bool:
        """Small classes are filled up."""
        return True

    @property
    def prepared_per_epoch(self) -> bool:
        """Which groups make a batch changes with every epoch."""
        return True

    def epoch_size(self, table: Table, epoch: int) -> int:
        """Whole batches: as many as it takes for every row to come."""
        return self._batches(table) * self.batch_size

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The rows of each class, and the group of K of every place in every batch, int64 of shape (batches, P)."""
        sources, sizes = ColumnSources(self.column), table.counts(self.column)
        nothing = np.zeros(sizes.size, np.int64)
        groups, batches = self._groups(table), self._batches(table)
        before: Int64 = np.concatenate([np.zeros(1, np.int64), np.cumsum(groups)])
        # Class after class in random order; each of the P columns takes the next run of `batches` groups.
        order = shuffled(np.arange(sizes.size), sizes.size, key.child(epoch, "classes"))
        ends = np.cumsum(groups[order])
        layout: Int64 = np.arange(int(ends[-1]), dtype=np.int64) + np.repeat(
            before[order] - (ends - groups[order]), groups[order]
        )
        placed = np.empty((batches, self.classes), dtype=np.int64)
        numbers = np.repeat(np.arange(sizes.size), groups)
        for place in range(self.classes):
            column = layout[place * batches : (place + 1) * batches]
            rows = shuffled(np.arange(batches), batches, key.child(epoch, "places", place))
            if place:
                _part_from(rows, numbers[column], numbers[placed[:, place - 1]])
            placed[rows, place] = column
        return {**sources.prepare(table, key, (nothing, nothing)), "groups": placed, "before": before}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        sizes = context.table.counts(self.column)
        before: Int64 = context.prepared["before"]
        placed: Int64 = context.prepared["groups"]
        group = placed.ravel()[batches.indices // self.samples]
        source = np.searchsorted(before, group, side="right") - 1
        drawn = (group - before[source]) * self.samples + batches.indices % self.samples
        # Past the end of a class its samples of this epoch begin again: a group holds no row twice unless it must.
        turns = np.full(sizes.size, context.epoch, dtype=np.int64)
        sources = ColumnSources(self.column)
        dealt = sources.plan(batches, source, drawn % sizes[source], turns, context)
        repeated = int(np.count_nonzero(drawn >= sizes[source]))
        return dealt.with_ledger(Ledger.of(self.name, "repeated to fill a class", repeated))

    def _batches(self, table: Table) -> int:
        groups = -(-table.counts(self.column) // self.samples)
        there = int(np.count_nonzero(groups))
        if there < self.classes:
            raise BadTable(
                self.column, f"have at least {self.classes} classes with rows, for PerClass(classes={self.classes})",
                there, "ask for fewer classes in a batch",
            )  # fmt: skip
        return int(max(groups.max(), -(-groups.sum() // self.classes)))

    def _groups(self, table: Table) -> Int64:
        """Groups of each class so that all places are filled: small classes are raised to a level."""
        groups, batches = -(-table.counts(self.column) // self.samples), self._batches(table)
        places, there = batches * self.classes, groups > 0
        low, high = 0, batches
        while low < high:
            level = (low + high + 1) // 2
            low, high = (level, high) if np.maximum(groups, level)[there].sum() <= places else (low, level - 1)
        raised = np.where(there, np.maximum(groups, low), 0)
        left = places - int(raised.sum())
        raised[np.flatnonzero(there & (raised == low))[:left]] += 1
        return raised


def _part_from(rows: Int64, numbers: Int64, neighbours: Int64) -> None:
    """Swap batches so that a class which began in the column before is in none of its batches again; in place."""
    begun = int(np.searchsorted(numbers != numbers[0], True))
    taken = neighbours == numbers[0]
    clashes = np.flatnonzero(taken[rows[:begun]])
    free = begun + np.flatnonzero(~taken[rows[begun:]])[: clashes.size]
    rows[clashes], rows[free] = rows[free], rows[clashes]

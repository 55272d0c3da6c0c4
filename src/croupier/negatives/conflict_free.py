"""Batches in which no row's item is a known positive of another row's query: in-batch negatives that are negative."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.facts import gathered
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.policies import Tail, Whole
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, TooFewIds, checked_int
from croupier.kernels.conflict_free import deal_conflict_free
from croupier.kernels.conflicts import Conflicts, conflicts_among, largest_clique
from croupier.kernels.grouping import group_rows
from croupier.negatives.known_positives import KnownPositives
from croupier.negatives.pairs import Pairs

__all__ = ["ConflictFree"]

WINDOW_BATCHES = 1024
"""Rows are dealt to so many batches at a time, or to what a frequent query or item needs: this bounds the memory."""
GROWTH = 64


@dataclass(frozen=True, slots=True)
class ConflictFree:
    """Cut batches in which every row's item may serve as a negative of every other row.

    Parameters
    ----------
    batch_size : int
        Ids of a batch: per rank under Lockstep, of the global batch under Balanced.
    pairs : Pairs
        The columns of query and item, and what is known beyond the rows. Rows of one query, rows of one item, and rows
        whose item is right for the other's query are kept apart.
    also : str, optional
        A column of further items of each row, which a loss shares over the batch: mined ``negatives``, say; -1 is none.
    over_ranks : bool
        Apart in the whole step, as losses need that gather the other ranks' items: then the lanes must be a multiple of
        the world size. ``False``: on each rank alone, any world size.
    tail : Tail
        The end of an epoch. ``DROP`` also leaves out what conflicts leave no room for; otherwise there are more,
        smaller batches, all of about one size.

    Ids are dealt apart within a segment, or within an incoming batch; raise ``chain(..., segment_ids=)`` where some
    query or item comes more often in a segment than that has batches. Ids stay near their place in the order.

    Guarantees: no two rows of a batch (of a step) conflict; every id is dealt once, unless ``Tail.DROP`` leaves it out,
    in the ledger; exact length; time linear in the rows and in the known positives of their queries and items. How many
    batches there must be at least: :meth:`least_batches`.

    Raises
    ------
    TooFewIds
        Conflicts leave so few rows to a step that the ranks cannot share them.

    Source: ours (docs/negatives.md). The peer, NoDuplicatesBatchSampler of sentence-transformers, compares texts, does
    not know other labelled positives, and looks at one rank.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(query=[0, 1, 2, 3], item=[5, 5, 6, 7])
    >>> plan = cr.chain(cr.Sequential(), ConflictFree(2))
    >>> [deal.ids.tolist() for deal in cr.Dealer(plan, table, seed=0)]
    [[0, 2], [1, 3]]
    """

    batch_size: int
    pairs: Pairs = field(default_factory=Pairs)
    also: str | None = None
    over_ranks: bool = True
    tail: Tail = Tail.SHORT
    name: str = "conflict_free"

    def __post_init__(self) -> None:
        checked_int("batch_size", self.batch_size, at_least=2, fix="pass the number of ids in a batch")
        if not isinstance(self.pairs, Pairs):
            raise BadArgument("pairs", "be Pairs", self.pairs, 'pass Pairs("user", "item")')
        if not isinstance(self.tail, Tail):
            raise BadArgument("tail", "be a Tail", self.tail, "pass Tail.SHORT, Tail.CARRY or Tail.DROP")

    @property
    def whole(self) -> Whole:
        """Cut, a batch stays free of conflicts; joined with another it may not."""
        return Whole.WITH_ITS_LANES if self.over_ranks else Whole.CUT_ONLY

    @property
    def prepared_per_epoch(self) -> bool:
        """Positives hold for the run."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The known positives, by query and by item; and the same of those rows alone that may conflict at all."""
        known = self.pairs.known_in(table)
        askers = known.transposed()
        return {"known": known, "askers": askers, **_where_shared(table, self.pairs, known, askers)}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Deal the ids of each incoming batch apart."""
        lanes = context.lanes if self.over_ranks else 1
        window = WINDOW_BATCHES * self.batch_size * lanes
        rows = _Rows.of(batches, context, self)
        order: list[Int64] = []
        sizes: list[Int64] = []
        left_out = 0
        for begin, end in zip(batches.offsets[:-1].tolist(), batches.offsets[1:].tolist(), strict=True):
            # No window is less than half full, so none is too small for the lanes where there are rows enough.
            windows = max(1, round((end - begin) / window))
            cuts = begin + np.arange(windows + 1) * window
            cuts[-1] = end
            for low, high in pairwise(cuts.tolist()):
                ordered, own_sizes = self._dealt_apart(rows.conflicts(low, high), lanes, rows.is_single)
                order.append(low + ordered)
                sizes.append(own_sizes)
                left_out += high - low - ordered.size
        if not order:
            return batches
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(sizes))])
        lost = Ledger.of(self.name, "left out: conflicts", left_out)
        return batches.take(np.concatenate(order), offsets).with_ledger(lost)

    def least_batches(self, table: Table, world_size: int = 1) -> int:
        """No plan can deal this table in fewer batches, whatever the order: by its size, and by its densest rows.

        All rows with the query or the item of one row conflict with one another, so each needs a batch of its own (a
        step, under Lockstep on several ranks). Finding the least number exactly is NP-hard.
        """
        context = Context(table, Key(0), prepared=self.prepare(table, Key(0), 0))
        rows = _Rows.of(Batches.of(np.arange(table.size)), context, self)
        lanes = world_size if self.over_ranks else 1
        by_conflicts = lanes * largest_clique(rows.conflicts(0, table.size)) if rows.is_single else 1
        return max(-(-table.size // self.batch_size), by_conflicts)

    def _dealt_apart(self, conflicts: Conflicts, lanes: int, is_single: bool) -> tuple[Int64, Int64]:
        """The rows in order of their batch, and how many each batch has."""
        count, capacity = conflicts.queries.size, self.batch_size * lanes
        steps = fewest = -(-count // capacity)
        if self.tail is not Tail.DROP and is_single:
            steps = max(steps, largest_clique(conflicts))
        dealt = _dealt(conflicts, _sizes(count, steps, capacity, lanes))
        while self.tail is not Tail.DROP and bool((dealt < 0).any()):
            steps += max(1, (steps - fewest) // GROWTH)
            dealt = _dealt(conflicts, _sizes(count, steps, capacity, lanes))
        sizes = np.bincount(dealt[dealt >= 0], minlength=steps)
        if self.tail is Tail.DROP:
            dealt = np.where((dealt >= 0) & (sizes[dealt] >= lanes), dealt, -1)
        elif int(sizes.min()) < lanes:
            raise TooFewIds(
                f"conflicts leave {int(sizes.min())} ids to a step of {lanes} ranks: {count} ids need {steps} steps;"
                f" choose ConflictFree(tail=Tail.DROP), over_ranks=False, or larger segments"
            )
        kept = np.flatnonzero(dealt >= 0)
        rows, offsets = group_rows(dealt[kept], steps)
        whole, rest = np.divmod(np.diff(offsets), lanes)
        return kept[rows], (whole[:, None] + (np.arange(lanes) < rest[:, None])).ravel()


def _where_shared(table: Table, pairs: Pairs, known: KnownPositives, askers: KnownPositives) -> Prepared:
    """Numbers of query and item of each row, -1 where no other pair has either; and who is right for whom among them.

    A row that alone has its query and its item conflicts with none, unless it is dealt twice.
    """
    has_one = known.counts == 1
    is_shared = np.append(~has_one, np.zeros(1, np.bool_))
    is_shared[:-1][has_one] = askers.counts[known.positives[known.offsets[:-1][has_one]]] > 1
    own = known.queries.numbers(table.column(pairs.query).astype(np.int64))
    is_shared[:-1] |= np.bincount(own, minlength=known.queries.count) > 1  # one pair may have several rows
    queries, items = known.pairs
    number = known.queries.numbers(queries)
    small = KnownPositives.of(queries[is_shared[number]], items[is_shared[number]])
    rows = np.flatnonzero(is_shared[own])
    found = np.full((2, table.size), -1, dtype=np.int32)
    found[0, rows] = small.queries.numbers(table.column(pairs.query)[rows].astype(np.int64))
    found[1, rows] = small.items.numbers(table.column(pairs.item)[rows].astype(np.int64))
    back = small.transposed()
    lists = [(one.offsets.astype(np.int32), one.positives.astype(np.int32)) for one in (small, back)]
    return {"shared_queries": found[0], "shared_items": found[1], "shared": small, "lists": tuple(lists)}


@dataclass(frozen=True, slots=True)
class _Rows:
    """Numbers of the query and the items of each row of some batches, and the lists of what is right for what."""

    queries: npt.NDArray[np.signedinteger]
    items: npt.NDArray[np.signedinteger]
    positives: tuple[npt.NDArray[np.signedinteger], npt.NDArray[np.signedinteger]]
    askers: tuple[npt.NDArray[np.signedinteger], npt.NDArray[np.signedinteger]]

    @classmethod
    def of(cls, batches: Batches, context: Context, stage: ConflictFree) -> _Rows:
        prepared, ids = context.prepared, batches.indices
        travelling = {stage.pairs.query, stage.pairs.item} & set(batches.columns)
        is_dealt = np.zeros(context.table.size, dtype=np.bool_)
        is_dealt[ids] = True
        if stage.also is None and not travelling and np.count_nonzero(is_dealt) == ids.size:
            queries, items = np.take(prepared["shared_queries"], ids), np.take(prepared["shared_items"], ids)
            return cls(queries, items[:, None], *prepared["lists"])
        known: KnownPositives = prepared["known"]
        queries = known.queries.numbers(gathered(batches, context.table, stage.pairs.query).astype(np.int64))
        items = known.items.numbers(gathered(batches, context.table, stage.pairs.item).astype(np.int64))[:, None]
        if stage.also is not None:
            further = gathered(batches, context.table, stage.also).astype(np.int64)
            items = np.concatenate([items, known.items.numbers(further.reshape(len(further), -1))], axis=1)
        askers: KnownPositives = prepared["askers"]
        return cls(queries, items, (known.offsets, known.positives), (askers.offsets, askers.positives))

    @property
    def is_single(self) -> bool:
        return self.items.shape[1] == 1

    def conflicts(self, low: int, high: int) -> Conflicts:
        rows = np.flatnonzero((self.queries[low:high] >= 0) | (self.items[low:high] >= 0).any(axis=1))
        found = conflicts_among(self.queries[low + rows], self.items[low + rows], self.positives, self.askers)
        queries = np.full(high - low, -1, dtype=np.int32)
        items = np.full((high - low, self.items.shape[1]), -1, dtype=np.int32)
        queries[rows], items[rows] = found.queries, found.items
        return found._replace(queries=queries, items=items)


def _sizes(count: int, steps: int, capacity: int, lanes: int) -> Int64:
    """Full steps and one with the rest; steps of about one size where there are more, or the rest is too small."""
    full, rest = divmod(count, capacity)
    if full + (rest > 0) == steps and (rest == 0 or rest >= lanes):
        return np.array([capacity] * full + [rest] * (rest > 0), dtype=np.int64)
    whole, rest = divmod(count, steps)
    return whole + (np.arange(steps) < rest).astype(np.int64)


def _dealt(conflicts: Conflicts, wanted: Int64) -> Int64:
    """The step of each row, -1 for one that found no room."""
    numbers = (conflicts.queries, *conflicts.items.T)
    conflicting = np.flatnonzero(np.logical_or.reduce([column >= 0 for column in numbers]))
    octaves = np.append(np.frexp(conflicts.counts.astype(np.float64))[1], 0).astype(np.int8)
    frequency = np.maximum.reduce([octaves[column[conflicting]] for column in numbers])
    # Twice as frequent goes first; among equals the order stays.
    turn = np.argsort(-frequency, kind="stable")
    dealt = deal_conflict_free(
        conflicting[turn], conflicts.queries, conflicts.items, (conflicts.offsets, conflicts.others),
        wanted.size, int(wanted.max(initial=1)),
    )  # fmt: skip
    sizes = np.bincount(dealt[dealt >= 0], minlength=wanted.size)
    free = np.ones(dealt.size, dtype=np.bool_)
    free[conflicting] = False
    places = np.repeat(np.arange(wanted.size), np.maximum(wanted - sizes, 0))
    dealt[free] = places[: int(free.sum())]
    return dealt

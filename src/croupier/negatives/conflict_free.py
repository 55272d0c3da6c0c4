"""Batches in which no row's item is a known positive of another row's query: in-batch negatives that are negative."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.policies import Tail, Whole
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, TooFewIds, checked_int, checked_kind
from croupier.kernels.cliques import least_batches
from croupier.kernels.conflicts import Conflicts
from croupier.kernels.grouping import group_rows
from croupier.negatives.conflict_rows import ConflictRows, prepare_rows
from croupier.negatives.dealing_apart import deal_apart, parts_for_memory
from croupier.negatives.pairs import Pairs

__all__ = ["ConflictFree"]

WINDOW_BATCHES = 1024
"""Rows are dealt to so many batches at a time, or to what a frequent query or item needs."""


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
        The end of an epoch. ``DROP`` also leaves out what conflicts leave no room for. Otherwise there are more batches
        where conflicts ask for it: as few as are found, so some are full and some nearly empty if a query or an item is
        very frequent; as alike as conflicts allow; and none with fewer ids than there are lanes.

    Ids are dealt apart within a segment, or within an incoming batch; raise ``chain(..., segment_ids=)`` where some
    query or item comes more often in a segment than that has batches. Ids stay near their place in the order. Query and
    item may be columns that travel with the ids: each such pair is a positive of the rows it is dealt with.

    Guarantees: no two rows of a batch (of a step) conflict; every id is dealt once, unless ``Tail.DROP`` leaves it out,
    in the ledger; exact length; time linear in the rows and in the known positives of their queries, however frequent
    some are; bits of 256 MB at most. How many batches there must be at least: :meth:`least_batches`, which can be far
    fewer than there are: on dense interactions (MovieLens-100k, users and films) ``ConflictFree(256)`` deals 8 to 10
    ids a batch, and a mask, ``croupier.torch.in_batch_mask``, serves better.

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
        size = checked_int("batch_size", self.batch_size, at_least=2, fix="pass the number of ids in a batch")
        object.__setattr__(self, "batch_size", size)
        if not isinstance(self.pairs, Pairs):
            raise BadArgument("pairs", "be Pairs", self.pairs, 'pass Pairs("user", "item")')
        if self.also is not None and not isinstance(self.also, str):
            raise BadArgument("also", "be a column's name, or None", self.also, 'pass "negatives", say')
        if not isinstance(self.over_ranks, bool):
            raise BadArgument("over_ranks", "be True or False", self.over_ranks, "pass True for a loss over all ranks")
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
        """The known positives, by query; and the same of those rows alone that may conflict at all."""
        return prepare_rows(table, self.pairs, self.also)

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Deal the ids of each incoming batch apart."""
        lanes = context.lanes if self.over_ranks else 1
        rows = ConflictRows.of(batches, context, self.pairs, self.also)
        order: list[Int64] = []
        sizes: list[Int64] = []
        left_out = 0
        for begin, end in pairwise(batches.offsets.tolist()):
            windows = _windows(begin, end, WINDOW_BATCHES * self.batch_size * lanes)
            while windows:
                low, high = windows.pop()
                conflicts = rows.conflicts(low, high)
                steps = self._least_steps(conflicts, lanes)
                parts = parts_for_memory(steps, conflicts.counts.size)
                if parts > 1:
                    windows += _windows(low, high, self._whole_steps((high - low) // parts, lanes))
                    continue
                ordered, own_sizes = self._dealt_apart(conflicts, steps, lanes)
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
        step, under Lockstep on several ranks). Finding the least number exactly is NP-hard; it may be many
        times this.
        """
        checked_kind("table", table, Table, fix="write Table(**columns)")
        world_size = checked_int("world_size", world_size, at_least=1, at_most=2**20, fix="pass the number of ranks")
        context = Context(table, Key(0), prepared=self.prepare(table, Key(0), 0))
        rows = ConflictRows.of(Batches.of(np.arange(table.size)), context, self.pairs, self.also)
        lanes = world_size if self.over_ranks else 1
        by_conflicts = least_batches(rows.conflicts(0, table.size), self.batch_size * lanes)
        return max(-(-table.size // self.batch_size), lanes * by_conflicts)

    def _whole_steps(self, rows: int, lanes: int) -> int:
        return max(1, rows - rows % (self.batch_size * lanes) if rows > self.batch_size * lanes else rows)

    def _least_steps(self, conflicts: Conflicts, lanes: int) -> int:
        capacity = self.batch_size * lanes
        fewest = -(-conflicts.queries.size // capacity)
        return fewest if self.tail is Tail.DROP else max(fewest, least_batches(conflicts, capacity))

    def _dealt_apart(self, conflicts: Conflicts, steps: int, lanes: int) -> tuple[Int64, Int64]:
        """The rows in order of their batch, and how many each batch has."""
        leaves_out = self.tail is Tail.DROP
        dealt, sizes = deal_apart(conflicts, steps, self.batch_size * lanes, lanes, leaves_out=leaves_out)
        if leaves_out:
            dealt = np.where((dealt >= 0) & (sizes[dealt] >= lanes), dealt, -1)
        elif int(sizes.min()) < lanes:
            raise TooFewIds(
                f"conflicts leave {int(sizes.min())} ids to a step of {lanes} ranks: {dealt.size} ids need {sizes.size}"
                f" steps; choose ConflictFree(tail=Tail.DROP), over_ranks=False, or larger segments"
            )
        kept = np.flatnonzero(dealt >= 0)
        rows, offsets = group_rows(dealt[kept], sizes.size)
        whole, rest = np.divmod(np.diff(offsets), lanes)
        return kept[rows], (whole[:, None] + (np.arange(lanes) < rest[:, None])).ravel()


def _windows(low: int, high: int, rows: int) -> list[tuple[int, int]]:
    """About so many rows each, the last one first; none has less than half, so none is too small for the lanes."""
    rows = min(rows, max(1, high - low))
    cuts = low + np.arange(max(1, round((high - low) / rows)) + 1) * rows
    cuts[-1] = high
    return list(pairwise(cuts.tolist()))[::-1] if high > low else []

"""Negatives from a list that each row brings along: BM25's, an older model's, a person's."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.facts import gathered
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable, checked_int
from croupier.kernels.mixing import draws, draws_below
from croupier.negatives.appending import Negatives, append_negatives, check_negatives_free
from croupier.negatives.known_positives import KnownPositives
from croupier.negatives.pairs import Pairs

__all__ = ["ListedNegatives", "Pick", "picked"]


class Pick(Enum):
    """Which of a list are taken. ``TOP``: the first. ``AT_RANDOM``: any, none twice. ``IN_TURN``: others each epoch."""

    TOP = "top"
    """The first of the list: its hardest, where it is sorted."""
    AT_RANDOM = "at random"
    """Any of the list, none twice in a draw."""
    IN_TURN = "in turn"
    """A window that moves on with every epoch: each comes once before any comes again."""


@dataclass(frozen=True, slots=True)
class ListedNegatives:
    """Take ``per_example`` negatives from a column of lists; known positives in the lists are passed over.

    Stages of negatives add up: ``chain(Shuffle(), ListedNegatives(1, "bm25"), RandomNegatives(2, items), ...)`` gives
    each row one hard and two random ones, in columns of three.

    Parameters
    ----------
    per_example : int
    column : str
        Items of each row, whole numbers of shape (rows, m), -1 where a list is shorter.
    pick : Pick
    pairs : Pairs

    Adds the columns that :func:`append_negatives` names. The log probability of a negative is that of one draw from
    the row's list, 0 for ``Pick.TOP``. A row whose list is too short gets item -1 at weight 0, counted in the ledger.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(query=[0, 1], item=[7, 8], bm25=[[8, 9], [8, 7]])
    >>> plan = cr.chain(cr.Sequential(), ListedNegatives(1, "bm25", Pick.TOP), cr.FixedSize(2))
    >>> cr.Dealer(plan, table, seed=0).first().columns["negatives"].tolist()
    [[8], [7]]
    """

    per_example: int
    column: str
    pick: Pick = Pick.AT_RANDOM
    pairs: Pairs = field(default_factory=Pairs)
    name: str = "listed_negatives"

    def __post_init__(self) -> None:
        check_picking(self.per_example, self.pick, self.pairs)

    @property
    def prepared_per_epoch(self) -> bool:
        """Positives hold for the run."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The known positives; a look at the column."""
        check_negatives_free(table, self.name)
        lists = table.column(self.column)
        if lists.ndim != 2 or lists.dtype.kind not in "iu":
            what = f"dtype {lists.dtype} of shape {lists.shape}"
            raise BadTable(self.column, "hold whole numbers, of shape (rows, m)", what, "fill short lists with -1")
        return {"known": self.pairs.known_in(table)}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Add a source."""
        lists = gathered(batches, context.table, self.column).astype(np.int64)
        queries = gathered(batches, context.table, self.pairs.query)
        usable = usable_items(lists, queries, context.prepared["known"])
        places, log_q = picked(usable, self.per_example, self.pick, batches.indices, context)
        items = np.where(places >= 0, np.take_along_axis(lists, np.maximum(places, 0), axis=1), -1)
        short = Ledger.of(self.name, "dealt with fewer negatives", int((items < 0).any(axis=1).sum()))
        return append_negatives(batches, Negatives(items, log_q)).with_ledger(short)


def check_picking(per_example: int, pick: Pick, pairs: Pairs) -> None:
    """Refuse arguments that stages which pick from lists share."""
    checked_int("per_example", per_example, at_least=1, fix="pass the number of negatives an example")
    if not isinstance(pick, Pick):
        raise BadArgument("pick", "be a Pick", pick, "pass Pick.TOP, Pick.AT_RANDOM or Pick.IN_TURN")
    if not isinstance(pairs, Pairs):
        raise BadArgument("pairs", "be Pairs", pairs, 'pass Pairs("user", "item")')


def usable_items(lists: Int64, queries: npt.NDArray[np.integer], known: KnownPositives) -> npt.NDArray[np.bool_]:
    """Which entries of each row's list are items, and no known positives of its query."""
    asked = np.repeat(queries.astype(np.int64), lists.shape[1])
    return (lists >= 0) & ~known.contains(asked, lists.ravel()).reshape(lists.shape)


def picked(
    usable: npt.NDArray[np.bool_], count: int, pick: Pick, ids: Int64, context: Context
) -> tuple[Int64, npt.NDArray[np.float64]]:
    """Places in each row's list, shape (n, count), -1 where too few are usable; their log probability in one draw."""
    rows, width = usable.shape
    have = usable.sum(axis=1)
    ranks = np.arange(width, dtype=np.int64)
    if pick is Pick.TOP:
        turn = np.broadcast_to(ranks, usable.shape)
    elif pick is Pick.AT_RANDOM:
        counters = np.arange(rows * width, dtype=np.int64)
        turn = (draws(context.segment_key.bits, counters) >> np.uint64(1)).astype(np.int64).reshape(usable.shape)
    else:
        # Usable entries in their order, begun at a place of the row's own that moves on with each epoch.
        own = draws_below(context.key.bits, ids, np.maximum(have, 1))
        begin = (own + context.epoch * count) % np.maximum(have, 1)
        turn = (np.cumsum(usable, axis=1) - 1 - begin[:, None]) % np.maximum(have, 1)[:, None]
    largest = np.iinfo(np.int64).max
    order = np.argsort(np.where(usable, turn, largest), axis=1, kind="stable")[:, :count]
    if order.shape[1] < count:
        order = np.pad(order, ((0, 0), (0, count - order.shape[1])))
    places = np.where(np.arange(count) < have[:, None], order, -1)
    log_q = np.zeros(rows) if pick is Pick.TOP else -np.log(np.maximum(have, 1))
    return places, np.repeat(log_q[:, None], count, axis=1)

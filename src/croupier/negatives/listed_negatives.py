"""Negatives from a list that each row brings along: BM25's, an older model's, a person's."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.facts import gathered
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable, keep_plain_numbers
from croupier.negatives.appending import Negatives, append_negatives, check_negatives_free
from croupier.negatives.known_positives import KnownPositives
from croupier.negatives.pairs import Pairs
from croupier.negatives.picking import Pick, check_picking, compacted, first_of_each, picked_ranks

__all__ = ["ListedNegatives"]

CHUNK_ROWS = 2**16


@dataclass(frozen=True, slots=True)
class ListedNegatives:
    """Take ``per_example`` negatives from a column of lists; known positives and repeats in a list are passed over.

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
    the row's list, 0 for ``Pick.TOP``. A row whose list is too short gets item -1 at weight 0, counted in the ledger,
    as are the entries of a list that it had before: each item counts once.

    Raises
    ------
    BadTable
        A column that holds no lists of items, or fills short ones with something else than -1.

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
        keep_plain_numbers(self)
        check_picking(self.per_example, self.pick, self.pairs)
        if not isinstance(self.column, str):
            raise BadArgument("column", "be a column's name", self.column, 'pass "bm25", say')

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
        if self.column in table.categories:
            fix = "number them as the items are: content_ids(items, lists) does"
            raise BadTable(self.column, "hold items", "strings, which are categories of their own", fix)
        for begin in range(0, table.size, CHUNK_ROWS):
            _check_items(self.column, lists[begin : begin + CHUNK_ROWS], begin)
        return {"known": self.pairs.known_in(table)}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Add a source."""
        lists = gathered(batches, context.table, self.column)
        if self.column in batches.columns:
            _check_items(self.column, lists, 0)
        lists = lists.astype(np.int64)
        queries = gathered(batches, context.table, self.pairs.query)
        is_first = first_of_each(lists)
        again = Ledger.of(self.name, "passed over: again in its list", int(np.count_nonzero(~is_first & (lists >= 0))))
        usable = is_first & _usable(lists, queries, context.prepared["known"])
        places, have = compacted(usable)
        ranks, log_q = picked_ranks(have, self.per_example, self.pick, batches.indices, context)
        if lists.shape[1] < self.per_example:
            places, lists = (np.pad(values, ((0, 0), (0, self.per_example))) for values in (places, lists))
        chosen = np.take_along_axis(places, np.maximum(ranks, 0), axis=1)
        items = np.where(ranks >= 0, np.take_along_axis(lists, chosen, axis=1), -1)
        short = Ledger.of(self.name, "dealt with fewer negatives", int((items < 0).any(axis=1).sum()))
        return append_negatives(batches, Negatives(items, log_q)).with_ledger(short, again)


def _check_items(column: str, lists: npt.NDArray[np.integer], first_row: int) -> None:
    least, most = lists.min(initial=0), lists.max(initial=0)
    if least < -1 or most >= 2**62:
        is_bad = ((lists < -1) | (lists >= 2**62)).any(axis=1)
        what = f"{least if least < -1 else most} in row {first_row + int(np.flatnonzero(is_bad)[0])}"
        raise BadTable(column, "hold items from 0, below 2**62, and -1 for none", what, "fill short lists with -1")


def _usable(lists: Int64, queries: npt.NDArray[np.integer], known: KnownPositives) -> npt.NDArray[np.bool_]:
    """Which entries of each row's list are items, and no known positives of its query."""
    asked = np.repeat(queries.astype(np.int64), lists.shape[1])
    return (lists >= 0) & ~known.contains(asked, lists.ravel()).reshape(lists.shape)

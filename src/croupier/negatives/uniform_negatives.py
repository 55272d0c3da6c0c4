"""Random negatives for each example, known positives excluded exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.facts import gathered
from croupier.core.key import Key
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadTable, checked_int
from croupier.kernels.mixing import draws_below

__all__ = ["UniformNegatives"]


@dataclass(frozen=True, slots=True)
class UniformNegatives:
    """Draw ``per_example`` negatives for each id, uniformly from all items that are no known positive of its query.

    Parameters
    ----------
    per_example : int
        Negatives an example; drawn independently, so one may come twice.
    items : int
        Candidates are the items 0 .. items - 1.
    query, positive : str
        Columns of the table: the query (user, question) of each row and its positive item. All rows of a query count
        as its known positives.

    Adds columns ``negatives`` of shape (n, per_example), int64, and ``negative_log_q`` of shape (n,), the log
    probability of each of them.

    Guarantees: never a known positive; exactly uniform over the rest, without retries, correct down to a single free
    item; the draw belongs to the position in the epoch, not to the batch around it.

    Raises
    ------
    BadTable
        A query all of whose items are positives, or an item out of range.

    Source: rank shift. With sorted positives p_0 < p_1 < ... of a query and a uniform r below items - positives, the
    r-th free item is r + the number of p_j with p_j - j <= r; one binary search serves all queries.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(user=[0, 0, 1], item=[0, 2, 1])
    >>> plan = cr.chain(cr.Sequential(), UniformNegatives(2, items=4, query="user", positive="item"), cr.FixedSize(3))
    >>> cr.Dealer(plan, table, seed=0).first().columns["negatives"].shape
    (3, 2)
    """

    per_example: int
    items: int
    query: str = "query"
    positive: str = "item"
    name: str = "uniform_negatives"

    def __post_init__(self) -> None:
        checked_int("per_example", self.per_example, at_least=1, fix="pass the number of negatives an example")
        checked_int("items", self.items, at_least=2, at_most=2**40, fix="pass the number of candidate items")

    @property
    def prepared_per_epoch(self) -> bool:
        """Positives hold for the run."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """For all queries in one sorted array, the gaps before each positive: O(rows) memory."""
        queries = _whole_numbers(self.query, table.column(self.query), 2**62 // self.items)
        items = _whole_numbers(self.positive, table.column(self.positive), self.items)
        pairs = np.unique(queries * self.items + items)
        query_of_pair = pairs // self.items
        names, first, counts = np.unique(query_of_pair, return_index=True, return_counts=True)
        if counts.max() >= self.items:
            full = int(names[np.argmax(counts)])
            raise BadTable(
                self.positive, f"leave each {self.query} an item that is no positive",
                f"all {self.items} for {self.query} {full}", "raise items, or drop this query",
            )  # fmt: skip
        rank = np.arange(pairs.size) - np.repeat(first, counts)
        # One ascending key for all queries: (query's number, positive minus its rank).
        keys = np.repeat(np.arange(names.size), counts) * self.items + (pairs % self.items - rank)
        return {"queries": names, "first": first, "counts": counts, "keys": keys}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Add the two columns."""
        prepared = context.prepared
        asked = gathered(batches, context.table, self.query).astype(np.int64)
        place = np.searchsorted(prepared["queries"], asked)
        free = self.items - prepared["counts"][place]
        counters = np.arange(asked.size * self.per_example, dtype=np.int64)
        rank = draws_below(context.segment_key.bits, counters, np.repeat(free, self.per_example))
        asked_place = np.repeat(place, self.per_example)
        found = np.searchsorted(prepared["keys"], asked_place * self.items + rank, side="right")
        negatives: Int64 = rank + found - prepared["first"][asked_place]
        return batches.with_columns(
            negatives=negatives.reshape(asked.size, self.per_example), negative_log_q=-np.log(free)
        )


def _whole_numbers(name: str, column: npt.NDArray[np.generic], limit: int) -> Int64:
    values = np.asarray(column)
    if values.dtype.kind not in "iu":
        raise BadTable(name, "hold integers", f"dtype {values.dtype}", "number the queries and items from 0")
    if values.size and (values.min() < 0 or values.max() >= limit):
        raise BadTable(name, f"be in [0, {limit})", f"{values.min()} .. {values.max()}", "number them from 0")
    return values.astype(np.int64)

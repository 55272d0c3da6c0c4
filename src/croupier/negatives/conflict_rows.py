"""Numbers of the queries and items of rows that may conflict, and what is right for what among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.facts import gathered
from croupier.core.mapped_rows import rows_of
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadTable
from croupier.kernels.conflicts import Conflicts, conflicts_among
from croupier.negatives.known_positives import KnownPositives
from croupier.negatives.pairs import Pairs

__all__ = ["ConflictRows", "prepare_rows"]

Numbers = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True)
class ConflictRows:
    """The rows of some batches: numbers of query and items, -1 for what conflicts with nothing.

    Parameters
    ----------
    queries, items : integer arrays of shapes (n,) and (n, m)
    offsets, positives : integer arrays
        The items right for each query.
    kinds : int
        Above every item's number.
    """

    queries: Numbers
    items: Numbers
    offsets: Numbers
    positives: Numbers
    kinds: int

    @classmethod
    def of(cls, batches: Batches, context: Context, pairs: Pairs, also: str | None) -> ConflictRows:
        """Those of the ids in these batches, with the columns that travel with them."""
        prepared, ids = context.prepared, batches.indices
        travels = pairs.query in batches.columns or pairs.item in batches.columns
        is_dealt = np.zeros(context.table.size, dtype=np.bool_)
        is_dealt[ids] = True
        if also is None and not travels and "queries" in prepared and np.count_nonzero(is_dealt) == ids.size:
            queries, items = rows_of(prepared["queries"], ids), rows_of(prepared["items"], ids)
            return cls(queries, items[:, None], prepared["offsets"], prepared["positives"], prepared["kinds"])
        known: KnownPositives = prepared["known"]
        queries, items = (_whole(batches, context.table, name) for name in (pairs.query, pairs.item))
        if travels:
            known = _with_pairs(known, queries, items)
        numbers = known.items.numbers(items)[:, None]
        if also is not None:
            further = known.items.numbers(_further(batches, context.table, also))
            numbers = np.concatenate([numbers, further], axis=1)
        return cls(known.queries.numbers(queries), numbers, known.offsets, known.positives, known.items.count)

    def conflicts(self, low: int, high: int) -> Conflicts:
        """What conflicts among these rows from one place to another."""
        columns = (self.queries[low:high], *self.items[low:high].T)
        rows = np.flatnonzero(np.logical_or.reduce([column >= 0 for column in columns]))
        queries, items = self.queries[low + rows], self.items[low + rows]
        found = conflicts_among(queries, items, (self.offsets, self.positives), self.kinds)
        queries = np.full(high - low, -1, dtype=np.int32)
        items = np.full((high - low, self.items.shape[1]), -1, dtype=np.int32)
        queries[rows], items[rows] = found.queries, found.items
        return found._replace(queries=queries, items=items)


def prepare_rows(table: Table, pairs: Pairs, also: str | None) -> Prepared:
    """The known positives, by query; and the numbers of those rows alone that another can conflict with.

    A row that alone has its query and its item conflicts with none, unless it is dealt twice: it has -1 for both.
    """
    known = pairs.known_in(table)
    if also is not None and also in table:
        _check_further(table.column(also), also, is_named=also in table.categories)
    if pairs.query not in table or pairs.item not in table:
        return {"known": known}
    own_queries, own_items = (table.column(name).astype(np.int64) for name in (pairs.query, pairs.item))
    has_one = known.counts == 1
    is_shared = np.append(~has_one, np.zeros(1, np.bool_))
    askers = np.bincount(known.positives, minlength=known.items.count)
    is_shared[:-1][has_one] = askers[known.positives[known.offsets[:-1][has_one]]] > 1
    own = known.queries.numbers(own_queries)
    is_shared[:-1] |= np.bincount(own, minlength=known.queries.count) > 1  # one pair may have several rows
    queries, items = known.pairs
    number = known.queries.numbers(queries)
    small = KnownPositives.of(queries[is_shared[number]], items[is_shared[number]])
    rows = np.flatnonzero(is_shared[own])
    found = np.full((2, table.size), -1, dtype=np.int32)
    found[0, rows] = small.queries.numbers(own_queries[rows])
    found[1, rows] = small.items.numbers(own_items[rows])
    return {
        "known": known, "queries": found[0], "items": found[1], "kinds": small.items.count,
        "offsets": small.offsets.astype(np.int32), "positives": small.positives.astype(np.int32),
    }  # fmt: skip


def _with_pairs(known: KnownPositives, queries: Int64, items: Int64) -> KnownPositives:
    """These pairs, and all that is known to be right for their queries."""
    numbers = np.unique(known.queries.numbers(queries))
    numbers = numbers[numbers >= 0]
    counts = known.counts[numbers]
    places = np.arange(int(counts.sum())) + np.repeat(known.offsets[numbers] - np.cumsum(counts) + counts, counts)
    more_queries, more_items = known.queries.ids(np.repeat(numbers, counts)), known.items.ids(known.positives[places])
    return KnownPositives.of(np.concatenate([queries, more_queries]), np.concatenate([items, more_items]))


def _whole(batches: Batches, table: Table, name: str) -> Int64:
    values = gathered(batches, table, name)
    if values.ndim != 1 or values.dtype.kind not in "iu" or (values.size and int(values.min()) < 0):
        what = f"dtype {values.dtype} of shape {values.shape}" + (f", from {values.min()}" if values.size else "")
        raise BadTable(name, "hold whole numbers >= 0, one a row", what, "number the queries and items from 0")
    return values.astype(np.int64)


def _further(batches: Batches, table: Table, name: str) -> Int64:
    if name not in table and name not in batches.columns:
        there = ", ".join(map(repr, [*table.columns, *batches.columns]))
        raise BadTable(
            name, "be there, or be added by an earlier stage", f"columns {there}", "name another: ConflictFree(also=)"
        )
    values = gathered(batches, table, name)
    _check_further(values, name, is_named=name in table.categories and name not in batches.columns)
    return values.astype(np.int64).reshape(len(values), -1)


def _check_further(values: npt.NDArray[Any], name: str, *, is_named: bool) -> None:
    if values.dtype.kind not in "iu" or is_named:
        what = "strings, which are categories of their own" if is_named else f"dtype {values.dtype}"
        raise BadTable(name, "hold items, whole numbers, and -1 for none", what, "number the items")
    if values.ndim > 2:
        raise BadTable(name, "hold one item a row, or a list of them", f"shape {values.shape}", "flatten the lists")
    if values.size and (int(values.min()) < -1 or int(values.max()) >= 2**62):
        what = int(values.min()) if int(values.min()) < -1 else int(values.max())
        raise BadTable(name, "hold items below 2**62, and -1 for none", what, "number the items from 0")

"""Which query and which item a row of the table pairs, and what else is known to be right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable, checked_kind
from croupier.negatives.known_positives import KnownPositives

__all__ = ["Pairs"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Each row is a query and an item that is right for it.

    Parameters
    ----------
    query, item : str
        Columns of the table, whole numbers >= 0: user and item, question and passage, source and target of a link.
        Equal contents have equal numbers; :func:`content_ids` gives them.
    known : KnownPositives, optional
        What is right beyond the rows: judged pairs, both directions of links, held-out positives. With it, the columns
        may be those that an earlier stage adds, such as :class:`WalkPairs`.

    Examples
    --------
    >>> table = Table(user=[0, 0, 1], film=[2, 0, 1])
    >>> Pairs("user", "film").known_in(table).of_query(0).tolist()
    [0, 2]
    """

    query: str = "query"
    item: str = "item"
    known: KnownPositives | None = None

    def __post_init__(self) -> None:
        for argument, column in (("query", self.query), ("item", self.item)):
            if not isinstance(column, str):
                raise BadArgument(argument, "be a column's name", column, 'pass "user", say')
        if self.known is not None and not isinstance(self.known, KnownPositives):
            raise BadArgument("known", "be KnownPositives", self.known, "pass KnownPositives.of(queries, items)")

    def known_in(self, table: Table) -> KnownPositives:
        """The pairs of all rows, and those known beyond them; these alone where the columns travel with the batches.

        Raises
        ------
        BadTable
            A column that does not hold whole numbers >= 0; strings, where more is known by numbers.
        """
        checked_kind("table", table, Table, fix="write Table(**columns)")
        if self.known is not None and self.query not in table and self.item not in table:
            return self.known
        for name in (self.query, self.item):
            column = table.column(name)
            wanted, fix = "hold whole numbers >= 0, one a row", "number the queries and items from 0"
            if column.ndim != 1 or column.dtype.kind not in "iu":
                raise BadTable(name, wanted, f"dtype {column.dtype} of shape {column.shape}", fix)
            if int(column.min()) < 0 or int(column.max()) >= 2**62:
                raise BadTable(name, f"{wanted}, below 2**62", f"{column.min()} to {column.max()}", fix)
            if self.known is not None and name in table.categories:
                raise BadTable(name, "hold the numbers that known has", "strings, which are categories", fix)
        queries, items = table.column(self.query), table.column(self.item)
        if self.known is None:
            return KnownPositives.of(queries, items)
        more_queries, more_items = self.known.pairs
        return KnownPositives.of(
            np.concatenate([queries.astype(np.int64, copy=False), more_queries]),  # uint64 beside int64 gives floats
            np.concatenate([items.astype(np.int64, copy=False), more_items]),
        )

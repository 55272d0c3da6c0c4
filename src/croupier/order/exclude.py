"""All rows but some."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.inner_order import (
    check_inner_order,
    inside_view,
    may_repeat,
    plan_inner,
    position_inner,
    prepare_on_view,
    prepares_per_epoch,
)
from croupier.core.key import Key
from croupier.core.plain_array import whole_numbers
from croupier.core.stage import Context, Order, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument

__all__ = ["Exclude"]

MOST_ROWS = 2**31


@dataclass(frozen=True, slots=True, eq=False)
class Exclude:
    """Let an order deal all rows but these: broken files, an evaluation set, what a user asked to forget.

    Parameters
    ----------
    order : Order
        Sees a table without these rows.
    rows : range, or int array of shape (k,)
        Row numbers to leave out; the same row twice is the same as once.

    Guarantees: as the order inside, for the rows that are left; memory for the excluded rows only, but for columns
    that the order inside reads, which are copied without them.
    For samples to skip in the middle of a run, after a loss spike say, see ``Dealer.skip_steps``.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(Exclude(cr.Sequential(), [0, 3]), cr.FixedSize(9))
    >>> [deal.ids.tolist() for deal in cr.Dealer(plan, cr.Table(size=6), seed=0)]
    [[1, 2, 4, 5]]
    """

    order: Order
    rows: range | npt.ArrayLike
    name: str = "exclude"

    def __post_init__(self) -> None:
        check_inner_order("order", self.order)
        given, rule, fix = self.rows, "be a range, or row numbers from 0", "for a mask write np.flatnonzero(mask)"
        if isinstance(given, range) and len(given) > MOST_ROWS:
            raise BadArgument("rows", f"be at most {MOST_ROWS:,}", given, "name the rows to keep: Subset(order, range)")
        rows = np.unique(whole_numbers("rows", given, rule=rule, fix=fix))
        if rows.size and int(rows[0]) < 0:
            raise BadArgument("rows", rule, given, fix)
        rows.setflags(write=False)
        object.__setattr__(self, "rows", rows)

    @property
    def prepared_per_epoch(self) -> bool:
        """As the order inside."""
        return prepares_per_epoch([self.order])

    @property
    def may_repeat(self) -> bool:
        """As the order inside."""
        return may_repeat(self.order)

    def epoch_size(self, table: Table, epoch: int) -> int:
        """As the order inside, for the table without these rows."""
        return self.order.epoch_size(self._view(table), epoch)

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The table without these rows, and what the order inside prepares for it."""
        return prepare_on_view(self.order, self._view(table), key, epoch)

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids: each id moves up by the excluded rows before it."""
        inner = plan_inner(self.order, batches.indices, inside_view(self.order, context), context.epoch)
        rows: Any = self.rows
        kept_before: Int64 = np.asarray(rows - np.arange(rows.size), np.int64)  # kept rows before each excluded one
        ids = inner.indices + np.searchsorted(kept_before, inner.indices, side="right")
        return batches.with_indices(ids, **inner.columns).with_ledger(inner.ledger)

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes; -1 where it is excluded."""
        rows: Any = self.rows
        before = np.searchsorted(rows, ids)
        found = ~np.isin(ids, rows)
        positions = position_inner(
            self.order, np.where(found, ids - before, 0), inside_view(self.order, context), context.epoch
        )
        return np.where(found, positions, -1)

    def _view(self, table: Table) -> Table:
        rows: Any = self.rows
        if rows.size and rows[-1] >= table.size:
            raise BadArgument("rows", f"be below the table's {table.size} rows", int(rows[-1]), "is it another table?")
        if rows.size == table.size:
            raise BadArgument("rows", "leave at least one row", f"all {rows.size} rows", "exclude fewer")
        return table.view(table.size - rows.size, partial(np.delete, obj=rows, axis=0))

"""Some rows of the table, as if there were no others."""

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

__all__ = ["Subset"]


@dataclass(frozen=True, slots=True, eq=False)
class Subset:
    """Let an order deal a part of the rows.

    Parameters
    ----------
    order : Order
        Sees a table of these rows alone: their number, their columns.
    rows : range, or int array of shape (k,)
        Row numbers, each at most once. A range costs nothing at any size.

    Guarantees: as the order inside, for these rows. A range keeps mapped columns mapped; with an array, columns that
    the order reads are copied for its rows.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(Subset(cr.Shuffle(), range(10, 14)), cr.FixedSize(4))
    >>> sorted(cr.Dealer(plan, cr.Table(size=1000), seed=0).first())
    [10, 11, 12, 13]
    """

    order: Order
    rows: range | npt.ArrayLike
    name: str = "subset"

    def __post_init__(self) -> None:
        check_inner_order("order", self.order)
        object.__setattr__(self, "rows", _checked_rows(self.rows))

    @property
    def prepared_per_epoch(self) -> bool:
        """As the order inside."""
        return prepares_per_epoch([self.order])

    @property
    def may_repeat(self) -> bool:
        """As the order inside."""
        return may_repeat(self.order)

    def epoch_size(self, table: Table, epoch: int) -> int:
        """As the order inside, for the table of these rows."""
        return self.order.epoch_size(self._view(table), epoch)

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The table of these rows, and what the order inside prepares for it."""
        return prepare_on_view(self.order, self._view(table), key, epoch)

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        inner = plan_inner(self.order, batches.indices, inside_view(self.order, context), context.epoch)
        rows: Any = self.rows
        ids = inner.indices + rows.start if isinstance(rows, range) else rows[inner.indices]
        return batches.with_indices(ids, **inner.columns).with_ledger(inner.ledger)

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes; -1 where it does not."""
        rows: Any = self.rows
        if isinstance(rows, range):
            place, found = ids - rows.start, (ids >= rows.start) & (ids < rows.stop)
        else:
            by_id = np.argsort(rows, kind="stable")
            place = by_id[np.minimum(np.searchsorted(rows, ids, sorter=by_id), rows.size - 1)]
            found = rows[place] == ids
        positions = position_inner(
            self.order, np.where(found, place, 0), inside_view(self.order, context), context.epoch
        )
        return np.where(found, positions, -1)

    def _view(self, table: Table) -> Table:
        rows: Any = self.rows
        last = rows.stop - 1 if isinstance(rows, range) else int(rows.max())
        if last >= table.size:
            raise BadArgument("rows", f"be below the table's {table.size} rows", last, "is it another table?")
        return table.view(len(rows), partial(_pick, rows))


def _pick(rows: Any, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values[rows.start : rows.stop] if isinstance(rows, range) else values[rows]


def _checked_rows(given: Any) -> range | Int64:
    if isinstance(given, range):
        if given.step != 1 or given.start < 0 or len(given) == 0:
            raise BadArgument(
                "rows", "be a range of step 1 from 0 or more, not empty", given, "write range(start, stop)"
            )
        return given
    rule, fix = "be a range, or row numbers from 0", "for a mask write np.flatnonzero(mask)"
    rows = whole_numbers("rows", given, rule=rule, fix=fix).copy()
    if not rows.size or int(rows.min()) < 0:
        raise BadArgument("rows", rule, given, fix)
    values, counts = np.unique(rows, return_counts=True)
    if values.size != rows.size:
        twice = f"row {values[np.argmax(counts)]} {counts.max()} times"
        raise BadArgument("rows", "hold each row at most once", twice, "see Mixture and Weighted for rows that repeat")
    rows.setflags(write=False)
    return rows

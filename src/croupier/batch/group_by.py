"""Batches of one kind: one language, one resolution, one task, one topic each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches
from croupier.core.facts import check_free, gathered
from croupier.core.key import Key
from croupier.core.mapped_rows import rows_of
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable
from croupier.kernels.grouping import group_rows

__all__ = ["GroupBy", "Grouping"]


@runtime_checkable
class Grouping(Protocol):
    """A group for every row that is derived from the table: clusters of embeddings, say. A frozen dataclass."""

    @property
    def prepared_per_epoch(self) -> bool:
        """Whether the groups change with every epoch."""
        ...

    def groups(self, table: Table, key: Key, epoch: int) -> npt.NDArray[np.integer]:
        """The group of each row, integers >= 0 of shape (rows,); deterministic."""
        ...


@dataclass(frozen=True, slots=True)
class GroupBy:
    """Bring ids of one group together, so that a batch cut from them holds one group; batches come in random order.

    Put it before the stage that cuts: ``chain(Shuffle(), GroupBy("language"), TokenBudget(16_384))``.

    Parameters
    ----------
    key : str or Grouping
        The column of groups, strings or integers >= 0; or what derives a group for every row.

    The groups are gathered within a segment, or within an incoming batch, and the last batch of a group there may be
    short: with many small groups, raise ``chain(..., segment_ids=)``. Rows grouped so that they must not be parted, as
    the passages of one query, are one example: make them a row of the table.

    Guarantees: the same ids, regrouped; within a group they keep their order; the column ``group`` travels with them.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(language=["de", "en", "de", "en", "en"])
    >>> plan = cr.chain(cr.Sequential(), GroupBy("language"), cr.FixedSize(2))
    >>> sorted(deal.ids.tolist() for deal in cr.Dealer(plan, table, seed=0))
    [[0, 2], [1, 3], [4]]
    """

    key: str | Grouping
    name: str = "group_by"

    def __post_init__(self) -> None:
        if not isinstance(self.key, (str, Grouping)):
            raise BadArgument("key", "be a column's name or a Grouping", self.key, 'pass "language", say')

    @property
    def prepared_per_epoch(self) -> bool:
        """As the grouping says; a column holds for the run."""
        return not isinstance(self.key, str) and self.key.prepared_per_epoch

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The groups of the rows, where they are derived; a look at the column, where they are there."""
        if self.key != "group":
            check_free(table, "group", self.name)
        if isinstance(self.key, str):
            column = table.column(self.key)
            if column.ndim != 1 or column.dtype.kind not in "biu":
                raise BadTable(self.key, "hold strings or whole numbers >= 0", column.dtype, "number the groups")
            return {}
        groups = np.asarray(self.key.groups(table, key, epoch))
        if groups.shape != (table.size,) or groups.dtype.kind not in "iu" or int(groups.min()) < 0:
            what = f"{groups.dtype} of shape {groups.shape}"
            raise BadArgument("key", f"give {table.size} integers >= 0, one a row", what, "mend its groups method")
        return {"groups": groups}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """One outgoing batch for each group of each incoming batch."""
        if isinstance(self.key, str):
            groups = gathered(batches, context.table, self.key)
            if groups.size and int(groups.min()) < 0:
                raise BadTable(self.key, "hold strings or whole numbers >= 0", int(groups.min()), "number the groups")
        else:
            groups = rows_of(context.prepared["groups"], batches.indices)
        _, ranks = np.unique(groups, return_inverse=True)
        kinds = int(ranks.max()) + 1 if ranks.size else 1
        incoming = np.repeat(np.arange(len(batches)), batches.sizes)
        rows, offsets = group_rows(incoming * kinds + ranks, len(batches) * kinds)
        grouped = batches.with_columns(group=groups.astype(np.int64)).take(rows, offsets)
        return replace(grouped, interchangeable=True)

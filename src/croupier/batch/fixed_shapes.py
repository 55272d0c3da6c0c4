"""Batches of few padded shapes, for compiled graphs and measured batch sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from croupier.batch.shapes import Shapes
from croupier.core.batches import Batches, Int64
from croupier.core.facts import check_free, check_length_column, several_lengths_of
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.policies import TooLong, Whole
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table, checked_lengths
from croupier.errors import BadArgument, BadTable, checked_kind
from croupier.kernels.covering import cheapest_cover
from croupier.kernels.grouping import group_rows

__all__ = ["FixedShapes"]

CHECKED_ROWS = 2**24


@dataclass(frozen=True, slots=True)
class FixedShapes:
    """Give each id the cheapest shape that covers it, and cut batches of as many rows as the shape has.

    No more than the given shapes ever reach the model: a batch with fewer ids than rows (the last of a shape in a
    segment, or one cut so that all ranks get equal counts) is filled with empty rows by the collate function,
    ``croupier.torch.PadToShape``. For graphs that are compiled once for each shape, and for batch sizes that were
    measured, by ``croupier.torch.find_batch_sizes``.

    Parameters
    ----------
    shapes : Shapes
        From a budget (``Shapes.within_budget``), measured, or your own.
    too_long : TooLong
        What to do with an id that no shape covers: ``REFUSE`` (default), or ``DROP`` with an entry in the ledger.

    Guarantees: the same ids, regrouped; no batch with more ids than its shape has rows; the lengths of every id within
    those of its shape. The columns of lengths and ``shape``, its number, travel with the ids; batches are dealt in
    random order.

    Raises
    ------
    BadTable
        A row that no shape covers, under ``REFUSE``.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(length=[3, 5, 40, 60, 64, 7])
    >>> shapes = cr.Shapes(lengths=((8,), (64,)), examples=(2, 4))
    >>> plan = cr.chain(cr.Sequential(), FixedShapes(shapes))
    >>> sorted(deal.ids.tolist() for deal in cr.Dealer(plan, table, seed=0))
    [[0, 1], [2, 3, 4], [5]]
    """

    shapes: Shapes
    too_long: TooLong = TooLong.REFUSE
    name: str = "fixed_shapes"

    def __post_init__(self) -> None:
        checked_kind("too_long", self.too_long, TooLong, fix="pass one of TooLong, say TooLong.REFUSE")
        if not isinstance(self.shapes, Shapes):
            raise BadArgument("shapes", "be Shapes", self.shapes, "write Shapes.within_budget(table, ...), say")
        if self.too_long not in (TooLong.REFUSE, TooLong.DROP):
            raise BadArgument(
                "too_long", "be TooLong.REFUSE or TooLong.DROP", self.too_long, "shapes are not stretched"
            )

    @property
    def length(self) -> tuple[str, ...]:
        """The columns of lengths."""
        return self.shapes.columns

    @property
    def whole(self) -> Whole:
        """Two shapes do not mix."""
        return Whole.CUT_ONLY

    @property
    def prepared_per_epoch(self) -> bool:
        """Lengths are checked once."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """Check the table, and order the shapes by their cost."""
        check_free(table, "shape", self.name)
        for name in self.shapes.columns:
            check_length_column(table, name)
        caps = self.shapes.caps
        order = np.lexsort((*caps.T[::-1], caps.sum(axis=1)))
        if self.too_long is TooLong.REFUSE and table.size <= CHECKED_ROWS:
            names = self.shapes.columns
            lengths = np.stack([checked_lengths(name, np.asarray(table.column(name))) for name in names], axis=1)
            self._refuse(lengths, cheapest_cover(lengths, caps[order]), np.arange(table.size))
        return {"order": order}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Batches of one shape from each incoming batch."""
        names, order = self.shapes.columns, context.prepared["order"]
        lengths = several_lengths_of(batches, context.table, names)
        batches = batches.with_columns(**dict(zip(names, lengths.T, strict=True)))
        covered = cheapest_cover(lengths, self.shapes.caps[order])
        if (covered == order.size).any():
            if self.too_long is TooLong.REFUSE:
                self._refuse(lengths, covered, batches.indices)
            batches = self._dropped(batches, covered == order.size)
            covered = covered[covered < order.size]
        shape = order[covered]
        incoming = np.repeat(np.arange(len(batches)), batches.sizes)
        rows, edges = group_rows(incoming * order.size + shape, len(batches) * order.size)
        most = np.array(self.shapes.examples, dtype=np.int64)[shape[rows[edges[:-1]]]]
        sizes = np.diff(edges)
        counts = -(-sizes // np.maximum(1, most))
        within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        starts = np.repeat(edges[:-1], counts) + within * np.repeat(most, counts)
        cut = batches.with_columns(shape=shape.astype(np.int32)).take(rows, np.append(starts, shape.size))
        return replace(cut, interchangeable=True)

    def _dropped(self, batches: Batches, is_long: npt.NDArray[np.bool_]) -> Batches:
        tokens = sum(int(batches.columns[name][is_long].sum()) for name in self.shapes.columns)
        entry = Ledger.of(self.name, "dropped: no shape covers them", int(is_long.sum()), tokens)
        return batches.without(is_long).with_ledger(entry)

    def _refuse(self, lengths: Int64, covered: Int64, ids: Int64) -> None:
        rows = np.flatnonzero(covered == len(self.shapes.lengths))
        if rows.size:
            raise BadTable(
                " + ".join(self.shapes.columns),
                "be within one of the shapes",
                f"{lengths[rows[0]].tolist()} in row {ids[rows[0]]}, and {rows.size - 1} more",
                "add a larger shape, or pass too_long=TooLong.DROP",
            )

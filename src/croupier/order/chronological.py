"""In order of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.key import Key
from croupier.core.stage import Context, Prepared
from croupier.core.table import CHUNK_ROWS, Table
from croupier.errors import BadTable

__all__ = ["Chronological"]


@dataclass(frozen=True, slots=True)
class Chronological:
    """Each row once, by a column of times, ascending; rows of one time in the order of the table.

    Parameters
    ----------
    time : str
        A column of numbers: seconds, dates as integers.

    Holds one integer a row, or nothing where the table is in order already.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(Chronological("time"), cr.FixedSize(3))
    >>> cr.Dealer(plan, cr.Table(time=[5.0, 1.0, 3.0]), seed=0).first().ids.tolist()
    [1, 2, 0]
    """

    time: str = "time"
    name: str = "chronological"

    @property
    def prepared_per_epoch(self) -> bool:
        """The order holds for the run."""
        return False

    def epoch_size(self, table: Table, epoch: int) -> int:
        """Every row."""
        return table.size

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The rows in order, unless the table is."""
        times = table.column(self.time)
        if times.ndim != 1 or times.dtype.kind not in "iuf" or self.time in table.categories:
            raise BadTable(self.time, "hold times", times.dtype, "pass seconds or dates as numbers")
        if times.dtype.kind == "f" and np.any(np.isnan(times)):
            raise BadTable(self.time, "hold times", "values that are none", "fill them first")
        chunks = (times[begin : begin + CHUNK_ROWS + 1] for begin in range(0, table.size, CHUNK_ROWS))
        if all(bool(np.all(chunk[1:] >= chunk[:-1])) for chunk in chunks):
            return {}
        return {"rows": np.argsort(times, kind="stable")}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        rows = context.prepared.get("rows")
        return batches if rows is None else batches.with_indices(rows[batches.indices])

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where each id comes."""
        rows = context.prepared.get("rows")
        if rows is None:
            return ids
        places = np.empty(rows.size, dtype=np.int64)
        places[rows] = np.arange(rows.size)
        return places[ids]

"""A chosen part of the table, as an order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.plain_array import real_numbers, whole_numbers
from croupier.core.shuffling import invert_shuffle, shuffled
from croupier.core.stage import Context
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_flag

__all__ = ["Selection"]


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Train on these rows only, each with a weight.

    Parameters
    ----------
    ids : int array of shape (k,)
        Rows of the table, each at most once.
    weights : float array of shape (k,), optional
        Travels with the ids as column ``weight``; multiply the loss by it. Default: no column.
    shuffle : bool
        A new order in every epoch (default), or the order given.

    Guarantees: each chosen id once an epoch, nothing else.

    Examples
    --------
    >>> import croupier as cr
    >>> chosen = Selection([4, 2], weights=[1.0, 3.0], shuffle=False)
    >>> deal = cr.Dealer(cr.chain(chosen, cr.FixedSize(2)), cr.Table(size=5), seed=0).first()
    >>> deal.ids.tolist(), deal.columns["weight"].tolist()
    ([4, 2], [1.0, 3.0])
    """

    ids: npt.ArrayLike
    weights: npt.ArrayLike | None = None
    shuffle: bool = True
    name: str = "selection"

    def __post_init__(self) -> None:
        rule, fix = "be a list of at least one row number", "pass the rows to train on"
        ids = whole_numbers("ids", self.ids, rule=rule, fix=fix)
        if ids.size == 0:
            raise BadArgument("ids", rule, self.ids, fix)
        if np.unique(ids).size != ids.size:
            values, counts = np.unique(ids, return_counts=True)
            raise BadArgument(
                "ids", "hold each row at most once", f"row {values[np.argmax(counts)]} {counts.max()} times",
                "use weights to count a row more than others",
            )  # fmt: skip
        if ids.min() < 0:
            raise BadArgument("ids", "be >= 0", int(ids.min()), "pass row numbers of the table")
        object.__setattr__(self, "ids", _frozen(ids.astype(np.int64)))
        if self.weights is not None:
            rule, fix = f"be {ids.size} finite numbers >= 0, one an id", "mend the weights"
            weights = real_numbers("weights", self.weights, rule=rule, fix=fix)
            if weights.shape != ids.shape or not np.all(np.isfinite(weights)) or weights.min() < 0:
                raise BadArgument("weights", rule, self.weights, fix)
            object.__setattr__(self, "weights", _frozen(weights))
        object.__setattr__(self, "shuffle", checked_flag("shuffle", self.shuffle, fix="pass False for the order given"))

    def epoch_size(self, table: Table, epoch: int) -> int:
        """The number of chosen rows."""
        ids = np.asarray(self.ids)
        if ids.max() >= table.size:
            raise BadArgument("ids", f"be below the table's {table.size} rows", int(ids.max()), "is it another table?")
        return ids.size

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        ids: Int64 = np.asarray(self.ids)
        place = batches.indices
        if self.shuffle:
            place = shuffled(place, ids.size, context.epoch_key)
        if self.weights is None:
            return batches.with_indices(ids[place])
        return batches.with_indices(ids[place], weight=np.asarray(self.weights)[place])

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes; -1 where it was not chosen."""
        chosen = np.asarray(self.ids)
        by_id = np.argsort(chosen, kind="stable")
        place = by_id[np.minimum(np.searchsorted(chosen, ids, sorter=by_id), chosen.size - 1)]
        positions = invert_shuffle(place, chosen.size, context.epoch_key) if self.shuffle else place
        return np.where(chosen[place] == ids, positions, -1)


def _frozen(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    frozen = values.copy()
    frozen.setflags(write=False)
    return frozen

"""Mined negatives as a value and as a folder of plain arrays."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.ledger import Ledger
from croupier.core.plain_array import plain_array
from croupier.core.saved_arrays import SavedArrays
from croupier.errors import BadArgument, BadState, checked_int
from croupier.negatives.numbering import whole_ids

__all__ = ["KIND", "Mined"]

KIND = "mined negatives"
DTYPES = {"query_ids": "int64", "items": "int64", "scores": "float32", "positive_scores": "float32"}

FIX = "use what mine() returned"

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Mined:
    """Hard negatives of each query, made by :func:`mine`.

    Parameters
    ----------
    query_ids : int64 array of shape (queries,)
        Each at most once.
    items : int64 array of shape (queries, per_query)
        By score, highest first; -1 where a query has fewer.
    scores : float32 array of shape (queries, per_query)
        NaN where there is no item.
    positive_scores : float32 array of shape (queries,)
        Of the query's positive that scores lowest, the one margins are measured from; NaN where it has none.
    item_count : int
        How many items were searched; their numbers are below it.
    ledger : Ledger
        How many candidates each filter took, and how many queries have fewer negatives than asked for.

    Raises
    ------
    BadArgument
        Arrays of other shapes or kinds, a query that comes twice, an item that was not searched, infinite scores.

    Examples
    --------
    >>> import tempfile
    >>> found = Mined([7], [[4, -1]], [[0.5, np.nan]], [0.9], item_count=5)
    >>> folder = tempfile.mkdtemp() + "/version-1"
    >>> checksum = found.save(folder)
    >>> Mined.load(folder).items.tolist(), found.nbytes
    ([[4, -1]], 36)
    """

    query_ids: Int64
    items: Int64
    scores: Float32
    positive_scores: Float32
    item_count: int
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        for name in DTYPES:
            object.__setattr__(self, name, _converted(name, getattr(self, name)))
        count = checked_int("item_count", self.item_count, at_least=0, fix="pass how many items were searched")
        object.__setattr__(self, "item_count", count)
        if not isinstance(self.ledger, Ledger):
            raise BadArgument("ledger", "be a Ledger", self.ledger, "leave it out")
        count = self.query_ids.size
        width = self.items.shape[1] if self.items.ndim == 2 else 0
        shapes = {"query_ids": (count,), "items": (count, width), "scores": (count, width), "positive_scores": (count,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                what = f"shape {getattr(self, name).shape}"
                raise BadArgument(name, f"have shape {shape}, a row for each query", what, FIX)
        whole_ids("query_ids", self.query_ids)
        ordered = self.query_ids if bool((np.diff(self.query_ids) > 0).all()) else np.sort(self.query_ids)
        again = ordered[1:][ordered[1:] == ordered[:-1]]
        if again.size:
            raise BadArgument("query_ids", "hold each query once", f"query {again[0]} again", "join its lists")
        least, most = self.items.min(initial=0), self.items.max(initial=-1)
        if least < -1 or most >= self.item_count:
            wanted = f"be items below item_count={self.item_count}, or -1 where a query has fewer"
            raise BadArgument("items", wanted, f"{least} to {most}", "count the items that were searched")

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, in memory or mapped."""
        return sum(getattr(self, name).nbytes for name in DTYPES)

    def save(self, folder: str | os.PathLike[str]) -> str:
        """Write them into a new folder, all or nothing; returns their checksum."""
        entries = [[one.stage, one.event, one.ids] for one in self.ledger]
        facts = {"item_count": self.item_count, "ledger": entries}
        return SavedArrays.write(folder, KIND, {name: getattr(self, name) for name in DTYPES}, facts).checksum

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Mined:
        """Map the arrays of a folder, all of them read once to check them. Nothing in it is executed.

        Raises
        ------
        BadState
            Not what ``save`` wrote: another kind, cut off, changed.
        """
        return cls.of_saved(SavedArrays.read(folder, KIND))

    @classmethod
    def of_saved(cls, saved: SavedArrays) -> Mined:
        """What a folder that was read holds."""
        try:
            entries = [(str(stage), str(event), int(ids)) for stage, event, ids in saved.facts["ledger"]]
            arrays, count = {name: saved.arrays[name] for name in DTYPES}, saved.facts["item_count"]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            what = f"{type(error).__name__}: {error}"
            raise BadState(f"folder {saved.folder}", f"hold {KIND}", what, "restore it") from None
        ledger = sum((Ledger.of(*entry) for entry in entries), Ledger())
        return cls(**arrays, item_count=count, ledger=ledger)


def _converted(name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    """The array as it is saved, or the error that says why it cannot be."""
    array, wanted = plain_array(name, values), np.dtype(DTYPES[name])
    is_whole = wanted.kind == "i"
    rule = "hold whole numbers" if is_whole else "hold finite numbers, NaN where there is nothing"
    if array.size and array.dtype.kind not in ("iu" if is_whole else "iuf"):
        raise BadArgument(name, rule, f"dtype {array.dtype}", FIX)
    if is_whole and array.dtype.kind == "u" and array.max(initial=0) >= 2**63:
        raise BadArgument(name, f"{rule} below 2**62", int(array.max()), FIX)
    with np.errstate(over="ignore"):
        found = array.astype(wanted, copy=False)
    if not is_whole and np.isinf([one.reduce(found, axis=None, initial=0) for one in (np.fmin, np.fmax)]).any():
        raise BadArgument(name, rule, np.inf, FIX)
    return found

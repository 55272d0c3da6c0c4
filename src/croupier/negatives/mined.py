"""Mined negatives as a value and as a folder of plain arrays."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.ledger import Ledger
from croupier.core.saved_arrays import SavedArrays
from croupier.errors import BadArgument

__all__ = ["KIND", "Mined"]

KIND = "mined negatives"
DTYPES = {"query_ids": "int64", "items": "int64", "scores": "float32", "positive_scores": "float32"}

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
        for name, dtype in DTYPES.items():
            values = np.asarray(getattr(self, name))
            object.__setattr__(self, name, values if values.dtype == dtype else values.astype(dtype))
        count = self.query_ids.size
        width = self.items.shape[1] if self.items.ndim == 2 else 0
        shapes = {"query_ids": (count,), "items": (count, width), "scores": (count, width), "positive_scores": (count,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                what = f"shape {getattr(self, name).shape}"
                raise BadArgument(name, f"have shape {shape}, a row for each query", what, "use what mine() returned")

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
        ledger = Ledger()
        for stage, event, ids in saved.facts["ledger"]:
            ledger += Ledger.of(str(stage), str(event), int(ids))
        arrays = {name: saved.arrays[name] for name in DTYPES}
        return cls(**arrays, item_count=int(saved.facts["item_count"]), ledger=ledger)

"""Mined negatives as a value and as a folder of plain arrays."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.ledger import Ledger
from croupier.errors import BadArgument, BadState

__all__ = ["Mined"]

FORMAT = "croupier-mined-1"
HEAD = "head.json"
DTYPES = {"query_ids": "int64", "items": "int64", "scores": "float32", "positive_scores": "float32"}
READ_BYTES = 2**22

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
    >>> folder = tempfile.mkdtemp()
    >>> found.save(folder)
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

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``.npy`` arrays and a JSON head with their checksums; an interrupted write leaves an old one whole."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        files: dict[str, dict[str, str]] = {}
        for name in DTYPES:
            beside = place / f"{name}.part"
            with beside.open("wb") as file:
                np.save(file, getattr(self, name), allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            checksum = _checksum(beside)
            # A name for each content: the old head's files stay what they are until the new head is there.
            files[name] = {"file": f"{name}-{checksum[:16]}.npy", "blake2b": checksum}
            beside.replace(place / files[name]["file"])
        entries = [[one.stage, one.event, one.ids] for one in self.ledger]
        head = {"format": FORMAT, "item_count": self.item_count, "files": files, "ledger": entries}
        beside = place / f"{HEAD}.part"
        with beside.open("w") as file:
            json.dump(head, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place / HEAD)
        kept = {one["file"] for one in files.values()}
        for name in DTYPES:
            for old in place.glob(f"{name}-*.npy"):
                if old.name not in kept:
                    old.unlink()

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Mined:
        """Map the arrays of a folder, all of them read once to check them. Nothing in it is executed.

        Raises
        ------
        BadState
            Not what ``save`` wrote: another format, cut off, changed.
        """
        place = Path(folder)
        name = f"folder {os.fspath(folder)}"
        try:
            head = cast("dict[str, Any]", json.loads((place / HEAD).read_text()))
            if head["format"] != FORMAT:
                raise BadState(
                    name, f"have the format {FORMAT!r}", head["format"], "a newer croupier may have written it"
                )
            arrays = {one: _mapped(place, head["files"][one], dtype) for one, dtype in DTYPES.items()}
            ledger = Ledger()
            for stage, event, ids in head["ledger"]:
                ledger += Ledger.of(str(stage), str(event), int(ids))
            return cls(**arrays, item_count=int(head["item_count"]), ledger=ledger)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, BadState):
                raise
            what = f"{type(error).__name__}: {error}"
            raise BadState(name, "hold what Mined.save wrote", what, "mine again, or restore it") from None


def _mapped(place: Path, entry: dict[str, str], dtype: str) -> npt.NDArray[Any]:
    path = place / Path(entry["file"]).name
    if _checksum(path) != entry["blake2b"]:
        raise BadState(f"file {path}", "be as it was written", "another checksum", "it is cut off or damaged")
    values: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if values.dtype != dtype:
        raise BadState(f"file {path}", f"hold {dtype}", values.dtype, "it is damaged")
    return values


def _checksum(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=32)
    with path.open("rb") as file:
        while part := file.read(READ_BYTES):
            digest.update(part)
    return digest.hexdigest()

"""The last embedding that training computed for each row: clusters and indices at no extra pass over the data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.plain_array import plain_array
from croupier.errors import BadArgument, checked_int, checked_path
from croupier.negatives.numbering import whole_ids

__all__ = ["EmbeddingBank"]


class EmbeddingBank:
    """One vector a row, in memory or in a mapped file that the ranks of one machine share.

    Parameters
    ----------
    rows, dimension : int
    path : path, optional
        The file; made if it is not there. Ranks that share it report rows of their own, so they do not meet.
    dtype : dtype
        float16 (default) or float32.

    Vectors are as old as the last time their row was dealt: up to an epoch.

    Examples
    --------
    >>> bank = EmbeddingBank(3, 2)
    >>> bank.report([2, 0], [[1.0, 2.0], [3.0, 4.0]])
    >>> bank.embeddings.tolist(), bank.is_reported.tolist()
    ([[3.0, 4.0], [0.0, 0.0], [1.0, 2.0]], [True, False, True])
    """

    def __init__(
        self,
        rows: int,
        dimension: int,
        path: str | os.PathLike[str] | None = None,
        dtype: npt.DTypeLike = np.float16,
    ) -> None:
        shape = (
            checked_int("rows", rows, at_least=1, fix="pass table.size"),
            checked_int("dimension", dimension, at_least=1, fix="pass the length of an embedding"),
        )
        shown: object = dtype
        given: Any = dtype
        try:
            # NumPy takes a number for the kind of numbers it is of.
            kind = np.dtype("O") if isinstance(given, (np.generic, np.ndarray)) else np.dtype(dtype)
        except (TypeError, ValueError):
            kind = np.dtype("O")
        if kind.str[1:] not in ("f2", "f4"):
            raise BadArgument("dtype", "be float16 or float32", shown, "choose float16 for half the memory")
        self.embeddings: npt.NDArray[Any]
        if path is None:
            self.embeddings = np.zeros(shape, kind)
            return
        place = Path(checked_path("path", path, fix='pass "embeddings.bin", say, or None'))
        wanted = shape[0] * shape[1] * kind.itemsize
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("ab") as file:
                file.truncate(wanted)
        if place.stat().st_size != wanted:
            raise BadArgument(
                "path", f"be a file of {shape[0]} x {shape[1]} {kind} ({wanted} bytes)", place.stat().st_size,
                "remove the file of another run, or choose another",
            )  # fmt: skip
        self.embeddings = np.memmap(place, dtype=kind, mode="r+", shape=shape)

    @property
    def is_reported(self) -> npt.NDArray[np.bool_]:
        """Whether each row has a vector that is not 0, shape (rows,)."""
        return np.any(self.embeddings != 0, axis=1)

    def report(self, ids: npt.ArrayLike, embeddings: npt.ArrayLike) -> None:
        """Keep these vectors (detached, on the host): ``bank.report(loader.deal.ids, vectors.detach().cpu())``.

        Raises
        ------
        BadArgument
            Ids that are no rows, vectors of another shape, numbers that are not finite or too large for the bank's
            dtype: float16 ends at 65504. Nothing is kept then.
        """
        rows, vectors = whole_ids("ids", ids), plain_array("embeddings", embeddings)
        count = len(self.embeddings)
        if rows.size and int(rows.max()) >= count:
            raise BadArgument("ids", f"be rows from 0 to {count - 1}", int(rows.max()), "report the ids of a deal")
        if vectors.shape != (rows.size, self.embeddings.shape[1]):
            wanted = f"be of shape ({rows.size}, {self.embeddings.shape[1]})"
            raise BadArgument("embeddings", wanted, vectors.shape, "report one vector for each id of the deal")
        if vectors.size and vectors.dtype.kind not in "iuf":
            raise BadArgument("embeddings", "be numbers", f"dtype {vectors.dtype}", "report what the model computed")
        if not bool(np.isfinite(vectors).all()):
            raise BadArgument("embeddings", "be finite", "NaN or inf", "skip the report of a step that overflowed")
        with np.errstate(over="ignore"):
            kept = vectors.astype(self.embeddings.dtype)
        if not bool(np.isfinite(kept).all()):
            most, fix = (
                f"fit {kept.dtype}, up to {np.finfo(kept.dtype).max:g}",
                "normalise them, or pass dtype=np.float32",
            )
            raise BadArgument("embeddings", most, float(np.abs(vectors).max()), fix)
        self.embeddings[rows] = kept

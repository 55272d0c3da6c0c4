"""Clusters of equal size, by halving: near points together, for batches whose other items are hard negatives."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.key import Key, checked_key
from croupier.core.plain_array import plain_array
from croupier.core.progress import with_progress
from croupier.core.saved_arrays import SavedArrays
from croupier.errors import BadArgument, BadState, checked_int
from croupier.kernels.mixing import draws_below
from croupier.negatives.numbering import whole_ids

__all__ = ["KIND", "Clusters", "balanced_clusters"]

Floats = npt.NDArray[np.floating]
KIND = "clusters"
CHUNK_ROWS = 2**16
LONGEST = 1e15
MOST_ROUNDS = 2**16
"""Products of the differences of longer rows may not fit a float32."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """Every row in one cluster.

    Parameters
    ----------
    members : int64 array of shape (rows,)
        Rows, cluster by cluster.
    offsets : int64 array of shape (clusters + 1,)

    Examples
    --------
    >>> Clusters(np.array([2, 0, 1]), np.array([0, 1, 3])).of_row.tolist()
    [1, 1, 0]
    """

    members: Int64
    offsets: Int64

    def __post_init__(self) -> None:
        for name in ("members", "offsets"):
            object.__setattr__(self, name, whole_ids(name, getattr(self, name)))
        is_there = np.zeros(self.members.size, dtype=np.bool_)
        is_there[self.members[self.members < self.members.size]] = True
        starts_well = self.offsets.size > 1 and self.offsets[0] == 0 and self.offsets[-1] == self.members.size
        if not starts_well or np.any(np.diff(self.offsets) <= 0) or not bool(is_there.all()):
            raise BadArgument(
                "members", "hold each row once, in clusters that are not empty", self.members, "mend them"
            )

    @property
    def of_row(self) -> Int64:
        """The cluster of each row, shape (rows,): a column for ``TopicBatches`` or ``GroupBy``."""
        numbers = np.empty(self.members.size, dtype=np.int64)
        numbers[self.members] = np.repeat(np.arange(self.offsets.size - 1), np.diff(self.offsets))
        return numbers

    def with_rows(self, rows: int) -> Clusters:
        """With every further row of a table that has grown to so many a cluster of its own."""
        known = self.members.size
        rows = checked_int("rows", rows, at_least=known, fix="make clusters of fewer rows anew")
        if rows == known:
            return self
        further = np.arange(known, rows, dtype=np.int64)
        return Clusters(np.append(self.members, further), np.append(self.offsets, further + 1))

    def save(self, folder: str | os.PathLike[str]) -> str:
        """Write them into a new folder; returns their checksum."""
        return SavedArrays.write(folder, KIND, {"members": self.members, "offsets": self.offsets}).checksum

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read them back; ``BadState`` where they are damaged."""
        return cls.of_saved(SavedArrays.read(folder, KIND))

    @classmethod
    def of_saved(cls, saved: SavedArrays) -> Self:
        """What a folder that was read holds."""
        if set(saved.arrays) != {"members", "offsets"}:
            what = ", ".join(saved.arrays) or "none"
            raise BadState(f"folder {saved.folder}", "hold members and offsets", what, "restore it")
        return cls(np.asarray(saved.arrays["members"]), np.asarray(saved.arrays["offsets"]))


def balanced_clusters(embeddings: Floats, cluster_size: int, *, key: Key, rounds: int = 8) -> Clusters:
    """Halve the rows, and the halves, until no cluster has more than ``cluster_size``; sizes differ by one at most.

    Each halving is 2-means with equal halves: two rows drawn at random as centres, then in each round the half of the
    rows that lies nearer to the one than to the other, and the means of both halves as new centres.

    Parameters
    ----------
    embeddings : float array of shape (rows, d)
        Finite. Directions count, lengths too: normalise them for cosine.
    cluster_size : int
        With 1, 2, 4, ... in the course of the run, batches begin as plain shuffling and get harder.
    key : Key
    rounds : int

    Sums of floats may differ in their last bit from machine to machine: make clusters on one rank and save them; all
    ranks adopt the folder.

    Source: Dahiya and others, "NGAME: Negative mining-aware mini-batching for extreme classification", WSDM 2023; the
    balanced hierarchical 2-means is read from their public code.

    Examples
    --------
    >>> points = np.array([[0.0], [9.0], [0.1], [9.1]])
    >>> of_row = balanced_clusters(points, 2, key=Key(0)).of_row
    >>> bool(of_row[0] == of_row[2] != of_row[1] == of_row[3])
    True
    """
    cluster_size = checked_int(
        "cluster_size", cluster_size, at_least=1, fix="pass the number of rows that belong together"
    )
    rounds = checked_int("rounds", rounds, at_least=1, at_most=MOST_ROUNDS, fix="pass 8, say")
    checked_key(key)
    points = plain_array("embeddings", embeddings)
    if points.ndim != 2 or points.dtype.kind != "f" or 0 in points.shape:
        what = f"dtype {points.dtype} of shape {points.shape}"
        raise BadArgument("embeddings", "be floats of shape (rows, d)", what, "pass one vector a row")
    for begin in range(0, points.shape[0], CHUNK_ROWS):
        chunk = points[begin : begin + CHUNK_ROWS]
        if not bool(np.isfinite(chunk).all()):
            raise BadArgument("embeddings", "be finite", f"NaN or inf from row {begin} on", "mend them")
        largest = max(float(chunk.max()), -float(chunk.min()))
        if largest * points.shape[1] ** 0.5 > LONGEST:
            raise BadArgument("embeddings", f"have lengths below {LONGEST:g}", largest, "divide them by their largest")
    members, offsets = np.arange(points.shape[0], dtype=np.int64), np.array([0, points.shape[0]], dtype=np.int64)
    levels = max(0, int(np.ceil(np.log2(points.shape[0] / cluster_size))))
    for level in with_progress(range(levels), levels, "halving clusters"):
        if int(np.diff(offsets).max()) <= cluster_size:
            break
        members, offsets = _halved(points, members, offsets, rounds, key.child(level))
    return Clusters(members, offsets)


def _halved(points: Floats, members: Int64, offsets: Int64, rounds: int, key: Key) -> tuple[Int64, Int64]:
    """Every cluster in two; all of a level at once, so that many small ones cost no more than a few large."""
    sizes = np.diff(offsets)
    clusters = np.arange(sizes.size)
    number = np.repeat(clusters, sizes)
    halves = np.column_stack([offsets[:-1], offsets[:-1] + (sizes + 1) // 2]).ravel()
    first = draws_below(key.child("first").bits, clusters, sizes)
    other = (first + 1 + draws_below(key.child("other").bits, clusters, np.maximum(sizes - 1, 1))) % sizes
    near, far = (np.asarray(points[members[offsets[:-1] + place]], np.float32) for place in (first, other))
    for turn in range(rounds):
        if turn:
            means = _means(points, members, halves)
            near, far = means[0::2], means[1::2]
        order = np.lexsort((members, _along(points, members, far - near, number), number))
        before, members = members, members[order]
        if turn and np.array_equal(members, before):
            break  # the means of the next round are those of this one
    return members, np.unique(np.append(halves, offsets[-1]))


def _along(points: Floats, members: Int64, directions: Floats, number: Int64) -> Floats:
    """How far each point lies in the direction of its cluster."""
    found = np.empty(members.size, dtype=np.float32)
    for begin in range(0, members.size, CHUNK_ROWS):
        rows = slice(begin, begin + CHUNK_ROWS)
        chunk = np.asarray(points[members[rows]], np.float32)
        found[rows] = np.einsum("ij,ij->i", chunk, directions[number[rows]])
    return found


def _means(points: Floats, members: Int64, begins: Int64) -> Floats:
    """The mean of each stretch of members; of an empty one, 0."""
    sums = np.zeros((begins.size, points.shape[1]), dtype=np.float64)
    counts = np.diff(np.append(begins, members.size))
    of_member = np.repeat(np.arange(begins.size), counts)
    for begin in range(0, members.size, CHUNK_ROWS):
        chunk = np.asarray(points[members[begin : begin + CHUNK_ROWS]], np.float64)
        stretches = of_member[begin : begin + CHUNK_ROWS]
        starts = np.flatnonzero(np.diff(stretches, prepend=-1))
        sums[stretches[starts]] += np.add.reduceat(chunk, starts, axis=0)
    return (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)

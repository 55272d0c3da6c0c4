"""Random walks on a graph in compressed rows: many at once, so that one waits for memory while others compute.

Each draw is the hash of a key, a walk and a step: the same in any window of walks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.alias import slot_of
from croupier.kernels.jit import Kernel
from croupier.kernels.mixing import GOLDEN, below, draws, mix64, mixed

__all__ = ["BLOCK_WALKS", "Rows", "begun", "edges_of_slots", "unfinished", "walk_first_order", "walk_keys"]

Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]
Whole = npt.NDArray[np.signedinteger[Any]]
"""int32 or int64."""
Rows = tuple[Whole, Whole, UInt64]

BLOCK_WALKS = 256
"""Walks that step together."""

_LOW32 = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


# Steps go in passes over a block of walks, each pass with one read that may miss the cache: independent reads side by
# side overlap, the reads of one walk cannot.


def _first_loop(
    key: np.uint64, first_walk: int, offsets: Whole, targets: Whole, aliases: UInt64, walks: Whole
) -> Whole:
    count, nodes = walks.shape
    keys, fraction = np.empty(BLOCK_WALKS, np.uint64), np.empty(BLOCK_WALKS, np.uint64)
    here, begin = np.empty(BLOCK_WALKS, np.int64), np.empty(BLOCK_WALKS, np.int64)
    degree, slot = np.empty(BLOCK_WALKS, np.int64), np.empty(BLOCK_WALKS, np.int64)
    for first in range(0, count, BLOCK_WALKS):
        size = min(BLOCK_WALKS, count - first)
        for i in range(size):
            keys[i] = mixed(key + np.uint64(first_walk + first + i + 1) * GOLDEN)
            here[i] = walks[first + i, 0]
        for step in range(1, nodes):
            for i in range(size):
                node = here[i]
                begin[i] = offsets[node] if node >= 0 else 0
                degree[i] = offsets[node + 1] - begin[i]  # offsets[0] = 0 for a walk that has ended
            for i in range(size):
                bits = mixed(keys[i] + np.uint64(step) * GOLDEN)
                slot[i] = np.int64(below(bits, np.uint64(degree[i])))
                fraction[i] = bits * np.uint64(degree[i]) >> _HALF
            if aliases.size > 0:
                for i in range(size):
                    if degree[i] > 0:
                        slot[i] = np.int64(slot_of(aliases[begin[i] + slot[i]], np.uint64(slot[i]), fraction[i]))
            for i in range(size):
                node = np.int64(targets[begin[i] + slot[i]]) if degree[i] > 0 else np.int64(-1)
                here[i] = node
                walks[first + i, step] = node
    return walks


def _first_numpy(
    key: np.uint64, first_walk: int, offsets: Whole, targets: Whole, aliases: UInt64, walks: Whole
) -> Whole:
    keys = walk_keys(key, first_walk, walks)
    for step in range(1, walks.shape[1]):
        walks[:, step] = -1
        rows, begin, degree = unfinished(offsets, walks, step)
        with np.errstate(over="ignore"):
            bits = mix64(keys[rows] + np.uint64(step) * GOLDEN)
            slot, fraction = below(bits, degree), bits * degree >> _HALF
        walks[rows, step] = targets[edges_of_slots(aliases, begin, slot, fraction)]
    return walks


def walk_keys(key: np.uint64, first_walk: int, walks: Whole) -> UInt64:
    """The stream of each walk."""
    return draws(int(key), first_walk + np.arange(walks.shape[0], dtype=np.int64))


def unfinished(offsets: Whole, walks: Whole, step: int) -> tuple[Int64, Int64, UInt64]:
    """The walks that can take this step, where the row of each begins, and how long it is."""
    here = walks[:, step - 1].astype(np.int64)
    begin = np.where(here >= 0, offsets[here], 0).astype(np.int64)
    degree = np.where(here >= 0, offsets[here + 1], 0) - begin
    rows = np.flatnonzero(degree > 0)
    return rows, begin[rows], degree[rows].astype(np.uint64)


def edges_of_slots(aliases: UInt64, begin: Int64, slot: UInt64, fraction: UInt64) -> Int64:
    """The edge that a drawn slot of a row stands for."""
    if aliases.size:
        word = aliases[begin + slot.astype(np.int64)]
        slot = np.where(fraction < word >> _HALF, slot, word & _LOW32)
    return begin + slot.astype(np.int64)


_first = Kernel(_first_loop, _first_numpy)


def walk_first_order(key: int, first_walk: int, starts: Whole, steps: int, rows: Rows) -> Whole:
    """Walks that draw each step from the edges of the present node alone.

    Parameters
    ----------
    key : int
        64 bits.
    first_walk : int
        The number of the first of these walks: they are those of any larger window that holds them.
    starts : int64 array of shape (n,)
        Nodes.
    steps : int
    rows : (offsets, targets, aliases)
        The edges of node ``v`` are ``targets[offsets[v]:offsets[v + 1]]``, sorted; ``aliases`` as of
        :func:`croupier.kernels.alias.alias_words`, or empty where all edges weigh the same.

    Returns
    -------
    array of shape (n, steps + 1), of the dtype of ``targets``
        Nodes; -1 after one that has no edges.

    Examples
    --------
    >>> ring = (np.array([0, 1, 2, 2]), np.array([1, 2]), np.empty(0, np.uint64))
    >>> walk_first_order(7, 0, np.array([0, 2]), 3, ring).tolist()
    [[0, 1, 2, -1], [2, -1, -1, -1]]
    """
    return _first(np.uint64(key), first_walk, *rows, begun(starts, steps, rows))


def begun(starts: Whole, steps: int, rows: Rows) -> Whole:
    """Room for walks, their first nodes written."""
    walks = np.empty((starts.size, steps + 1), rows[1].dtype)
    walks[:, 0] = starts
    return walks

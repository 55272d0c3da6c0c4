"""Make pairs of the nodes of walks that lie at most a window apart, dealt so that pairs of one walk are far apart."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["pair_up"]

Int64 = npt.NDArray[np.int64]
Whole = npt.NDArray[np.signedinteger[Any]]

# A full walk has C kinds of pairs, by where in the walk they stand. A group of W walks is a table of W rows and C
# columns, each row turned by its number, read column by column: so each W pairs hold one of every walk, of all kinds.


def _pairs_loop(walks: Whole, offsets: Int64, places: Int64, heads: Whole, tails: Whole, rows: Int64) -> int:
    kinds = places.shape[1]
    slot = 0
    for group in range(offsets.size - 1):
        for turn in range(kinds):
            kind = turn
            for row in range(offsets[group], offsets[group + 1]):
                tail = walks[row, places[1, kind]]
                if tail >= 0:
                    heads[slot] = walks[row, places[0, kind]]
                    tails[slot] = tail
                    rows[slot] = row
                    slot += 1
                kind = kind - 1 if kind > 0 else kinds - 1
    return slot


def _pairs_numpy(walks: Whole, offsets: Int64, places: Int64, heads: Whole, tails: Whole, rows: Int64) -> int:
    kinds = places.shape[1]
    slot = 0
    for begin, end in pairwise(offsets.tolist()):
        turn, row = np.divmod(np.arange(kinds * (end - begin), dtype=np.int64), max(1, end - begin))
        row, kind = begin + row, (turn - row) % kinds
        is_pair = walks[row, places[1, kind]] >= 0
        row, kind = row[is_pair], kind[is_pair]
        here = slice(slot, slot + row.size)
        heads[here], tails[here], rows[here] = walks[row, places[0, kind]], walks[row, places[1, kind]], row
        slot += row.size
    return slot


_pairs = Kernel(_pairs_loop, _pairs_numpy)


def pair_up(walks: Whole, offsets: Int64, window: int) -> tuple[Whole, Whole, Int64, Int64]:
    """All pairs of nodes of a walk that are 1 to ``window`` steps apart, the earlier one first.

    Parameters
    ----------
    walks : int32 or int64 array of shape (n, nodes of a walk)
        Nodes, then -1 from where the walk has ended.
    offsets : int64 array of shape (groups + 1,)
        Groups of walks; each is dealt by itself.
    window : int
        Below the nodes of a walk.

    Returns
    -------
    heads, tails : arrays of shape (pairs,)
    rows : int64 array of shape (pairs,)
        The walk of each pair.
    offsets : int64 array of shape (groups + 1,)
        Where the pairs of each group begin.

    Examples
    --------
    >>> heads, tails, rows, _ = pair_up(np.array([[1, 2, 3], [7, 8, -1]]), np.array([0, 2]), 2)
    >>> [(int(h), int(t)) for h, t in zip(heads, tails)], rows.tolist()
    ([(1, 2), (1, 3), (7, 8), (2, 3)], [0, 0, 1, 0])
    """
    nodes = walks.shape[1]
    head: Int64 = np.repeat(np.arange(nodes, dtype=np.int64), window)
    tail: Int64 = head + 1 + np.arange(head.size, dtype=np.int64) % window
    places = np.stack([head[tail < nodes], tail[tail < nodes]])
    lengths = np.count_nonzero(walks >= 0, axis=1)
    of_walk = np.array([np.count_nonzero(places[1] < length) for length in range(nodes + 1)])[lengths]
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(of_walk)])
    heads, tails = np.empty(ends[-1], walks.dtype), np.empty(ends[-1], walks.dtype)
    rows = np.empty(ends[-1], np.int64)
    _pairs(np.ascontiguousarray(walks), offsets, places, heads, tails, rows)
    return heads, tails, rows, ends[offsets]

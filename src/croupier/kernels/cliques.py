"""How many batches rows need at least that conflict: by rows of which no two can share a batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.kernels.conflicts import Conflicts
from croupier.kernels.grouping import group_rows
from croupier.kernels.jit import Kernel

__all__ = ["least_batches"]

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]

MOST_TURNS = 8


def _bound_loop(
    queries: Int32, items: Int32, rows: Int64, offsets: Int64, right: Int32, own: Int64, around: Int64, capacity: int
) -> int:
    """Rows come query by query, ``own`` counts those of each number. Fills ``around``: rows at odds with them all."""
    times = np.zeros(own.size, np.int64)
    least = 0
    begin = 0
    while begin < rows.size:
        query = queries[rows[begin]]
        end = begin
        while end < rows.size and queries[rows[end]] == query:
            if items[rows[end]] >= 0:
                times[items[rows[end]]] += 1
            end += 1
        for place in range(offsets[query], offsets[query + 1]):
            item = right[place]
            least = max(least, own[query] + own[item] - times[item])
            around[query] += own[item]
            around[item] += own[query]
        for place in range(begin, end):
            if items[rows[place]] >= 0:
                times[items[rows[place]]] = 0
        begin = end
    for number in range(own.size):
        elsewhere = max(0, around[number] - own[number])
        if own[number] > 0:
            least = max(least, own[number] + (elsewhere + capacity - 1) // capacity)
    return int(least)


_bound = Kernel(_bound_loop, _bound_loop)


def least_batches(conflicts: Conflicts, capacity: int) -> int:
    """At least so many batches are needed, where the first item of each row is right for its query.

    Rows of one item need a batch each, and so do rows of one query; if the item is right for the query, both together:
    a row of the one conflicts with every row of the other. Nor can these batches hold a row that conflicts with all of
    them: rows whose query the item is right for, or which have it as a further item, need batches besides, by their
    number and by the conflicts among them, on which the same is asked again for the most frequent query or item.

    Parameters
    ----------
    conflicts : Conflicts
    capacity : int
        How many rows a batch holds.

    Examples
    --------
    >>> queries, items = np.array([0, 0, 1], np.int32), np.array([[2], [3], [3]], np.int32)
    >>> edges = np.array([0, 2, 3]), np.array([2, 3, 3], np.int32)
    >>> least_batches(Conflicts(queries, items, *edges, np.array([2, 1, 1, 2])), 8)
    3
    """
    queries, items, capacity = conflicts.queries, np.ascontiguousarray(conflicts.items[:, 0]), max(1, capacity)
    numbers, asked = conflicts.counts.size, conflicts.offsets.size - 1
    conflicting = np.logical_or.reduce([column >= 0 for column in (queries, *conflicts.items.T)])
    left, before, least = np.flatnonzero(conflicting), 0, -(-queries.size // capacity)
    for _ in range(MOST_TURNS):
        with_query = left[queries[left] >= 0]
        own = np.bincount(queries[with_query], minlength=numbers)
        own += np.bincount(items[left][items[left] >= 0], minlength=numbers)
        rows = with_query[group_rows(queries[with_query].astype(np.int64), max(1, asked))[0]]
        around = np.zeros(numbers, dtype=np.int64)
        found = _bound(queries, items, rows, conflicts.offsets, conflicts.right, own, around, capacity)
        least = max(least, before + int(found), before - (-left.size // capacity))
        hub = int(np.argmax(own)) if numbers else 0
        if not left.size or 2 * own[hub] < least:
            break
        before += int(own[hub])
        left = left[_conflicting_with_all(conflicts, left, hub)]
        if before + left.size <= least:
            break
    return int(least)


def _conflicting_with_all(conflicts: Conflicts, rows: Int64, number: int) -> npt.NDArray[np.bool_]:
    """Which of the rows conflict with every row that has this query or first item, and are none of these."""
    queries, items, asked = conflicts.queries[rows], conflicts.items[rows], conflicts.offsets.size - 1
    is_right = np.zeros(conflicts.counts.size + 1, dtype=np.bool_)  # one more, for -1
    if number < asked:
        is_right[conflicts.right[conflicts.offsets[number] : conflicts.offsets[number + 1]]] = True
        return is_right[items].any(axis=1) & (queries != number)
    askers = np.searchsorted(conflicts.offsets, np.flatnonzero(conflicts.right == number), side="right") - 1
    is_right[askers] = True
    return (is_right[queries] | (items == number).any(axis=1)) & (items[:, 0] != number)

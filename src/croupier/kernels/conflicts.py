"""Which rows conflict: an item of one is a known positive of another's query."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["Conflicts", "conflicts_among"]

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.signedinteger[Any]]


class Conflicts(NamedTuple):
    """What conflicts among some rows, by numbers of those queries and items alone that do: queries first, then items.

    Parameters
    ----------
    queries, items : int32 arrays of shapes (n,) and (n, m)
        The number of each row's query and items; -1 for what has no conflict.
    offsets, right : int64 and int32 arrays
        For each query's number, the numbers of the items that are right for it: two rows conflict if an item of one is
        right for the other's query.
    counts : int64 array
        How often each number comes in the rows.
    """

    queries: Int32
    items: Int32
    offsets: Int64
    right: Int32
    counts: Int64


def _mark_loop(
    queries: Numbers, items: Numbers, offsets: Numbers, positives: Numbers, of_query: Int32, of_item: Int32
) -> tuple[int, int]:
    """Number from 1 on the queries, then the items, that conflict; returns how many queries do, and how many of both.

    The columns of ``of_query`` and ``of_item`` are the first row that has one, how many rows do, and its number, or 0.
    """
    rows, width = items.shape
    for row in range(rows):
        query = queries[row]
        if query >= 0:
            if of_query[query, 1] == 0:
                of_query[query, 0] = row
            of_query[query, 1] += 1
        for place in range(width):
            item = items[row, place]
            if item >= 0:
                if of_item[item, 1] == 0:
                    of_item[item, 0] = row
                of_item[item, 1] += 1
    asked = 0
    for row in range(rows):
        query = queries[row]
        if query < 0 or of_query[query, 0] != row:
            continue
        for place in range(offsets[query], offsets[query + 1]):
            item = positives[place]
            times = of_item[item, 1]
            if times == 0 or (times == 1 and of_query[query, 1] == 1 and of_item[item, 0] == row):
                continue
            if of_query[query, 2] == 0:
                asked += 1
                of_query[query, 2] = asked
            of_item[item, 2] = -1
    numbers = asked
    for row in range(rows):
        for place in range(width):
            item = items[row, place]
            if item >= 0 and of_item[item, 2] < 0:
                numbers += 1
                of_item[item, 2] = numbers
    return asked, numbers


def _mark_numpy(
    queries: Numbers, items: Numbers, offsets: Numbers, positives: Numbers, of_query: Int32, of_item: Int32
) -> tuple[int, int]:
    rows = queries.size
    for facts, values in ((of_query, queries[:, None]), (of_item, items)):
        flat = values.ravel()
        row_of = np.repeat(np.arange(rows), values.shape[1])[flat >= 0]
        names, first, counts = np.unique(flat[flat >= 0], return_index=True, return_counts=True)
        facts[names, 0], facts[names, 1] = row_of[first], counts
    asked = 0
    items_met: set[int] = set()
    for row in np.flatnonzero((queries >= 0) & (of_query[queries, 0] == np.arange(rows))).tolist():
        query = queries[row]
        for item in positives[offsets[query] : offsets[query + 1]].tolist():
            times = of_item[item, 1]
            if times > 1 or (times == 1 and (of_query[query, 1] > 1 or of_item[item, 0] != row)):
                if of_query[query, 2] == 0:
                    asked += 1
                    of_query[query, 2] = asked
                items_met.add(item)
    numbers = asked
    for item in dict.fromkeys(items.ravel().tolist()):
        if item in items_met:
            numbers += 1
            of_item[item, 2] = numbers
    return asked, numbers


def _list_loop(
    queries: Numbers, offsets: Numbers, positives: Numbers, of_query: Int32, of_item: Int32, ends: Int64, counts: Int64
) -> Int32:
    """For each query's number in turn, the numbers of the items right for it; and how often each number comes."""
    right = np.empty(2 * counts.size + 16, np.int32)
    found = 0
    for row in range(queries.size):
        query = queries[row]
        if query < 0 or of_query[query, 0] != row or of_query[query, 2] == 0:
            continue
        number = of_query[query, 2] - 1
        counts[number] = of_query[query, 1]
        for place in range(offsets[query], offsets[query + 1]):
            item = positives[place]
            if of_item[item, 2] == 0:
                continue
            if found == right.size:
                right = np.concatenate((right, np.empty_like(right)))
            right[found] = of_item[item, 2] - 1
            found += 1
            counts[of_item[item, 2] - 1] = of_item[item, 1]
        ends[number + 1] = found
    return right[:found]


def _look_up_loop(places: Numbers, facts: Int32, numbers: Int32) -> Int32:
    for row in range(places.size):
        numbers[row] = facts[places[row], 2] - 1
    return numbers


def _look_up_numpy(places: Numbers, facts: Int32, numbers: Int32) -> Int32:
    numbers[:] = facts[places, 2] - 1
    return numbers


_mark = Kernel(_mark_loop, _mark_numpy)
_list = Kernel(_list_loop, _list_loop)
_look_up = Kernel(_look_up_loop, _look_up_numpy)


def conflicts_among(
    queries: Numbers, items: Numbers, positives: tuple[Numbers, Numbers], kinds_of_items: int
) -> Conflicts:
    """What conflicts among these rows, in time linear in them and in the known positives of their queries.

    Parameters
    ----------
    queries, items : int64 or int32 arrays of shapes (n,) and (n, m)
        Numbers of each row's query and items; -1 for one that nothing is known of.
    positives : two int64 or int32 arrays
        Offsets and values: the items right for each query.
    kinds_of_items : int
        Above every item's number.

    Examples
    --------
    >>> found = conflicts_among(np.array([0, 1, 2]), np.array([[0], [0], [1]]), (np.arange(4), np.array([0, 0, 1])), 2)
    >>> found.queries.tolist(), found.items.ravel().tolist(), found.offsets.tolist(), found.right.tolist()
    ([0, 1, -1], [2, 2, -1], [0, 1, 2], [2, 2])
    """
    # One more than there are, for what -1 is looked up by; of memory not written to, none is taken.
    of_query = np.zeros((positives[0].size, 3), dtype=np.int32)
    of_item = np.zeros((kinds_of_items + 1, 3), dtype=np.int32)
    items = np.ascontiguousarray(items)
    asked, numbers = _mark(queries, items, *positives, of_query, of_item)
    offsets, counts = np.zeros(asked + 1, np.int64), np.zeros(numbers, np.int64)
    right = _list(queries, *positives, of_query, of_item, offsets, counts)
    own_queries = _look_up(queries, of_query, np.empty(queries.size, np.int32))
    own_items = _look_up(items.ravel(), of_item, np.empty(items.size, np.int32))
    return Conflicts(own_queries, own_items.reshape(items.shape), offsets, right, counts)

"""Which rows conflict: an item of one is a known positive of another's query."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from croupier.kernels.grouping import group_rows
from croupier.kernels.jit import Kernel

__all__ = ["Conflicts", "conflicts_among", "largest_clique"]

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.signedinteger[Any]]
Lists = tuple[Numbers, Numbers]


class Conflicts(NamedTuple):
    """What conflicts among some rows, by numbers of those queries and items alone that do.

    Parameters
    ----------
    queries, items : int32 arrays of shapes (n,) and (n, m)
        The number of each row's query and items; -1 for what has no conflict.
    offsets, others : int64 and int32 arrays
        For each number, those it rules out: of a query its positives, of an item the queries that it is right for.
    counts : int64 array
        How many rows have each number.
    """

    queries: Int32
    items: Int32
    offsets: Int64
    others: Int32
    counts: Int64


def _mark_loop(
    queries: Numbers,
    items: Numbers,
    offsets: Numbers,
    positives: Numbers,
    of_query: Int32,
    of_item: Int32,
) -> int:
    """Give numbers from 0 to queries, then items, that conflict.

    The columns of ``of_query`` and ``of_item`` are the first row that has one, how many rows do, and its number, -1.
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
    numbers = 0
    for row in range(rows):
        query = queries[row]
        if query < 0 or of_query[query, 0] != row:
            continue
        for place in range(offsets[query], offsets[query + 1]):
            item = positives[place]
            times = of_item[item, 1]
            if times == 0 or (times == 1 and of_query[query, 1] == 1 and of_item[item, 0] == row):
                continue
            if of_query[query, 2] < 0:
                of_query[query, 2] = numbers
                numbers += 1
            of_item[item, 2] = 0
    for row in range(rows):
        for place in range(width):
            item = items[row, place]
            if item >= 0 and of_item[item, 0] == row and of_item[item, 2] == 0:
                # From -2 downwards, so that an item met twice is numbered once.
                of_item[item, 2] = -2 - numbers
                numbers += 1
    for row in range(rows):
        for place in range(width):
            item = items[row, place]
            if item >= 0 and of_item[item, 2] < -1:
                of_item[item, 2] = -2 - of_item[item, 2]
    return numbers


def _mark_numpy(
    queries: Numbers,
    items: Numbers,
    offsets: Numbers,
    positives: Numbers,
    of_query: Int32,
    of_item: Int32,
) -> int:
    rows = queries.size
    for facts, values in ((of_query, queries[:, None]), (of_item, items)):
        flat = values.ravel()
        row_of = np.repeat(np.arange(rows), values.shape[1])[flat >= 0]
        names, first, counts = np.unique(flat[flat >= 0], return_index=True, return_counts=True)
        facts[names, 0], facts[names, 1] = row_of[first], counts
    numbers = 0
    items_met: set[int] = set()
    for row in np.flatnonzero((queries >= 0) & (of_query[queries, 0] == np.arange(rows))).tolist():
        query = queries[row]
        for item in positives[offsets[query] : offsets[query + 1]].tolist():
            times = of_item[item, 1]
            if times > 1 or (times == 1 and (of_query[query, 1] > 1 or of_item[item, 0] != row)):
                if of_query[query, 2] < 0:
                    of_query[query, 2] = numbers
                    numbers += 1
                items_met.add(item)
    for item in dict.fromkeys(items.ravel().tolist()):
        if item in items_met:
            of_item[item, 2] = numbers
            numbers += 1
    return numbers


def _list_loop(
    queries: Numbers, items: Numbers, positives: Lists, askers: Lists, of_query: Int32, of_item: Int32, numbers: int
) -> tuple[Int64, Int32, Int64]:
    """Offsets by number, the numbers that each rules out, and how many rows have each.

    Where rows have one item, a query that comes once need not be told of its own item, nor an item of its own query:
    the other of the two is blocked already.
    """
    offsets = np.zeros(numbers + 1, np.int64)
    counts = np.zeros(numbers, np.int64)
    others = np.empty(2 * numbers + 16, np.int32)
    found = 0
    is_single = items.shape[1] == 1
    for row in range(queries.size):
        query = queries[row]
        if query >= 0 and of_query[query, 0] == row and of_query[query, 2] >= 0:
            offsets[of_query[query, 2]] = found
            counts[of_query[query, 2]] = of_query[query, 1]
            for place in range(positives[0][query], positives[0][query + 1]):
                item = positives[1][place]
                number = of_item[item, 2]
                if number < 0:
                    continue
                if is_single and of_item[item, 1] == 1 and queries[of_item[item, 0]] == query:
                    continue
                if found == others.size:
                    others = np.concatenate((others, np.empty_like(others)))
                others[found] = number
                found += 1
    for row in range(queries.size):
        for column in range(items.shape[1]):
            item = items[row, column]
            if item < 0 or of_item[item, 0] != row or of_item[item, 2] < 0:
                continue
            is_again = False
            for earlier in range(column):
                is_again |= items[row, earlier] == item
            if is_again:
                continue
            offsets[of_item[item, 2]] = found
            counts[of_item[item, 2]] = of_item[item, 1]
            for place in range(askers[0][item], askers[0][item + 1]):
                query = askers[1][place]
                number = of_query[query, 2]
                if number < 0:
                    continue
                if is_single and of_query[query, 1] == 1 and items[of_query[query, 0], 0] == item:
                    continue
                if found == others.size:
                    others = np.concatenate((others, np.empty_like(others)))
                others[found] = number
                found += 1
    offsets[numbers] = found
    return offsets, others[:found], counts


def _look_up_loop(places: Numbers, facts: Int32, numbers: Int32) -> Int32:
    for row in range(places.size):
        numbers[row] = facts[places[row], 2]
    return numbers


def _look_up_numpy(places: Numbers, facts: Int32, numbers: Int32) -> Int32:
    numbers[:] = facts[places, 2]
    return numbers


_mark = Kernel(_mark_loop, _mark_numpy)
_list = Kernel(_list_loop, _list_loop)
_look_up = Kernel(_look_up_loop, _look_up_numpy)


def conflicts_among(queries: Numbers, items: Numbers, positives: Lists, askers: Lists) -> Conflicts:
    """What conflicts among these rows.

    Parameters
    ----------
    queries, items : int64 or int32 arrays of shapes (n,) and (n, m)
        Numbers of each row's query and items; -1 for one that nothing is known of.
    positives, askers : pairs of int64 or int32 arrays
        Offsets and values: the items right for each query, and the queries that each item is right for.

    Examples
    --------
    >>> positives, askers = (np.arange(4), np.array([0, 0, 1])), (np.array([0, 2, 3]), np.array([0, 1, 2]))
    >>> found = conflicts_among(np.array([0, 1, 2]), np.array([[0], [0], [1]]), positives, askers)
    >>> found.queries.tolist(), found.items.ravel().tolist()
    ([0, 1, -1], [2, 2, -1])
    """
    of_query = np.zeros((positives[0].size, 3), dtype=np.int32)  # one more than there are: what -1 is looked up by
    of_item = np.zeros((askers[0].size, 3), dtype=np.int32)
    of_query[:, 2] = of_item[:, 2] = -1
    numbers = _mark(queries, items, *positives, of_query, of_item)
    offsets, others, counts = _list(queries, items, positives, askers, of_query, of_item, numbers)
    own_queries = _look_up(queries, of_query, np.empty(queries.size, np.int32))
    own_items = _look_up(items.ravel(), of_item, np.empty(items.size, np.int32))
    return Conflicts(own_queries, own_items.reshape(items.shape), offsets, others, counts)


def _clique_loop(queries: Int32, items: Int32, rows: Int64, counts: Int64, times: Int64) -> int:
    largest = 0
    begin = 0
    while begin < rows.size:
        query = queries[rows[begin]]
        end = begin
        while end < rows.size and queries[rows[end]] == query:
            if items[rows[end]] >= 0:
                times[items[rows[end]]] += 1
            end += 1
        for place in range(begin, end):
            item = items[rows[place]]
            size = counts[query] if item < 0 else counts[query] + counts[item] - times[item]
            largest = max(largest, int(size))
        for place in range(begin, end):
            if items[rows[place]] >= 0:
                times[items[rows[place]]] = 0
        begin = end
    return largest


_clique = Kernel(_clique_loop, _clique_loop)


def largest_clique(conflicts: Conflicts) -> int:
    """At least so many batches are needed, where the first item of each row is right for its query.

    All rows with the query or the item of one row conflict with one another, so no two of them share a batch.

    Examples
    --------
    >>> none = np.empty(0, np.int64)
    >>> largest_clique(Conflicts(np.array([0, 0, 1]), np.array([[2], [3], [3]]), none, none, np.array([2, 1, 1, 2])))
    3
    """
    has_query = np.flatnonzero(conflicts.queries >= 0)
    rows = has_query[group_rows(conflicts.queries[has_query].astype(np.int64), conflicts.counts.size)[0]]
    times = np.zeros(conflicts.counts.size, dtype=np.int64)
    by_pairs = _clique(conflicts.queries, np.ascontiguousarray(conflicts.items[:, 0]), rows, conflicts.counts, times)
    return int(by_pairs)

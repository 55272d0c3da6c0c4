"""What a row that is placed blocks, and what a row reads that looks for a place.

Batches have a bit for every query and item that conflicts: is it blocked there? Placing a row could set the bits of all
it conflicts with, but a frequent item would do so for its many queries again and again: time in the square of its rows.
So where one side of a conflict comes much more often than the other, the frequent one marks where it is, in bits of its
own, and the rare one reads these besides its own bits. Each conflict costs no more than its rarer side comes, but for a
constant.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from croupier.kernels.conflicts import Conflicts
from croupier.kernels.jit import Kernel

__all__ = ["Blocking", "blocking_lists"]

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]

TIMES_AS_FREQUENT = 32


class Blocking(NamedTuple):
    """Lists by number of a query or item.

    Parameters
    ----------
    ends : int64 array of shape (2 x numbers + 1,)
        Where in ``values`` the two lists of each number begin and end.
    values : int32 array
        For each number, the bits that a placed row sets in its batch; then those that a row reads that looks for a
        place, besides that of the number itself.
    most_reads : int
        The length of the longest list of the second kind.
    bits : int
        How many bits a batch has: one for each number, and one for each that is so frequent that others read it.
    """

    ends: Int64
    values: Int32
    most_reads: int
    bits: int

    def sets(self, number: int) -> list[int]:
        """The bits that a placed row with this number sets."""
        return self.values[self.ends[2 * number] : self.ends[2 * number + 1]].tolist()

    def reads(self, number: int) -> list[int]:
        """The bits that a row with this number reads besides."""
        return self.values[self.ends[2 * number + 1] : self.ends[2 * number + 2]].tolist()


def _goes(source: Any, target: Any, counts: Any, partners: Any) -> Any:
    """How ``target`` learns of a batch that holds ``source``: 0 it need not, 1 its bit is set, 2 it reads."""
    if partners[target] == source:
        return 0
    return 2 if counts[source] > TIMES_AS_FREQUENT * counts[target] else 1


def _partners_loop(queries: Int32, items: Int32, counts: Int64, partners: Int32) -> Int32:
    """The item of a query that comes once, the query of an item that does: the other's own bit says enough."""
    for row in range(queries.size):
        query, item = queries[row], items[row, 0]
        if query >= 0 and item >= 0:
            if counts[query] == 1:
                partners[query] = item
            if counts[item] == 1:
                partners[item] = query
    return partners


def _lists_loop(
    offsets: Int64, right: Int32, counts: Int64, partners: Int32, ends: Int64, marks: Int32
) -> tuple[Int32, int]:
    bits = counts.size
    for query in range(offsets.size - 1):
        for place in range(offsets[query], offsets[query + 1]):
            for turn in range(2):
                source = query if turn == 0 else right[place]
                target = right[place] if turn == 0 else query
                how = _goes(source, target, counts, partners)
                if how == 1:
                    ends[2 * source + 1] += 1
                elif how == 2:
                    ends[2 * target + 2] += 1
                    if marks[source] < 0:
                        marks[source] = bits
                        bits += 1
                        ends[2 * source + 1] += 1
    for place in range(ends.size - 1):
        ends[place + 1] += ends[place]
    values, places = np.empty(ends[ends.size - 1], np.int32), ends[:-1].copy()
    for number in range(counts.size):
        if marks[number] >= 0:
            values[places[2 * number]] = marks[number]
            places[2 * number] += 1
    for query in range(offsets.size - 1):
        for place in range(offsets[query], offsets[query + 1]):
            for turn in range(2):
                source = query if turn == 0 else right[place]
                target = right[place] if turn == 0 else query
                how = _goes(source, target, counts, partners)
                if how == 1:
                    values[places[2 * source]] = target
                    places[2 * source] += 1
                elif how == 2:
                    values[places[2 * target + 1]] = marks[source]
                    places[2 * target + 1] += 1
    return values, bits


_partners = Kernel(_partners_loop, _partners_loop)
_lists = Kernel(_lists_loop, _lists_loop)


def blocking_lists(conflicts: Conflicts) -> Blocking:
    """Who sets which bits and who reads which, for rows with these conflicts.

    Examples
    --------
    >>> queries, items = np.array([0, 1, 1], np.int32), np.array([[2], [3], [2]], np.int32)
    >>> edges = np.array([0, 1, 3]), np.array([2, 2, 3], np.int32)
    >>> lists = blocking_lists(Conflicts(queries, items, *edges, np.array([1, 2, 2, 1])))
    >>> [lists.sets(number) for number in range(4)]
    [[2], [2], [1], [1]]
    """
    numbers = conflicts.counts.size
    partners = np.full(numbers, -1, dtype=np.int32)
    if conflicts.items.shape[1] == 1:
        partners = _partners(conflicts.queries, conflicts.items, conflicts.counts, partners)
    ends, marks = np.zeros(2 * numbers + 1, dtype=np.int64), np.full(numbers, -1, dtype=np.int32)
    values, bits = _lists(conflicts.offsets, conflicts.right, conflicts.counts, partners, ends, marks)
    most_reads = int((ends[2::2] - ends[1::2]).max(initial=0))
    return Blocking(ends, values, most_reads, bits)

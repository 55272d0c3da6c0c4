"""Which of some values stand in which of some sorted lists: the shorter side is looked up in the longer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["pairs_in_lists"]

Int64 = npt.NDArray[np.int64]


def _meet_loop(lists: Int64, offsets: Int64, values: Int64, distinct: Int64, met: Int64) -> int:
    """Fill ``met`` with (row, place in distinct); count only where it has no room."""
    found = 0
    for row in range(lists.size):
        number = lists[row]
        if number < 0:
            continue
        low, high = offsets[number], offsets[number + 1]
        few = high - low <= distinct.size
        # Both sides ascend, so every search begins where the one before ended.
        place = 0 if few else low
        last = distinct.size if few else high
        for turn in range(high - low if few else distinct.size):
            value = values[low + turn] if few else distinct[turn]
            beyond = last
            while place < beyond:
                middle = (place + beyond) >> 1
                if (distinct[middle] if few else values[middle]) < value:
                    place = middle + 1
                else:
                    beyond = middle
            if place == last:
                break
            if (distinct[place] if few else values[place]) == value:
                if found < met.shape[0]:
                    met[found, 0] = row
                    met[found, 1] = place if few else turn
                found += 1
    return found


def _meet_numpy(lists: Int64, offsets: Int64, values: Int64, distinct: Int64, met: Int64) -> int:
    found = 0
    for row, number in enumerate(lists.tolist()):
        if number < 0:
            continue
        own = values[offsets[number] : offsets[number + 1]]
        places = np.flatnonzero(np.isin(distinct, own))
        room = max(0, min(places.size, met.shape[0] - found))
        met[found : found + room, 0] = row
        met[found : found + room, 1] = places[:room]
        found += places.size
    return found


_meet = Kernel(_meet_loop, _meet_numpy)


def pairs_in_lists(lists: Int64, offsets: Int64, values: Int64, wanted: Int64) -> tuple[Int64, Int64]:
    """Places (i, j) where ``wanted[j]`` stands in the sorted list number ``lists[i]``, in ascending order.

    Parameters
    ----------
    lists : int64 array of shape (n,)
        -1 for no list.
    offsets : int64 array of shape (lists + 1,)
    values : int64 array
        Ascending and distinct in each list, >= 0.
    wanted : int64 array of shape (m,)
        Negative for nothing wanted.

    Examples
    --------
    >>> offsets, values = np.array([0, 2, 3]), np.array([1, 4, 0])
    >>> [found.tolist() for found in pairs_in_lists(np.array([1, 0]), offsets, values, np.array([4, 0, 4, -1]))]
    [[0, 1, 1], [1, 0, 2]]
    """
    order = np.argsort(wanted, kind="stable")
    order = order[np.searchsorted(wanted[order], 0) :]
    distinct, begins = np.unique(wanted[order], return_index=True)
    met = np.empty((_meet(lists, offsets, values, distinct, np.empty((0, 2), np.int64)), 2), dtype=np.int64)
    _meet(lists, offsets, values, distinct, met)
    # Every place of a value that is wanted more than once.
    times = np.diff(np.append(begins, order.size))
    rows = np.repeat(met[:, 0], times[met[:, 1]])
    first = np.repeat(begins[met[:, 1]] - np.cumsum(times[met[:, 1]]) + times[met[:, 1]], times[met[:, 1]])
    columns = order[first + np.arange(rows.size)]
    sequence = np.lexsort((columns, rows))
    return rows[sequence], columns[sequence]

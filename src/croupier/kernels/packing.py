"""Put lengths into packs of one capacity: best fit, longest first.

Best fit decreasing never needs more than 11/9 of the optimum and a pack (D. S. Johnson, 1973), and on real lengths is
within a few packs of the sum over the capacity. A tree over the room left finds the fullest pack that still has room:
O(n log capacity), and lengths are sorted by counting.
"""

from __future__ import annotations

from bisect import bisect_left, insort

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["LARGEST_CAPACITY", "pack_best_fit"]

Int64 = npt.NDArray[np.int64]
LARGEST_CAPACITY = 2**24


def _pack_loop(lengths: Int64, groups: Int64, capacity: int) -> Int64:
    packs = np.empty(lengths.size, np.int64)
    leaves = 1
    while leaves <= capacity:
        leaves *= 2
    is_there = np.zeros(2 * leaves, np.bool_)  # is_there[leaves + room]: a pack has this room left
    newest = np.full(capacity + 1, -1, np.int64)  # the pack that reached this room last; those before hang on it
    before = np.empty(lengths.size, np.int64)
    counts = np.zeros(capacity + 2, np.int64)
    order = np.empty(lengths.size, np.int64)
    count = 0
    for g in range(groups.size - 1):
        begin, end = groups[g], groups[g + 1]
        # Longest first, of equal lengths the first first.
        counts[:] = 0
        for i in range(begin, end):
            counts[capacity - lengths[i] + 1] += 1
        for place in range(capacity + 1):
            counts[place + 1] += counts[place]
        for i in range(begin, end):
            order[begin + counts[capacity - lengths[i]]] = i
            counts[capacity - lengths[i]] += 1
        for j in range(begin, end):
            i = order[j]
            length = lengths[i]
            node = leaves + length
            if not is_there[node]:
                while node > 1 and (node & 1 or not is_there[node + 1]):
                    node >>= 1
                if node > 1:
                    node += 1
                    while node < leaves:
                        node = 2 * node if is_there[2 * node] else 2 * node + 1
            if node > 1:
                room = node - leaves
                pack = newest[room]
                newest[room] = before[pack]
                if newest[room] < 0:
                    while node >= 1 and not (node < leaves and (is_there[2 * node] or is_there[2 * node + 1])):
                        is_there[node] = False
                        node >>= 1
            else:
                room, pack = np.int64(capacity), np.int64(count)
                count += 1
            packs[i] = pack
            room -= length
            before[pack] = newest[room]
            newest[room] = pack
            node = leaves + room
            while node >= 1 and not is_there[node]:
                is_there[node] = True
                node >>= 1
        newest[:] = -1
        is_there[:] = False
    return packs


def _pack_python(lengths: Int64, groups: Int64, capacity: int) -> Int64:
    packs = np.empty(lengths.size, dtype=np.int64)
    count = 0
    for begin, end in zip(groups[:-1].tolist(), groups[1:].tolist(), strict=True):
        rooms: list[int] = []  # the different rooms left, ascending
        by_room: dict[int, list[int]] = {}
        for i in (begin + np.argsort(-lengths[begin:end], kind="stable")).tolist():
            length = int(lengths[i])
            place = bisect_left(rooms, length)
            if place < len(rooms):
                room = rooms[place]
                pack = by_room[room].pop()
                if not by_room[room]:
                    del by_room[room], rooms[place]
            else:
                room, pack, count = capacity, count, count + 1
            packs[i] = pack
            if room - length not in by_room:
                insort(rooms, room - length)
            by_room.setdefault(room - length, []).append(pack)
    return packs


_pack = Kernel(_pack_loop, _pack_python)


def pack_best_fit(lengths: Int64, groups: Int64, capacity: int) -> Int64:
    """The pack of each length, numbered from 0 over all groups.

    Parameters
    ----------
    lengths : int64 array of shape (n,)
        0 to ``capacity``; callers check them.
    groups : int64 array of shape (g + 1,)
        Offsets; no pack holds lengths of two groups.
    capacity : int
        At most ``LARGEST_CAPACITY``.

    Examples
    --------
    >>> pack_best_fit(np.array([5, 7, 3, 5]), np.array([0, 4]), capacity=10).tolist()
    [1, 0, 0, 1]
    """
    return _pack(np.ascontiguousarray(lengths), np.ascontiguousarray(groups), capacity)

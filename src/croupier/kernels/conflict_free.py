"""Deal rows to batches so that no row of a batch has an item that is right for another row's query.

Two rows conflict if an item of one is a known positive of the other's query. Rows are dealt in turn, each to the first
batch from its own place on that is neither full nor blocked for it. For every query and item that matters, bits say
which batches are blocked (``kernels/blocking.py``), so a row is placed by looking at bits alone. A row that finds none
takes the place of another that can move.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.kernels.batch_bits import ONE, SIX_BITS, PlainBits, bits_read, block, first_open
from croupier.kernels.blocking import Blocking
from croupier.kernels.jit import Kernel

__all__ = ["deal_conflict_free"]

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
MOVERS = 4096
"""So many rows are asked to move for one without room."""
ASKED_PER_ROW = 2
"""So many are asked in all, for each row that is dealt: few rows without room are helped, many would take too long."""
ASKED_AT_LEAST = 2**16


def _deal_loop(
    order: Int64, queries: Int32, items: Int32, lists: Blocking, batches: int, capacity: int, spread: int, dealt: Int64
) -> Int64:
    ends, values, most_reads, count = lists
    rows, words = queries.size, (batches + 63) >> 6
    bits = np.zeros((count, words), np.uint64)
    full = np.zeros(words, np.uint64)
    if batches & 63:
        full[words - 1] = ~((ONE << np.uint64(batches & 63)) - ONE)
    sizes = np.zeros(batches, np.int64)
    read = np.empty((1 + items.shape[1]) * (1 + most_reads), np.int64)
    unplaced = 0
    for turn in range(order.size):
        row = order[turn]
        read_count = bits_read(queries, items, ends, values, row, read)
        batch = first_open(bits, full, read, read_count, row * spread // rows)
        dealt[row] = batch
        if batch < 0:
            unplaced += 1
            continue
        block(queries, items, ends, values, bits, row, batch)
        sizes[batch] += 1
        if sizes[batch] == capacity:
            full[batch >> 6] |= ONE << np.uint64(batch & 63)
    if unplaced == 0 or spread == 0:
        return dealt
    # A row that found no room takes that of another, which moves to a batch with room.
    left = max(ASKED_AT_LEAST, ASKED_PER_ROW * order.size)
    for turn in range(order.size):
        row = order[turn]
        if dealt[row] >= 0:
            continue
        for back in range(min(order.size, MOVERS, left)):
            left -= 1
            mover = order[order.size - 1 - back]
            batch = dealt[mover]
            if batch < 0 or sizes[batch] < capacity:
                continue
            taken = np.uint64(0)
            for place in range(bits_read(queries, items, ends, values, row, read)):
                taken |= bits[read[place], batch >> 6]
            if (taken >> np.uint64(batch & SIX_BITS)) & ONE:
                continue
            to = first_open(bits, full, read, bits_read(queries, items, ends, values, mover, read), batch)
            if to < 0:
                continue
            # What the mover blocked where it was stays blocked: that may cost a chance, never a conflict.
            dealt[mover], dealt[row] = to, batch
            block(queries, items, ends, values, bits, mover, to)
            block(queries, items, ends, values, bits, row, batch)
            sizes[to] += 1
            if sizes[to] == capacity:
                full[to >> 6] |= ONE << np.uint64(to & 63)
            break
    return dealt


def _deal_plain(
    order: Int64, queries: Int32, items: Int32, lists: Blocking, batches: int, capacity: int, spread: int, dealt: Int64
) -> Int64:
    bits, in_turn = PlainBits(queries, items, lists, batches, capacity), order.tolist()
    for row in in_turn:
        dealt[row] = batch = bits.first_open(row, row * spread // queries.size)
        if batch >= 0:
            bits.place(row, batch)
            bits.count(batch)
    left = max(ASKED_AT_LEAST, ASKED_PER_ROW * order.size) if spread else 0
    for row in in_turn:
        if dealt[row] >= 0:
            continue
        for mover in in_turn[::-1][: min(MOVERS, left)]:
            left -= 1
            batch = int(dealt[mover])
            if batch < 0 or bits.sizes[batch] < capacity or bits.taken(row) >> batch & 1:
                continue
            to = bits.first_open(mover, batch)
            if to >= 0:
                dealt[mover], dealt[row] = to, batch
                bits.place(mover, to)
                bits.place(row, batch)
                bits.count(to)
                break
    return dealt


_deal = Kernel(_deal_loop, _deal_plain)


def deal_conflict_free(
    order: Int64, queries: Int32, items: Int32, lists: Blocking, batches: int, capacity: int, *, in_place: bool = True
) -> Int64:
    """The batch of each row of ``order``; -1 for rows without one and rows not in it.

    Parameters
    ----------
    order : int64 array
        Which rows to deal, and in which turn.
    queries, items : int32 arrays of shapes (n,) and (n, m)
        The number of each row's query and items among all queries and items that matter; -1 for one that does not.
    lists : Blocking
    batches, capacity : int
        How many batches there are, and how many rows one holds.
    in_place : bool
        Each row near its place among all rows, and rows may move for others; else each to the first batch with room.

    Examples
    --------
    >>> queries, items = np.array([0, 1, -1], np.int32), np.array([[2], [2], [-1]], np.int32)  # two of the same item
    >>> lists = Blocking(np.array([0, 1, 1, 2, 2, 2, 2]), np.array([2, 2], np.int32), 0, 3)
    >>> deal_conflict_free(np.arange(3), queries, items, lists, 2, 2).tolist()
    [0, 1, 1]
    """
    dealt = np.full(queries.size, -1, dtype=np.int64)
    return _deal(order, queries, np.ascontiguousarray(items), lists, batches, capacity, in_place * batches, dealt)

"""Deal rows to batches so that no row of a batch has an item that is right for another row's query.

Two rows conflict if an item of one is a known positive of the other's query. Rows without a conflict among those given
are set aside; the others are dealt first, those of frequent queries and items before the rest, each to the first batch
from its own place on that is neither full nor blocked for it. For every query and item that matters, a row of bits says
which batches are blocked, so a row is placed by looking at bits alone. A row that finds none takes the place of
another that can move. The rows set aside fill what is left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["deal_conflict_free"]

Int64 = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.signedinteger[Any]]
ONE = np.uint64(1)
SIX_BITS = np.int64(63)
MOVERS = 4096


def _lowest(word: Any) -> Any:
    """The place of the lowest bit that is set in a uint64 above 0."""
    place = 0
    while not (word & np.uint64(0xFF)):
        word >>= np.uint64(8)
        place += 8
    while not (word & ONE):
        word >>= ONE
        place += 1
    return place


def _is_blocked(queries: Any, items: Any, blocked: Any, row: Any, batch: Any) -> Any:
    """Whether a batch holds a row that conflicts with this one."""
    word, bit = batch >> 6, np.uint64(batch & SIX_BITS)
    found = blocked[word, queries[row]] if queries[row] >= 0 else np.uint64(0)
    for place in range(items.shape[1]):
        if items[row, place] >= 0:
            found |= blocked[word, items[row, place]]
    return (found >> bit) & ONE != 0


def _first_open(queries: Any, items: Any, blocked: Any, full: Any, row: Any, target: Any) -> Any:
    """The first batch from the target on, and round, that is neither full nor blocked for the row; -1 for none."""
    words = full.size
    first = target >> 6
    for turn in range(words + 1):
        word = first + turn if first + turn < words else first + turn - words
        taken = full[word]
        if queries[row] >= 0:
            taken |= blocked[word, queries[row]]
        for place in range(items.shape[1]):
            if items[row, place] >= 0:
                taken |= blocked[word, items[row, place]]
        left = ~taken
        if turn == 0:
            left &= ~((ONE << np.uint64(target & SIX_BITS)) - ONE)
        if left:
            return (word << 6) + _lowest(left)
    return -1


def _block(queries: Any, items: Any, blocked: Any, offsets: Any, others: Any, row: Any, batch: Any) -> None:
    """Block a batch for every query and item that conflicts with the row."""
    word, bit = batch >> 6, ONE << np.uint64(batch & SIX_BITS)
    for place in range(-1, items.shape[1]):
        number = queries[row] if place < 0 else items[row, place]
        if number >= 0:
            for other in range(offsets[number], offsets[number + 1]):
                blocked[word, others[other]] |= bit


def _deal_loop(
    order: Int64,
    queries: Numbers,
    items: Numbers,
    offsets: Int64,
    others: Numbers,
    batches: int,
    capacity: int,
    dealt: Int64,
) -> Int64:
    rows = queries.size
    words = (batches + 63) >> 6
    blocked = np.zeros((words, offsets.size - 1), np.uint64)
    full = np.zeros(words, np.uint64)
    if batches & 63:
        full[words - 1] = ~((ONE << np.uint64(batches & 63)) - ONE)
    sizes = np.zeros(batches, np.int64)
    for turn in range(order.size):
        row = order[turn]
        batch = _first_open(queries, items, blocked, full, row, row * batches // rows)
        dealt[row] = batch
        if batch >= 0:
            _block(queries, items, blocked, offsets, others, row, batch)
            sizes[batch] += 1
            if sizes[batch] == capacity:
                full[batch >> 6] |= ONE << np.uint64(batch & 63)
    # A row that found no room takes that of another, which moves to a batch with room.
    for turn in range(order.size):
        row = order[turn]
        if dealt[row] >= 0:
            continue
        for back in range(min(order.size, MOVERS)):
            mover = order[order.size - 1 - back]
            batch = dealt[mover]
            if batch < 0 or sizes[batch] < capacity or _is_blocked(queries, items, blocked, row, batch):
                continue
            to = _first_open(queries, items, blocked, full, mover, batch)
            if to < 0:
                continue
            # What the mover blocked where it was stays blocked: that may cost a chance, never a conflict.
            dealt[mover], dealt[row] = to, batch
            _block(queries, items, blocked, offsets, others, mover, to)
            _block(queries, items, blocked, offsets, others, row, batch)
            sizes[to] += 1
            if sizes[to] == capacity:
                full[to >> 6] |= ONE << np.uint64(to & 63)
            break
    return dealt


def _deal_plain(
    order: Int64,
    queries: Numbers,
    items: Numbers,
    offsets: Int64,
    others: Numbers,
    batches: int,
    capacity: int,
    dealt: Int64,
) -> Int64:
    numbers: list[list[int]] = [[number for number in (query, *own) if number >= 0]
               for query, own in zip(queries.tolist(), items.tolist(), strict=True)]  # fmt: skip
    every = (1 << batches) - 1
    blocked: list[int] = [0] * (offsets.size - 1)
    sizes: list[int] = [0] * batches
    full = 0

    def first_open(row: int, target: int) -> int:
        left: int = every & ~full
        for number in numbers[row]:
            left &= ~blocked[number]
        ahead = left >> target << target
        left = ahead or left
        return (left & -left).bit_length() - 1

    def is_blocked(row: int, batch: int) -> bool:
        return any(blocked[number] >> batch & 1 for number in numbers[row])

    def place(row: int, batch: int) -> None:
        dealt[row] = batch
        for number in numbers[row]:
            for other in others[offsets[number] : offsets[number + 1]].tolist():
                blocked[other] |= 1 << batch

    def count(batch: int) -> int:
        sizes[batch] += 1
        return full | (1 << batch) if sizes[batch] == capacity else full

    in_turn = order.tolist()
    for row in in_turn:
        dealt[row] = batch = first_open(row, row * batches // queries.size)
        if batch >= 0:
            place(row, batch)
            full = count(batch)
    for row in in_turn:
        if dealt[row] >= 0:
            continue
        for mover in in_turn[::-1][:MOVERS]:
            batch = int(dealt[mover])
            if batch < 0 or sizes[batch] < capacity or is_blocked(row, batch):
                continue
            to = first_open(mover, batch)
            if to >= 0:
                place(mover, to)
                place(row, batch)
                full = count(to)
                break
    return dealt


_deal = Kernel(_deal_loop, _deal_plain)


def deal_conflict_free(
    order: Int64, queries: Numbers, items: Numbers, lists: tuple[Int64, Numbers], batches: int, capacity: int
) -> Int64:
    """The batch of each row of ``order``; -1 for rows without one and rows not in it.

    Parameters
    ----------
    order : int64 array
        Which rows to deal, and in which turn.
    queries, items : int32 or int64 arrays of shapes (n,) and (n, m)
        The number of each row's query and items among all queries and items that matter; -1 for one that does not.
    lists : two arrays
        Offsets by number, and the numbers for which a batch is blocked that holds a row with this number.
    batches, capacity : int
        How many batches there are, and how many rows one holds.

    Examples
    --------
    >>> queries, items = np.array([0, 1, 2]), np.array([[3], [3], [4]])  # the first two have the same item
    >>> lists = np.array([0, 1, 2, 3, 4, 5]), np.array([3, 3, 4, 0, 2])
    >>> deal_conflict_free(np.arange(3), queries, items, lists, 2, 2).tolist()
    [0, 1, 1]
    """
    dealt = np.full(queries.size, -1, dtype=np.int64)
    return _deal(order, queries, np.ascontiguousarray(items), *lists, batches, capacity, dealt)

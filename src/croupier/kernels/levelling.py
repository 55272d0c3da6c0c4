"""Fill batches that have few rows with rows of others, so that no rows of a batch conflict."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.kernels.batch_bits import ONE, PlainBits, bits_read, block, first_open
from croupier.kernels.blocking import Blocking
from croupier.kernels.jit import Kernel

__all__ = ["fill_conflict_free"]

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
WORDS_PER_ROW = 64
"""So many words of bits are read in vain at most, for each row of all: few would be helped by more."""
WORDS_AT_LEAST = 2**16


def _fill_loop(
    order: Int64, queries: Int32, items: Int32, lists: Blocking, wanting: Int64, least: int, sizes: Int64, dealt: Int64
) -> Int64:
    ends, values, most_reads, count = lists
    words = (wanting.size + 63) >> 6
    bits = np.zeros((count, words), np.uint64)
    full = np.zeros(words, np.uint64)
    if wanting.size & 63:
        full[words - 1] = ~((ONE << np.uint64(wanting.size & 63)) - ONE)
    number_of = np.full(sizes.size, -1, np.int64)
    number_of[wanting] = np.arange(wanting.size)
    read = np.empty((1 + items.shape[1]) * (1 + most_reads), np.int64)
    for turn in range(order.size):
        row = order[turn]
        if dealt[row] >= 0 and number_of[dealt[row]] >= 0:
            block(queries, items, ends, values, bits, row, number_of[dealt[row]])
    left = wanting.size
    words_left = max(WORDS_AT_LEAST, WORDS_PER_ROW * order.size)
    for turn in range(order.size):
        row = order[order.size - 1 - turn]
        batch = dealt[row]
        if left == 0 or words_left < 0:
            break
        if batch < 0 or sizes[batch] <= least or number_of[batch] >= 0:
            continue
        read_count = bits_read(queries, items, ends, values, row, read)
        number = first_open(bits, full, read, read_count, np.int64(0))
        if number < 0:
            words_left -= words
            continue
        block(queries, items, ends, values, bits, row, number)
        dealt[row] = wanting[number]
        sizes[batch] -= 1
        sizes[wanting[number]] += 1
        if sizes[wanting[number]] == least:
            full[number >> 6] |= ONE << np.uint64(number & 63)
            left -= 1
    return dealt


def _fill_plain(
    order: Int64, queries: Int32, items: Int32, lists: Blocking, wanting: Int64, least: int, sizes: Int64, dealt: Int64
) -> Int64:
    number_of = {batch: number for number, batch in enumerate(wanting.tolist())}
    bits = PlainBits(queries, items, lists, wanting.size, least)
    bits.sizes = sizes[wanting].tolist()
    for row in order.tolist():
        if int(dealt[row]) in number_of:
            bits.place(row, number_of[int(dealt[row])])
    words_left = max(WORDS_AT_LEAST, WORDS_PER_ROW * order.size)
    for row in order[::-1].tolist():
        batch = int(dealt[row])
        if words_left < 0:
            break
        if batch < 0 or sizes[batch] <= least or batch in number_of:
            continue
        number = bits.first_open(row, 0)
        if number < 0:
            words_left -= wanting.size + 63 >> 6
            continue
        bits.place(row, number)
        bits.count(number)
        dealt[row] = wanting[number]
        sizes[batch] -= 1
        sizes[wanting[number]] += 1
    return dealt


_fill = Kernel(_fill_loop, _fill_plain)


def fill_conflict_free(
    order: Int64, queries: Int32, items: Int32, lists: Blocking, wanting: Int64, least: int, dealt: Int64
) -> Int64:
    """The batch of each row, where rows have moved to some batches that had too few; the last in turn move first.

    Parameters
    ----------
    order, queries, items, lists
        As in :func:`deal_conflict_free`.
    wanting : int64 array
        Batches of fewer than ``least`` rows.
    least : int
        They get no more; and no batch that gives rows is left with fewer.
    dealt : int64 array of shape (n,)
        The batch of each row, those not in ``order`` too.

    Examples
    --------
    >>> queries, items = np.array([0, 1, -1], np.int32), np.array([[2], [2], [-1]], np.int32)
    >>> lists = Blocking(np.array([0, 1, 1, 2, 2, 2, 2]), np.array([2, 2], np.int32), 0, 3)
    >>> fill_conflict_free(np.arange(3), queries, items, lists, np.array([2]), 1, np.array([0, 1, 1])).tolist()
    [0, 1, 2]
    """
    sizes = np.bincount(dealt, minlength=int(wanting.max(initial=-1)) + 1)
    return _fill(order, queries, np.ascontiguousarray(items), lists, wanting, least, sizes, dealt.copy())

"""Batches as bits: which are blocked for a row, which is the first that is open to it, and what a placed row blocks.

A row of bits for every query and item that matters (:class:`~croupier.kernels.blocking.Blocking`), 64 batches a word.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.blocking import Blocking

__all__ = ["ONE", "SIX_BITS", "PlainBits", "bits_read", "block", "first_open"]

Int32 = npt.NDArray[np.int32]
ONE = np.uint64(1)
SIX_BITS = np.int64(63)


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


def bits_read(queries: Any, items: Any, ends: Any, values: Any, row: Any, read: Any) -> Any:
    """Fill ``read`` with the bits that a row reads, and say how many they are."""
    count = 0
    for place in range(-1, items.shape[1]):
        number = queries[row] if place < 0 else items[row, place]
        if number >= 0:
            read[count] = number
            count += 1
            for other in range(ends[2 * number + 1], ends[2 * number + 2]):
                read[count] = values[other]
                count += 1
    return count


def first_open(bits: Any, full: Any, read: Any, count: Any, target: Any) -> Any:
    """The first batch from the target on, and round, that is neither full nor blocked; -1 for none."""
    words = full.size
    first = target >> 6
    for turn in range(words + 1):
        word = first + turn if first + turn < words else first + turn - words
        taken = full[word]
        for place in range(count):
            taken |= bits[read[place], word]
        left = ~taken
        if turn == 0:
            left &= ~((ONE << np.uint64(target & SIX_BITS)) - ONE)
        if left:
            return (word << 6) + _lowest(left)
    return -1


def block(queries: Any, items: Any, ends: Any, values: Any, bits: Any, row: Any, batch: Any) -> None:
    """Block a batch for every query and item that conflicts with the row."""
    word, bit = batch >> 6, ONE << np.uint64(batch & SIX_BITS)
    for place in range(-1, items.shape[1]):
        number = queries[row] if place < 0 else items[row, place]
        if number >= 0:
            for other in range(ends[2 * number], ends[2 * number + 1]):
                bits[values[other], word] |= bit


class PlainBits:
    """The twin's bits: an integer for each number, and one for the batches that are full."""

    def __init__(self, queries: Int32, items: Int32, lists: Blocking, batches: int, capacity: int) -> None:
        self.numbers: list[list[int]] = [[number for number in (query, *own) if number >= 0]
                        for query, own in zip(queries.tolist(), items.tolist(), strict=True)]  # fmt: skip
        self.lists, self.capacity = lists, capacity
        self.blocked: list[int] = [0] * lists.bits
        self.sizes: list[int] = [0] * batches
        self.every, self.full = (1 << batches) - 1, 0

    def taken(self, row: int) -> int:
        """The batches that hold a row that conflicts with this one."""
        taken = 0
        for number in self.numbers[row]:
            for bit in (number, *self.lists.reads(number)):
                taken |= self.blocked[bit]
        return taken

    def first_open(self, row: int, target: int) -> int:
        """As the function of this name."""
        left = self.every & ~self.full & ~self.taken(row)
        left = left >> target << target or left
        return (left & -left).bit_length() - 1

    def place(self, row: int, batch: int) -> None:
        """As :func:`block`."""
        for number in self.numbers[row]:
            for other in self.lists.sets(number):
                self.blocked[other] |= 1 << batch

    def count(self, batch: int) -> None:
        """One row more; at the capacity the batch is full."""
        self.sizes[batch] += 1
        self.full |= (self.sizes[batch] == self.capacity) << batch

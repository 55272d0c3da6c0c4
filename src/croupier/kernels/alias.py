"""Alias tables of many short lists at once: one read decides a weighted draw, whatever the weights are.

Vose, "A linear algorithm for generating random numbers with a given distribution" (1991), in integers. A list of d
weights becomes d slots of 2**32 units. A slot holds units of its own item up to its threshold, and of one partner
above; one word of 64 bits has the threshold in its upper half and the partner's place in its lower.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["SLOT_UNITS", "alias_words", "slot_of"]

Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]
Whole = npt.NDArray[np.signedinteger[Any]]

SLOT_UNITS = 2**32
_LOW32 = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def slot_of(word: Any, slot: Any, fraction: Any) -> Any:
    """The item that a slot's word gives at a fraction in [0, 2**32): a helper of kernels."""
    return slot if fraction < word >> _HALF else word & _LOW32


def _words_loop(offsets: Whole, weights: Int64, words: UInt64) -> UInt64:
    longest = np.int64(0)
    for row in range(offsets.size - 1):
        longest = max(longest, np.int64(offsets[row + 1] - offsets[row]))
    units, light, heavy = np.empty(longest, np.int64), np.empty(longest, np.int64), np.empty(longest, np.int64)
    for row in range(offsets.size - 1):
        begin = np.int64(offsets[row])
        length = np.int64(offsets[row + 1]) - begin
        if length == 0:
            continue
        total, given, heaviest = np.int64(0), np.int64(0), 0
        for j in range(length):
            total += weights[begin + j]
            if weights[begin + j] > weights[begin + heaviest]:
                heaviest = j
        for j in range(length):
            share = np.float64(weights[begin + j]) / np.float64(total)
            units[j] = max(np.int64(1), np.int64(share * np.float64(length * SLOT_UNITS)))
            given += units[j]
        units[heaviest] += length * SLOT_UNITS - given
        lights, heavies = 0, 0
        for j in range(length):
            if units[j] < SLOT_UNITS:
                light[lights] = j
                lights += 1
            else:
                heavy[heavies] = j
                heavies += 1
        while lights > 0 and heavies > 0:
            lights -= 1
            small, large = light[lights], heavy[heavies - 1]
            words[begin + small] = (np.uint64(units[small]) << _HALF) | np.uint64(large)
            units[large] -= SLOT_UNITS - units[small]
            if units[large] < SLOT_UNITS:
                heavies -= 1
                light[lights] = large
                lights += 1
        for j in range(heavies):
            words[begin + heavy[j]] = (_LOW32 << _HALF) | np.uint64(heavy[j])
    return words


_words = Kernel(_words_loop, _words_loop)


def alias_words(offsets: Whole, weights: Int64) -> UInt64:
    """The words of lists laid end to end, list ``r`` being ``offsets[r]`` to ``offsets[r + 1]``.

    Parameters
    ----------
    offsets : int32 or int64 array of shape (lists + 1,)
        No list above 2**30 items.
    weights : int64 array of shape (n,)
        All above 0, their sum in a list below 2**63.

    Guarantees: 8 bytes an item, one pass; an item's chance differs from its share by at most 2**-32 of the mean share,
    but for the heaviest of a list, which gets what rounding left; none becomes 0.

    Examples
    --------
    >>> words = alias_words(np.array([0, 2, 3]), np.array([1, 3, 5]))
    >>> [(int(word) >> 32, int(word) & 0xFFFFFFFF) for word in words]
    [(2147483648, 1), (4294967295, 1), (4294967295, 0)]
    """
    return _words(offsets, weights, np.empty(weights.size, np.uint64))

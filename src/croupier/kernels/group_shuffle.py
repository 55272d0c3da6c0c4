"""Walk through many groups of rows at once, pass after pass, each pass in an order of its own.

A pass over a group above ``STORED_GROUP`` rows is shuffled by ``permutation.permute``; over a smaller one by Fisher and
Yates (inside out: R. Durstenfeld, 1964) on hashed draws, so that every order of a tiny group can occur.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel
from croupier.kernels.mixing import GOLDEN, draws, mix64, mixed
from croupier.kernels.permutation import encrypted, permute, unpermute

__all__ = ["STORED_GROUP", "find_in_pass", "shuffle_passes"]

Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]

STORED_GROUP = 2**8
"""Part of the format: changing it reshuffles."""

_HALF = np.uint64(32)


def _hashed(key: Any, counter: Any) -> Any:
    return mixed(key + np.uint64(counter + 1) * GOLDEN)


# Draws are taken group by group, so that what a pass needs is made once: a counting sort there, and back again. Their
# ordinals are moved along, for to read them through the order of the sort would miss the cache at every draw.


def _shuffle_loop(groups: Int64, ordinals: Int64, sizes: Int64, keys: UInt64, first_passes: Int64) -> Int64:
    out = np.empty(groups.size, np.int64)
    ends = np.zeros(sizes.size, np.int64)
    for i in range(groups.size):
        ends[groups[i]] += 1
    total = 0
    for group in range(sizes.size):
        total, ends[group] = total + ends[group], total
    slots = np.empty(groups.size, np.int64)
    together = np.empty(groups.size, np.int64)
    for i in range(groups.size):
        slots[i] = ends[groups[i]]
        together[slots[i]] = ordinals[i]
        ends[groups[i]] += 1
    stored = np.empty(STORED_GROUP, np.int64)
    first, after = np.int64(0), np.int64(0)
    low_bits, high_bits = np.uint64(1), np.uint64(1)
    round_keys = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0))
    group, begin, size = -1, np.int64(0), np.int64(0)
    for j in range(together.size):
        ordinal = together[j]
        is_new = j == begin
        while j == begin:
            group += 1
            begin, size = ends[group], sizes[group]
        if is_new or ordinal < first or ordinal >= after:
            number = ordinal // size
            first, after = number * size, (number + 1) * size
            key = _hashed(keys[group], number + first_passes[group])
            if size <= STORED_GROUP:
                for k in range(size):
                    other = np.int64(((_hashed(key, k) >> _HALF) * np.uint64(k + 1)) >> _HALF)
                    stored[k] = stored[other]
                    stored[other] = k
            else:
                bits = 0
                while (size - 1) >> bits > 0:
                    bits += 1
                low_bits, high_bits = np.uint64(bits // 2), np.uint64(bits - bits // 2)
                round_keys = (
                    _hashed(key, 0), _hashed(key, 1), _hashed(key, 2), _hashed(key, 3), _hashed(key, 4), _hashed(key, 5)
                )  # fmt: skip
        if size <= STORED_GROUP:
            together[j] = stored[ordinal - first]
        else:
            x = encrypted(np.uint64(ordinal - first), low_bits, high_bits, round_keys)
            while x >= np.uint64(size):
                x = encrypted(x, low_bits, high_bits, round_keys)
            together[j] = np.int64(x)
    for i in range(groups.size):
        out[i] = together[slots[i]]
    return out


def _shuffle_numpy(groups: Int64, ordinals: Int64, sizes: Int64, keys: UInt64, first_passes: Int64) -> Int64:
    out = np.empty(groups.size, np.int64)
    passes, places = np.divmod(ordinals, sizes[groups])
    for here, group, number in _by_pass(groups, passes):
        size, key = int(sizes[group]), _pass_key(keys, group, number + int(first_passes[group]))
        out[here] = permute(places[here], size, key) if size > STORED_GROUP else _stored(size, key)[places[here]]
    return out


_shuffle = Kernel(_shuffle_loop, _shuffle_numpy)


def _by_pass(groups: Int64, passes: Int64) -> Iterator[tuple[Int64, int, int]]:
    """Where the values of each pass over a group stand, the group, and the pass."""
    order = np.lexsort((passes, groups))
    begins = (np.diff(groups[order]) != 0) | (np.diff(passes[order]) != 0)
    for here in np.split(order, np.flatnonzero(begins) + 1):
        if here.size:
            yield here, int(groups[here[0]]), int(passes[here[0]])


def _pass_key(keys: UInt64, group: int, number: int) -> int:
    with np.errstate(over="ignore"):
        return int(mix64(keys[group : group + 1] + np.uint64(number + 1) * GOLDEN)[0])


def _stored(size: int, key: int) -> Int64:
    bounds = np.arange(1, size + 1, dtype=np.uint64)
    others = ((draws(key, np.arange(size, dtype=np.int64)) >> _HALF) * bounds) >> _HALF
    stored = list(range(size))
    for place, other in enumerate(others.tolist()):
        stored[place] = stored[other]
        stored[other] = place
    return np.array(stored, dtype=np.int64)


def shuffle_passes(groups: Int64, ordinals: Int64, sizes: Int64, keys: UInt64, first_passes: Int64) -> Int64:
    """The row, within its group, that each draw of a group deals.

    Parameters
    ----------
    groups, ordinals : int64 arrays of shape (n,)
        The group of each draw, and how often that group was drawn before: pass ``ordinal // size``.
    sizes, first_passes : int64 arrays of shape (K,)
        Rows of each group, and the number of the pass that ordinal 0 begins.
    keys : uint64 array of shape (K,)
        The random stream of each group.

    Examples
    --------
    >>> keys, none = np.array([7, 8], np.uint64), np.zeros(2, np.int64)
    >>> rows = shuffle_passes(np.array([0, 1, 0, 0, 1]), np.array([0, 0, 1, 2, 1]), np.array([3, 2]), keys, none)
    >>> sorted(rows[[0, 2, 3]].tolist()), sorted(rows[[1, 4]].tolist())
    ([0, 1, 2], [0, 1])
    """
    return _shuffle(np.ascontiguousarray(groups), np.ascontiguousarray(ordinals), sizes, keys, first_passes)


def find_in_pass(rows: Int64, size: int, key: int, number: int) -> Int64:
    """Where in a pass over one group each of its rows comes: the inverse of :func:`shuffle_passes`."""
    pass_key = _pass_key(np.array([key], dtype=np.uint64), 0, number)
    if size > STORED_GROUP:
        return unpermute(rows, size, pass_key)
    return np.argsort(_stored(size, pass_key))[rows]

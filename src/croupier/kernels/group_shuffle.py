"""Shuffle many groups of rows at once, each by a permutation of its own.

Groups above ``STORED_GROUP`` rows are shuffled by ``permutation.permute``; smaller ones by Fisher and Yates (inside
out: R. Durstenfeld, 1964) on hashed draws, so that every order of a tiny group can occur.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel
from croupier.kernels.mixing import GOLDEN, draws, mixed
from croupier.kernels.permutation import encrypted, permute, unpermute

__all__ = ["STORED_GROUP", "shuffle_groups", "unshuffle_groups"]

Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]

STORED_GROUP = 2**8
"""Part of the format: changing it reshuffles."""

_HALF = np.uint64(32)


def _hashed(key: np.uint64, counter: int) -> np.uint64:
    return mixed(key + np.uint64(counter + 1) * GOLDEN)


def _shuffle_loop(places: Int64, sizes: Int64, keys: UInt64) -> Int64:
    out = np.empty(places.size, np.int64)
    stored = np.empty(STORED_GROUP, np.int64)
    last_size, last_key = np.int64(-1), np.uint64(0)
    low_bits, high_bits = np.uint64(1), np.uint64(1)
    round_keys = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0))
    for i in range(places.size):
        size, key = sizes[i], keys[i]
        is_stored = size <= STORED_GROUP
        if size != last_size or key != last_key:
            last_size, last_key = size, key
            if is_stored:
                for j in range(size):
                    other = np.int64(((_hashed(key, j) >> _HALF) * np.uint64(j + 1)) >> _HALF)
                    stored[j] = stored[other]
                    stored[other] = j
            else:
                bits = 0
                while (size - 1) >> bits > 0:
                    bits += 1
                low_bits, high_bits = np.uint64(bits // 2), np.uint64(bits - bits // 2)
                round_keys = (
                    _hashed(key, 0), _hashed(key, 1), _hashed(key, 2), _hashed(key, 3), _hashed(key, 4), _hashed(key, 5)
                )  # fmt: skip
        if is_stored:
            out[i] = stored[places[i]]
        else:
            x = encrypted(np.uint64(places[i]), low_bits, high_bits, round_keys)
            while x >= np.uint64(size):
                x = encrypted(x, low_bits, high_bits, round_keys)
            out[i] = np.int64(x)
    return out


def _shuffle_numpy(places: Int64, sizes: Int64, keys: UInt64) -> Int64:
    out = np.empty(places.size, np.int64)
    for here, size, key in _groups(sizes, keys):
        out[here] = permute(places[here], size, key) if size > STORED_GROUP else _stored(size, key)[places[here]]
    return out


_shuffle = Kernel(_shuffle_loop, _shuffle_numpy)


def _groups(sizes: Int64, keys: UInt64) -> Iterator[tuple[Int64, int, int]]:
    """Where each group's values stand, its size and its key."""
    if not keys.size:
        return
    order = np.lexsort((sizes, keys))
    first = np.flatnonzero(
        np.diff(keys[order], prepend=~keys[order[0]]) | np.diff(sizes[order], prepend=-1).astype(bool)
    )
    for here in np.split(order, first[1:]):
        yield here, int(sizes[here[0]]), int(keys[here[0]])


def _stored(size: int, key: int) -> Int64:
    bounds = np.arange(1, size + 1, dtype=np.uint64)
    others = ((draws(key, np.arange(size, dtype=np.int64)) >> _HALF) * bounds) >> _HALF
    stored = list(range(size))
    for place, other in enumerate(others.tolist()):
        stored[place] = stored[other]
        stored[other] = place
    return np.array(stored, dtype=np.int64)


def shuffle_groups(places: Int64, sizes: Int64, keys: UInt64) -> Int64:
    """Where each place of its group goes.

    Parameters
    ----------
    places : int64 array of shape (n,)
        Values in [0, size); callers check them.
    sizes : int64 array of shape (n,)
        Size of the group that each belongs to.
    keys : uint64 array of shape (n,)
        Key of that group. Fast where equal keys stand together.

    Examples
    --------
    >>> keys = np.repeat(np.array([7, 8], np.uint64), [3, 2])
    >>> shuffled = shuffle_groups(np.array([0, 1, 2, 0, 1]), np.array([3, 3, 3, 2, 2]), keys)
    >>> sorted(shuffled[:3].tolist()), sorted(shuffled[3:].tolist())
    ([0, 1, 2], [0, 1])
    """
    return _shuffle(np.ascontiguousarray(places), np.ascontiguousarray(sizes), np.ascontiguousarray(keys))


def unshuffle_groups(shuffled: Int64, sizes: Int64, keys: UInt64) -> Int64:
    """The inverse of :func:`shuffle_groups`, group by group."""
    out = np.empty(shuffled.size, np.int64)
    for here, size, key in _groups(sizes, keys):
        if size > STORED_GROUP:
            out[here] = unpermute(shuffled[here], size, key)
        else:
            out[here] = np.argsort(_stored(size, key))[shuffled[here]]
    return out

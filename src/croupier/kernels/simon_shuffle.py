"""The permutation of range(size) that grain computes, to the bit: any element, either way, without storing any.

A Feistel network with the round function of the Simon cipher (Beaulieu and others, "The SIMON and SPECK families of
lightweight block ciphers", 2013) on two words of equal width, with cycle walking; the round keys are what the C++
standard's ``seed_seq`` (section [rand.util.seedseq]) makes of one 32-bit seed.

The words being equally wide, a block may hold four times ``size``, and 2**16 values at least, so that a tiny size walks
far. Its width is that of size - 1, taken as a logarithm rounded up: where size - 1 is a power of four above 2**14 the
last position does not fit, is cut to position 0, and the last id never comes. That is grain's fault, kept on purpose.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["MAX_SIZE", "index_shuffle", "index_unshuffle", "round_keys"]

Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]

MAX_SIZE = 2**48
"""Beyond it grain's width depends on how a machine rounds a logarithm."""

_LEAST_BITS = 16
_MASK32 = 2**32 - 1
_ONE, _TWO, _EIGHT = np.uint64(1), np.uint64(2), np.uint64(8)


def block_bits(size: int) -> int:
    """Bits of the block: an even number, 16 at least; one too few where size - 1 is a power of four above 2**14."""
    bits = max(0, size - 2).bit_length()
    return max(_LEAST_BITS, bits + bits % 2)


def round_keys(seed: int, rounds: int) -> UInt64:
    """The keys of the rounds, 32 bits each: the words that ``std::seed_seq{seed}`` generates.

    Examples
    --------
    >>> round_keys(0, 4).tolist()
    [2963817213, 69796629, 1973464570, 532167439]
    """
    words = [0x8B8B8B8B] * rounds
    lag = next(lag for least, lag in ((623, 11), (68, 7), (39, 5), (7, 3), (0, (rounds - 1) // 2)) if rounds >= least)
    first, second = (rounds - lag) // 2, (rounds - lag) // 2 + lag
    for k in range(rounds):
        near, far = (k + first) % rounds, (k + second) % rounds
        spread = _spread(words[k] ^ words[near] ^ words[k - 1], 1664525)
        added = (spread + max(k, 1) + (seed if k == 1 else 0)) & _MASK32
        words[near] = (words[near] + spread) & _MASK32
        words[far] = (words[far] + added) & _MASK32
        words[k] = added
    for k in range(rounds):
        near, far = (k + first) % rounds, (k + second) % rounds
        spread = _spread((words[k] + words[near] + words[k - 1]) & _MASK32, 1566083941)
        taken = (spread - k) & _MASK32
        words[near] ^= spread
        words[far] ^= taken
        words[k] = taken
    return np.array(words, dtype=np.uint64)


def _spread(word: int, factor: int) -> int:
    return ((word ^ (word >> 27)) * factor) & _MASK32


# These three take a number in the loops, which Numba compiles, and an array in the twins.


def _turned(word: Any, width: np.uint64, mask: np.uint64) -> Any:
    by_one = ((word << _ONE) | (word >> (width - _ONE))) & mask
    by_two = ((word << _TWO) | (word >> (width - _TWO))) & mask
    by_eight = ((word << _EIGHT) | (word >> (width - _EIGHT))) & mask
    return (by_one & by_eight) ^ by_two


def _encrypted(x: Any, width: np.uint64, mask: np.uint64, keys: UInt64) -> Any:
    left, right = (x >> width) & mask, x & mask
    for q in range(0, keys.size, 2):
        left = left ^ _turned(right, width, mask) ^ keys[q]
        right = right ^ _turned(left, width, mask) ^ keys[q + 1]
    return (left << width) | right


def _decrypted(x: Any, width: np.uint64, mask: np.uint64, keys: UInt64) -> Any:
    left, right = (x >> width) & mask, x & mask
    for q in range(keys.size - 2, -1, -2):
        right = right ^ _turned(left, width, mask) ^ keys[q + 1]
        left = left ^ _turned(right, width, mask) ^ keys[q]
    return (left << width) | right


def _shuffle_loop(positions: Int64, size: int, width: np.uint64, keys: UInt64) -> Int64:
    out = np.empty(positions.size, np.int64)
    mask, limit = (_ONE << width) - _ONE, np.uint64(size)
    for i in range(positions.size):
        x = _encrypted(np.uint64(positions[i]), width, mask, keys)
        while x >= limit:
            x = _encrypted(x, width, mask, keys)
        out[i] = np.int64(x)
    return out


def _unshuffle_loop(ids: Int64, size: int, width: np.uint64, keys: UInt64) -> Int64:
    out = np.empty(ids.size, np.int64)
    mask, limit = (_ONE << width) - _ONE, np.uint64(size)
    for i in range(ids.size):
        x = _decrypted(np.uint64(ids[i]), width, mask, keys)
        while x >= limit:
            x = _decrypted(x, width, mask, keys)
        out[i] = np.int64(x)
    return out


def _walk(values: Int64, size: int, width: np.uint64, keys: UInt64, evaluate: Any) -> Int64:
    mask = (_ONE << width) - _ONE
    if 2 * int(width) == _LEAST_BITS:
        # A walk through a tiny size may be as long as the block, so all walks are taken together, each time doubled.
        block = np.arange(2**_LEAST_BITS, dtype=np.uint64)
        after = evaluate(block, width, mask, keys).astype(np.int64)
        ends = np.where(block < size, block.astype(np.int64), after)
        for _ in range(_LEAST_BITS):
            ends = ends[ends]
        return ends[after[values % block.size]]  # a position that does not fit is cut, as by the masks
    x = evaluate(values.astype(np.uint64), width, mask, keys)
    todo = np.flatnonzero(x >= size)
    while todo.size:
        x[todo] = evaluate(x[todo], width, mask, keys)
        todo = todo[x[todo] >= size]
    return x.astype(np.int64)


def _shuffle_numpy(positions: Int64, size: int, width: np.uint64, keys: UInt64) -> Int64:
    return _walk(positions, size, width, keys, _encrypted)


def _unshuffle_numpy(ids: Int64, size: int, width: np.uint64, keys: UInt64) -> Int64:
    return _walk(ids, size, width, keys, _decrypted)


_shuffle = Kernel(_shuffle_loop, _shuffle_numpy)
_unshuffle = Kernel(_unshuffle_loop, _unshuffle_numpy)


def index_shuffle(positions: Int64, size: int, seed: int, rounds: int) -> Int64:
    """The id at each position.

    Parameters
    ----------
    positions : int64 array of shape (n,)
        Values in [0, size); callers check them.
    size : int
        1 to ``MAX_SIZE``.
    seed : int
        32 bits.
    rounds : int
        An even number, 4 to 1024.

    Examples
    --------
    >>> index_shuffle(np.arange(5), 5, seed=0, rounds=4).tolist()
    [0, 4, 1, 2, 3]
    """
    if size == 1:
        return np.zeros_like(positions)
    return _shuffle(np.ascontiguousarray(positions), size, *_words(size, seed, rounds))


def index_unshuffle(ids: Int64, size: int, seed: int, rounds: int) -> Int64:
    """The position at which each id comes first, or -1 for the one that may not come.

    Examples
    --------
    >>> index_unshuffle(np.array([0, 4, 1, 2, 3]), 5, seed=0, rounds=4).tolist()
    [0, 1, 2, 3, 4]
    """
    if size == 1:
        return np.zeros_like(ids)
    last = (1 << block_bits(size)) - 1
    positions = _unshuffle(np.ascontiguousarray(np.minimum(ids, last)), size, *_words(size, seed, rounds))
    return np.where(ids <= last, positions, -1)


def _words(size: int, seed: int, rounds: int) -> tuple[np.uint64, UInt64]:
    width = np.uint64(block_bits(size) // 2)
    return width, round_keys(seed, rounds) & ((_ONE << width) - _ONE)

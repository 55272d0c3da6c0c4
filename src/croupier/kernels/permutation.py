"""A computed permutation of range(size): any element, either way, without storing any.

An alternating Feistel network on the smallest power of two that holds ``size``, with cycle walking
(Black, Rogaway, "Ciphers with arbitrary finite domains", 2002): an output at or above ``size`` is fed in again.
The two halves may differ by one bit, so the block is below twice ``size`` and the walk below two evaluations.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel
from croupier.kernels.mixing import hash64

__all__ = ["HALF_ROUNDS", "encrypted", "permute", "round_keys", "unpermute"]

Int64 = npt.NDArray[np.int64]
Keys = tuple[np.uint64, ...]

HALF_ROUNDS = 6
_C1 = 0xD6E8FEB86659FD93
_C2 = 0xA0761D6478BD642F


def round_keys(key: int) -> Keys:
    """The keys of the half rounds, derived from one 64-bit key."""
    return tuple(np.uint64(hash64(key, q)) for q in range(HALF_ROUNDS))


def block_bits(size: int) -> int:
    """Bits of the Feistel block: the smallest power of two that holds ``size``, at least four elements."""
    return max(2, (size - 1).bit_length())


def _round(half: np.uint64, key: np.uint64) -> np.uint64:
    z = (half ^ key) * np.uint64(_C1)
    z ^= z >> np.uint64(32)
    return z * np.uint64(_C2)


def encrypted(x: np.uint64, low_bits: np.uint64, high_bits: np.uint64, keys: Keys) -> np.uint64:
    """One block through the network, before cycle walking: a helper of kernels."""
    to_low, to_high = np.uint64(64) - low_bits, np.uint64(64) - high_bits
    high = x >> low_bits
    low = x ^ (high << low_bits)
    low ^= _round(high, keys[0]) >> to_low
    high ^= _round(low, keys[1]) >> to_high
    low ^= _round(high, keys[2]) >> to_low
    high ^= _round(low, keys[3]) >> to_high
    low ^= _round(high, keys[4]) >> to_low
    high ^= _round(low, keys[5]) >> to_high
    return (high << low_bits) | low


def decrypted(x: np.uint64, low_bits: np.uint64, high_bits: np.uint64, keys: Keys) -> np.uint64:
    to_low, to_high = np.uint64(64) - low_bits, np.uint64(64) - high_bits
    high = x >> low_bits
    low = x ^ (high << low_bits)
    high ^= _round(low, keys[5]) >> to_high
    low ^= _round(high, keys[4]) >> to_low
    high ^= _round(low, keys[3]) >> to_high
    low ^= _round(high, keys[2]) >> to_low
    high ^= _round(low, keys[1]) >> to_high
    low ^= _round(high, keys[0]) >> to_low
    return (high << low_bits) | low


# The first evaluation of all values has no branch, so it runs on vectors; few values need the second loop. The keys are
# a tuple, not an array, for the same reason: the compiler then knows that writing the result cannot change them.


def _permute_loop(positions: Int64, size: int, bits: int, keys: Keys) -> Int64:
    low_bits, high_bits, limit = np.uint64(bits // 2), np.uint64(bits - bits // 2), np.uint64(size)
    out = np.empty(positions.size, dtype=np.int64)
    for i in range(positions.size):
        out[i] = np.int64(encrypted(np.uint64(positions[i]), low_bits, high_bits, keys))
    for i in range(positions.size):
        x = np.uint64(out[i])
        while x >= limit:
            x = encrypted(x, low_bits, high_bits, keys)
        out[i] = np.int64(x)
    return out


def _unpermute_loop(ids: Int64, size: int, bits: int, keys: Keys) -> Int64:
    low_bits, high_bits, limit = np.uint64(bits // 2), np.uint64(bits - bits // 2), np.uint64(size)
    out = np.empty(ids.size, dtype=np.int64)
    for i in range(ids.size):
        out[i] = np.int64(decrypted(np.uint64(ids[i]), low_bits, high_bits, keys))
    for i in range(ids.size):
        x = np.uint64(out[i])
        while x >= limit:
            x = decrypted(x, low_bits, high_bits, keys)
        out[i] = np.int64(x)
    return out


def _walk(values: Int64, size: int, bits: int, keys: Keys, *, forward: bool) -> Int64:
    low_bits = bits // 2
    low_mask, low_shift = np.uint64((1 << low_bits) - 1), np.uint64(low_bits)
    shifts = (np.uint64(64 - low_bits), np.uint64(64 - (bits - low_bits)))
    x = values.astype(np.uint64)
    todo = np.arange(values.size)
    with np.errstate(over="ignore"):
        while todo.size:
            halves = [x[todo] & low_mask, x[todo] >> low_shift]
            for q in range(HALF_ROUNDS) if forward else reversed(range(HALF_ROUNDS)):
                z = (halves[1 - q % 2] ^ keys[q]) * np.uint64(_C1)
                z ^= z >> np.uint64(32)
                halves[q % 2] ^= (z * np.uint64(_C2)) >> shifts[q % 2]
            x[todo] = (halves[1] << low_shift) | halves[0]
            todo = todo[x[todo] >= size]
    return x.astype(np.int64)


def _permute_numpy(positions: Int64, size: int, bits: int, keys: Keys) -> Int64:
    return _walk(positions, size, bits, keys, forward=True)


def _unpermute_numpy(ids: Int64, size: int, bits: int, keys: Keys) -> Int64:
    return _walk(ids, size, bits, keys, forward=False)


_permute = Kernel(_permute_loop, _permute_numpy)
_unpermute = Kernel(_unpermute_loop, _unpermute_numpy)


def permute(positions: Int64, size: int, key: int) -> Int64:
    """Where each position of range(size) goes.

    Parameters
    ----------
    positions : int64 array of shape (n,)
        Values in [0, size); others loop for ever, so callers check them.
    size : int
        1 to 2**62.
    key : int
        64 bits; each key is another permutation.

    Examples
    --------
    >>> sorted(permute(np.arange(5), 5, key=3).tolist())
    [0, 1, 2, 3, 4]
    """
    return _permute(np.ascontiguousarray(positions), size, block_bits(size), round_keys(key))


def unpermute(ids: Int64, size: int, key: int) -> Int64:
    """The inverse of :func:`permute`: the position at which each id comes.

    Examples
    --------
    >>> unpermute(permute(np.arange(5), 5, key=3), 5, key=3).tolist()
    [0, 1, 2, 3, 4]
    """
    return _unpermute(np.ascontiguousarray(ids), size, block_bits(size), round_keys(key))

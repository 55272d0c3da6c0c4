"""Counter-based randomness: hash a key and a counter to 64 bits, the same on every platform.

The finaliser is splitmix64's (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["GOLDEN", "MASK64", "below", "draws", "draws_below", "hash64", "mix64", "mixed"]

UInt64 = npt.NDArray[np.uint64]
Int64 = npt.NDArray[np.int64]

MASK64 = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_M1 = 0xBF58476D1CE4E5B9
_M2 = 0x94D049BB133111EB
GOLDEN = np.uint64(_GOLDEN)
_FIRST = np.uint64(_M1)
_SECOND = np.uint64(_M2)
_LOW32 = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def hash64(key: int, counter: int) -> int:
    """Hash one counter under one key, both Python ints, to a Python int below 2**64."""
    z = (key + (counter + 1) * _GOLDEN) & MASK64
    z = ((z ^ (z >> 30)) * _M1) & MASK64
    z = ((z ^ (z >> 27)) * _M2) & MASK64
    return z ^ (z >> 31)


def mix64(values: UInt64) -> UInt64:
    """Apply the finaliser to each element of a uint64 array."""
    z = values.copy()
    z ^= z >> np.uint64(30)
    z *= np.uint64(_M1)
    z ^= z >> np.uint64(27)
    z *= np.uint64(_M2)
    z ^= z >> np.uint64(31)
    return z


def mixed(bits: Any) -> Any:
    """The finaliser for one number, in the subset of Python that Numba compiles: a helper of kernels.

    ``mixed(key + (counter + 1) * GOLDEN)`` is ``hash64(key, counter)``.
    """
    z = bits ^ (bits >> np.uint64(30))
    z = z * _FIRST
    z = z ^ (z >> np.uint64(27))
    z = z * _SECOND
    return z ^ (z >> np.uint64(31))


def below(bits: Any, bound: Any) -> Any:
    """The high half of the 128-bit product of two uint64 numbers: a helper of kernels, as ``draws_below`` has it."""
    low_product = (bits & _LOW32) * (bound & _LOW32)
    cross = (bits >> _HALF) * (bound & _LOW32) + (low_product >> _HALF)
    other = (bits & _LOW32) * (bound >> _HALF) + (cross & _LOW32)
    return (bits >> _HALF) * (bound >> _HALF) + (cross >> _HALF) + (other >> _HALF)


def draws(key: int, counters: Int64) -> UInt64:
    """64 random bits for each counter, the same on every platform: for stages of your own.

    Parameters
    ----------
    key : int
        The stream: ``context.epoch_key.bits``, say.
    counters : int64 array of shape (n,)
        What each draw belongs to: positions, ids.

    Returns
    -------
    uint64 array of shape (n,)
        ``draws(k, c)[i] == hash64(k, c[i])``; in [0, 1) as ``(bits >> 11) / 2.0**53``.

    Examples
    --------
    >>> int(draws(7, np.array([0, 1]))[1]) == hash64(7, 1)
    True
    """
    with np.errstate(over="ignore"):
        counted = (counters.astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)
        return mix64(counted + np.uint64(key))


def draws_below(key: int, counters: Int64, bounds: Int64) -> Int64:
    """One integer in [0, bound) for each counter, by the high half of a 128-bit product.

    The bias of a value is below bound / 2**64 (Lemire, "Fast random integer generation in an interval", 2019).
    """
    with np.errstate(over="ignore"):
        return below(draws(key, counters), bounds.astype(np.uint64)).astype(np.int64)

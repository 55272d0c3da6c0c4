"""Half-precision numbers as bits, rounded to the nearest or by a spare draw: integers alone, the same everywhere.

A mean that moves by less than half of the last place would stand still for ever if it were rounded to the nearest. With
a draw u of 13 bits, rounding up where the 13 bits that are cut off exceed it, the mean of what is stored is what was to
be stored: Gupta et al., "Deep learning with limited numerical precision" (2015), section 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["LARGEST_HALF", "NEAREST", "SPARE_BITS", "half_bits", "half_bits_of", "half_value", "half_values"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

LARGEST_HALF = 65504.0
"""Larger numbers are stored as it."""
SPARE_BITS = 13
"""How many more bits a float32 has after the point."""
NEAREST = -1
"""In place of a draw: round to the nearest, ties to even."""
_SIGN = 0x8000
_TOP = 0x7BFF
_SMALLEST_NORMAL = 2.0**-14
_BIAS = 112 << 23  # of a float32's exponent over a half's, in its bits


def half_value(bits: Any) -> Any:
    """The number that 16 bits, as an integer, stand for: a helper of kernels."""
    whole = bits & 0x7FFF
    if whole < 0x400:
        value = np.float64(whole) * 2.0**-24
    else:
        value = np.float64(np.uint32((whole << 13) + _BIAS).view(np.float32))
    return -value if bits & _SIGN else value


def half_bits(value: Any, spare: Any) -> Any:
    """The 16 bits of a finite number, rounded by ``spare`` in [0, 2**13) or to the NEAREST: a helper of kernels."""
    size = min(abs(value), LARGEST_HALF)
    # In units of which 2**13 make one of the last place, whether that is of a normal number or not.
    fine = np.int64(size * 2.0**37) if size < _SMALLEST_NORMAL else np.int64(np.float32(size).view(np.uint32)) - _BIAS
    up = 0xFFF + ((fine >> 13) & 1) if spare < 0 else spare
    bits = min((fine + up) >> 13, _TOP)
    return bits | _SIGN if value < 0 else bits


def half_values(bits: Int64) -> Float64:
    """:func:`half_value` of an array.

    Examples
    --------
    >>> half_values(np.array([0x3C00, 0xC000, 1])).tolist()
    [1.0, -2.0, 5.960464477539063e-08]
    """
    return bits.astype(np.uint16).view(np.float16).astype(np.float64)


def half_bits_of(values: Float64, spare: Int64 | int) -> Int64:
    """:func:`half_bits` of an array.

    Examples
    --------
    >>> [hex(bits) for bits in half_bits_of(np.array([1.0, -2.0, 1e9]), NEAREST)]
    ['0x3c00', '0xc000', '0x7bff']
    """
    size = np.minimum(np.abs(values), LARGEST_HALF)
    tiny = (np.minimum(size, 1.0) * 2.0**37).astype(np.int64)
    fine = np.where(size < _SMALLEST_NORMAL, tiny, size.astype(np.float32).view(np.uint32).astype(np.int64) - _BIAS)
    up = np.where(np.asarray(spare) < 0, 0xFFF + ((fine >> 13) & 1), spare)
    bits = np.minimum((fine + up) >> 13, _TOP)
    return np.where(values < 0, bits | _SIGN, bits)

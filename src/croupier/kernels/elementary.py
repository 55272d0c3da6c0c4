"""Logarithm and exponential from additions, products and quotients alone: the same bits on every platform.

A C library's ``log`` may differ from another's in the last bit. Where a draw hangs on such a value, that is another
order of examples. IEEE 754 fixes the four operations exactly, so what is made of them is fixed too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["LN2", "exponential", "log_of_mantissa", "natural_log", "power"]

Float64 = npt.NDArray[np.float64]

LN2 = 0.6931471805599453
_LN2_HIGH = 0.693147180369123816490  # with zeros at its end: its products with whole numbers below 2**20 are exact
_LN2_LOW = 1.90821492927058770002e-10
_SQRT_HALF = 0.7071067811865476


def log_of_mantissa(mantissa: float) -> float:
    """The logarithm of a value in [sqrt(1/2), sqrt(2)): a helper of kernels, for arrays too.

    ``2 artanh(s)`` with s = (m - 1) / (m + 1): its series to s**21, an error below 1e-17.
    """
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    tail = z * (1 / 13 + z * (1 / 15 + z * (1 / 17 + z * (1 / 19 + z * (1 / 21)))))
    series = z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + tail)))))
    return 2.0 * s + 2.0 * s * series


def natural_log(values: npt.ArrayLike) -> Float64:
    """The natural logarithm of positive values, within two units in the last place.

    Examples
    --------
    >>> natural_log([1.0, 2.0]).tolist()
    [0.0, 0.6931471805599453]
    """
    mantissa, exponent = np.frexp(np.asarray(values, dtype=np.float64))
    below = mantissa < _SQRT_HALF
    mantissa = np.where(below, mantissa * 2.0, mantissa)
    exponent = exponent - below
    logs: Float64 = log_of_mantissa(mantissa)  # type: ignore[arg-type, assignment]  # arithmetic, so arrays will do
    return exponent * _LN2_HIGH + (exponent * _LN2_LOW + logs)


def exponential(values: npt.ArrayLike) -> Float64:
    """E to these values, within two units in the last place; 0 below -745.

    Examples
    --------
    >>> exponential([0.0, 1.0, -1000.0]).round(12).tolist()
    [1.0, 2.718281828459, 0.0]
    """
    x = np.maximum(np.asarray(values, dtype=np.float64), -800.0)
    twos = np.rint(x / LN2)
    rest = (x - twos * _LN2_HIGH) - twos * _LN2_LOW
    series = np.ones_like(rest)
    for divisor in range(14, 0, -1):
        series = 1.0 + rest * series / divisor
    return np.ldexp(series, twos.astype(np.int64))


def power(values: npt.ArrayLike, exponent: float) -> Float64:
    """Values of 0 or more to a power; 0 stays 0.

    Examples
    --------
    >>> power([0, 1, 100], 0.5).round(12).tolist()
    [0.0, 1.0, 10.0]
    """
    base = np.asarray(values, dtype=np.float64)
    if exponent == 1.0:
        return base
    return np.where(base > 0, exponential(natural_log(np.where(base > 0, base, 1.0)) * exponent), 0.0)

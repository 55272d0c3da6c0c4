"""Let every row run a race against the clock: an exponential arrival time at the rate of its weight.

The first k to arrive are a weighted sample without replacement: Efraimidis and Spirakis, "Weighted random sampling with
a reservoir" (2006).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from croupier.kernels.elementary import LN2, log_of_mantissa
from croupier.kernels.jit import Kernel
from croupier.kernels.mixing import GOLDEN, draws, mixed

__all__ = ["arrival_times"]

Float64 = npt.NDArray[np.float64]

_SQRT_HALF = 0.7071067811865476
_UNIT = 2.0**-52


def _arrivals_loop(key: np.uint64, first_row: int, weights: Float64) -> Float64:
    times = np.empty(weights.size, np.float64)
    for i in range(weights.size):
        if weights[i] > 0.0:
            bits = mixed(key + np.uint64(first_row + i + 1) * GOLDEN)
            mantissa, exponent = math.frexp((np.float64(bits >> np.uint64(12)) + 0.5) * _UNIT)
            if mantissa < _SQRT_HALF:
                mantissa *= 2.0
                exponent -= 1
            times[i] = -(exponent * LN2 + log_of_mantissa(mantissa)) / weights[i]
        else:
            times[i] = np.inf
    return times


def _arrivals_numpy(key: np.uint64, first_row: int, weights: Float64) -> Float64:
    bits = draws(int(key), np.arange(first_row, first_row + weights.size, dtype=np.int64))
    mantissa, exponent = np.frexp(((bits >> np.uint64(12)).astype(np.float64) + 0.5) * _UNIT)
    below = mantissa < _SQRT_HALF
    mantissa = np.where(below, mantissa * 2.0, mantissa)
    logs: Float64 = log_of_mantissa(mantissa)  # type: ignore[arg-type, assignment]  # arithmetic, so arrays will do
    times = np.full(weights.size, np.inf)
    with np.errstate(over="ignore"):
        np.divide(-((exponent - below) * LN2 + logs), weights, out=times, where=weights > 0.0)
    return times


_arrivals = Kernel(_arrivals_loop, _arrivals_numpy)


def arrival_times(key: int, first_row: int, weights: Float64) -> Float64:
    """Arrival times of consecutive rows: exponential, of rate ``weights``; infinite for a weight of 0.

    Examples
    --------
    >>> times = arrival_times(7, 0, np.array([1.0, 0.0, 1e9]))
    >>> int(np.argmin(times)), times[1].item()
    (2, inf)
    """
    return _arrivals(np.uint64(key), first_row, np.ascontiguousarray(weights))

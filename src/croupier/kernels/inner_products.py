"""Inner products that are the same whoever computes them: float64 sums in one order, rounded to float32 once.

A matrix product of BLAS differs in its last bits with the size of the matrix, the number of threads and the machine.
What is compared, stored or promised to be equal is therefore summed here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["inner_product", "inner_products"]

Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]

TWIN_NUMBERS = 2**20


def inner_product(left: Any, row: Any, right: Any, other: Any, sums: Any) -> Any:
    """The inner product of a row of one float32 matrix and a row of another: a helper of kernels.

    ``sums`` is room for a row of float64.

    Products of float32 numbers are exact in float64. They are folded in halves, down to eight that are added in turn:
    an order that is fixed, and that a processor can follow many numbers at a time.
    """
    count = (left.shape[1] + 1) // 2
    one, two = left[row], right[other]
    first, second = one[:count], one[count:]
    other_first, other_second = two[:count], two[count:]
    for at in range(first.size):
        sums[at] = np.float64(first[at]) * np.float64(other_first[at])
    for at in range(second.size):
        sums[at] += np.float64(second[at]) * np.float64(other_second[at])
    while count > 8:
        half = (count + 1) // 2
        low, high = sums[:half], sums[half:count]
        for at in range(high.size):
            low[at] += high[at]
        count = half
    total = 0.0
    for at in range(count):
        total += sums[at]
    return np.float32(total)


def _pairs_loop(left: Float32, rows: Int64, right: Float32, others: Int64) -> Float32:
    found = np.empty(rows.size, np.float32)
    sums = np.empty(left.shape[1], np.float64)
    for pair in range(rows.size):
        found[pair] = inner_product(left, rows[pair], right, others[pair], sums)
    return found


def _pairs_numpy(left: Float32, rows: Int64, right: Float32, others: Int64) -> Float32:
    found = np.empty(rows.size, np.float32)
    at_once = max(1, TWIN_NUMBERS // left.shape[1])
    for begin in range(0, rows.size, at_once):
        some = slice(begin, begin + at_once)
        sums = np.multiply(left[rows[some]], right[others[some]], dtype=np.float64)
        count, is_first = left.shape[1], True
        while count > 8 or is_first:
            half, is_first = (count + 1) // 2, False
            sums[:, : count - half] += sums[:, half:count]
            count = half
        # Running sums add in turn, where np.sum would add in pairs.
        found[some] = np.add.accumulate(sums[:, :count], axis=1)[:, -1]
    return found


_pairs = Kernel(_pairs_loop, _pairs_numpy)


def inner_products(left: Float32, rows: Int64, right: Float32, others: Int64) -> Float32:
    """The inner product of row ``rows[i]`` of one matrix with row ``others[i]`` of another.

    Parameters
    ----------
    left, right : float32 arrays of shape (n, d), (m, d)
        Finite; in C order.
    rows, others : int64 arrays of shape (pairs,)

    Returns
    -------
    float32 array of shape (pairs,)
        The nearest float32 number to the true product, but where that lies within d * 2**-52 of the middle of two.

    Examples
    --------
    >>> vectors = np.array([[1, 0], [3, 4]], np.float32)
    >>> inner_products(vectors, np.array([0, 1]), vectors, np.array([1, 1])).tolist()
    [3.0, 25.0]
    """
    return _pairs(left, rows, right, others)

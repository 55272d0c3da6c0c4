"""Bucket bounds with the least padding there is: an exact dynamic programme over the distinct lengths.

Lengths x_1 < ... < x_m with counts; a bucket over (j, i] pads all of them to x_i. What every bucketing shares is the
sum of the lengths, so it is enough to minimise D_k(i) = min_j D_{k-1}(j) + x_i * (C_i - C_j), C the running count.
The cost obeys the quadrangle inequality, so the best j does not decrease with i and divide and conquer finds all of a
row in O(m log m).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["optimal_bounds"]

Int64 = npt.NDArray[np.int64]


def _splits_loop(lengths: Int64, running: Int64, buckets: int) -> Int64:
    m = lengths.size
    before = lengths * running[1:]
    splits = np.zeros((buckets, m), dtype=np.int64)
    stack = np.empty((4 * 64, 4), dtype=np.int64)
    for k in range(1, buckets):
        row = np.empty(m, dtype=np.int64)
        stack[0] = np.array([0, m, 0, m], dtype=np.int64)
        depth = 1
        while depth:
            depth -= 1
            low, high, first, last = stack[depth]
            middle = (low + high) // 2
            best, best_j = lengths[middle] * running[middle + 1], 0
            for j in range(max(first, 1), min(last, middle) + 1):
                cost = before[j - 1] + lengths[middle] * (running[middle + 1] - running[j])
                if cost < best:
                    best, best_j = cost, j
            row[middle] = best
            splits[k, middle] = best_j
            if middle > low:
                stack[depth] = np.array([low, middle, first, best_j], dtype=np.int64)
                depth += 1
            if middle + 1 < high:
                stack[depth] = np.array([middle + 1, high, best_j, last], dtype=np.int64)
                depth += 1
        before = row
    return splits


def _splits_numpy(lengths: Int64, running: Int64, buckets: int) -> Int64:
    m = lengths.size
    before = lengths * running[1:]
    splits = np.zeros((buckets, m), dtype=np.int64)
    for k in range(1, buckets):
        row = np.empty(m, dtype=np.int64)
        for i in range(m):
            costs = np.empty(i + 1, dtype=np.int64)
            costs[0] = lengths[i] * running[i + 1]
            costs[1:] = before[:i] + lengths[i] * (running[i + 1] - running[1 : i + 1])
            splits[k, i] = np.argmin(costs)
            row[i] = costs[splits[k, i]]
        before = row
    return splits


_splits = Kernel(_splits_loop, _splits_numpy)


def optimal_bounds(lengths: Int64, counts: Int64, buckets: int) -> Int64:
    """The upper bounds of at most ``buckets`` buckets that minimise padding to the bound.

    Parameters
    ----------
    lengths : int64 array of shape (m,)
        Distinct, ascending.
    counts : int64 array of shape (m,)
        How many examples have each length.
    buckets : int

    Returns
    -------
    int64 array of shape (at most buckets,)
        Ascending; the last is the longest length.

    Examples
    --------
    >>> optimal_bounds(np.array([1, 2, 10, 11]), np.array([5, 5, 5, 5]), 2).tolist()
    [2, 11]
    """
    wanted = min(buckets, lengths.size)
    running = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    splits = _splits(np.ascontiguousarray(lengths), running, wanted)
    bounds: list[int] = []
    end = lengths.size
    for k in reversed(range(wanted)):
        bounds.append(int(lengths[end - 1]))
        end = int(splits[k, end - 1])
        if end == 0:
            break
    return np.array(bounds[::-1], dtype=np.int64)

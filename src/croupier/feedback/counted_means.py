"""A running mean and how many values are in it, in one float32: the count is in the lowest bits.

Scores of learning stages are one float32 a row, and a mean in which later values weigh more cannot be carried on
without knowing how many values there were.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.stage import Observation

__all__ = ["MOST_COUNTED", "UNSEEN", "CountedMeans", "counted_means", "with_observed"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

UNSEEN = 0.0
"""The score of a row without a value."""
MOST_COUNTED = 255
"""Where the count stops: from then on a new value has the weight that the last one counted had, 2 / 256."""
_COUNT_BITS = np.uint32(MOST_COUNTED)
_HALF = np.uint32((MOST_COUNTED + 1) // 2)
_LEAST = np.float32(2.0**-100)
"""Means below it are kept as it: smaller ones could be flushed to 0, and the count with them."""
_MOST = 2.0**100


class CountedMeans(NamedTuple):
    """Means, float64 of shape (n,), and how many values are in each, int64 of shape (n,)."""

    means: Float64
    counts: Int64


def counted_means(scores: Float32) -> CountedMeans:
    """What the scores say: the mean of each row, 15 bits of it, and its count.

    Examples
    --------
    >>> seen = with_observed(np.zeros(3, np.float32), np.array([2, 0, 2]), np.array([1.0, 4.0, 4.0], np.float32))
    >>> seen.ids.tolist(), counted_means(seen.values)
    ([0, 2], CountedMeans(means=array([4., 3.]), counts=array([1, 2])))
    """
    bits = np.ascontiguousarray(scores, dtype=np.float32).view(np.uint32)
    counts = (bits & _COUNT_BITS).astype(np.int64)
    means = (bits & ~_COUNT_BITS).view(np.float32).astype(np.float64)
    means[counts == 0] = 0.0
    return CountedMeans(means, counts)


def with_observed(scores: Float32, indices: Int64, signal: Float32) -> Observation:
    """Carry on the mean in which the k-th value of a row weighs k, with new values >= 0 in the order they came.

    With M the mean of the first n - 1 values, the next is ``M + 2 / (n + 1) * (value - M)``: the sum of 1 to n is
    n (n + 1) / 2, of which the last value's share is 2 / (n + 1).

    Guarantees: values of 2**-100 to 2**100 are kept to a relative error of 2**-16 a step, which later steps shrink; the
    count is exact up to 255.
    """
    ids, row_of = np.unique(indices, return_inverse=True)
    means, counts = counted_means(scores[ids])
    in_turn = np.argsort(row_of, kind="stable")
    times = np.bincount(row_of, minlength=ids.size)
    first = np.cumsum(times) - times
    # The first value of every row, then the second of those that have one, and so on.
    for turn in range(int(times.max(initial=0))):
        rows = np.flatnonzero(times > turn)
        values = signal[in_turn[first[rows] + turn]].astype(np.float64)
        counts[rows] = np.minimum(counts[rows] + 1, MOST_COUNTED)
        means[rows] += 2.0 / (counts[rows] + 1) * (np.clip(values, 0.0, _MOST) - means[rows])
    bits = np.maximum(means.astype(np.float32), _LEAST).view(np.uint32)
    rounded = (bits + _HALF) & ~_COUNT_BITS
    return Observation(ids, (rounded | counts.astype(np.uint32)).view(np.float32))

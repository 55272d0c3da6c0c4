"""Sort windows of a run of keys, stably, without a comparison: counting sort on as many bits as the keys have."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["sort_windows"]

Int64 = npt.NDArray[np.int64]


def _sort_loop(keys: Int64, starts: Int64) -> Int64:
    total = keys.size
    source = np.arange(total)
    target = np.empty(total, dtype=np.int64)
    for w in range(starts.size - 1):
        begin, end = starts[w], starts[w + 1]
        largest = 0
        for i in range(begin, end):
            largest = max(largest, keys[i])
        bits = 1
        while largest >> bits:
            bits += 1
        # One pass while the counters stay in the first cache, else passes of eleven bits.
        digit = bits if bits <= 13 else 11
        mask = (1 << digit) - 1
        counts = np.empty((1 << digit) + 1, dtype=np.int64)
        shift = 0
        while shift < bits:
            counts[:] = 0
            for i in range(begin, end):
                counts[((keys[source[i]] >> shift) & mask) + 1] += 1
            for d in range(1 << digit):
                counts[d + 1] += counts[d]
            for i in range(begin, end):
                d = (keys[source[i]] >> shift) & mask
                target[begin + counts[d]] = source[i]
                counts[d] += 1
            for i in range(begin, end):
                source[i] = target[i]
            shift += digit
        if w % 2:
            for i in range((end - begin) // 2):
                source[begin + i], source[end - 1 - i] = source[end - 1 - i], source[begin + i]
    return source


def _sort_numpy(keys: Int64, starts: Int64) -> Int64:
    rows = np.empty(keys.size, dtype=np.int64)
    for w in range(starts.size - 1):
        begin, end = starts[w], starts[w + 1]
        order = begin + np.argsort(keys[begin:end], kind="stable")
        rows[begin:end] = order[::-1] if w % 2 else order
    return rows


_sort = Kernel(_sort_loop, _sort_numpy)


def sort_windows(keys: Int64, starts: Int64) -> Int64:
    """Rows in order of key within each window, every other window descending.

    Alternating directions make neighbours of the last id of one window and the first of the next, so that a cut
    across the seam costs no padding.

    Parameters
    ----------
    keys : int64 array of shape (n,)
        Not negative.
    starts : int64 array of shape (w + 1,)
        Window ``w`` is ``keys[starts[w]:starts[w + 1]]``.

    Returns
    -------
    int64 array of shape (n,)
        Places in ``keys``; equal keys keep their order (ascending windows) or have it reversed (descending ones).

    Examples
    --------
    >>> sort_windows(np.array([3, 1, 2, 5, 9]), np.array([0, 3, 5])).tolist()
    [1, 2, 0, 4, 3]
    """
    return _sort(np.ascontiguousarray(keys), np.ascontiguousarray(starts))

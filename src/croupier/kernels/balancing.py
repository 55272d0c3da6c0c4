"""Cut a descending run of lengths into consecutive shares whose padded size is as equal as it can be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["balanced_sizes"]

Int64 = npt.NDArray[np.int64]


def _shares_needed(lengths: Int64, cap: int) -> int:
    shares, i = 0, 0
    while i < lengths.size:
        shares += 1
        # The first is the longest, so the share holds cap // longest examples.
        i += max(1, cap // max(1, lengths[i]))
    return shares


def _sizes_loop(lengths: Int64, shares: int) -> Int64:
    low, high = max(1, lengths[0]), max(1, lengths[0]) * lengths.size
    while low < high:
        middle = (low + high) // 2
        if _shares_needed(lengths, middle) <= shares:
            high = middle
        else:
            low = middle + 1
    sizes = np.zeros(shares, dtype=np.int64)
    i = 0
    for s in range(shares):
        if i < lengths.size:
            # Leave at least one example for each share still to come.
            most = lengths.size - i - (shares - s - 1)
            sizes[s] = min(max(1, low // max(1, lengths[i])), most)
            i += sizes[s]
    return sizes


_sizes = Kernel(_sizes_loop, _sizes_loop)


def balanced_sizes(lengths: Int64, shares: int) -> Int64:
    """How many examples each share takes, so that the largest examples x longest is least.

    Parameters
    ----------
    lengths : int64 array of shape (n,)
        Descending, n >= shares.
    shares : int

    Returns
    -------
    int64 array of shape (shares,)
        Positive, sums to n. Optimal among cuts of this order into consecutive shares.

    Examples
    --------
    >>> balanced_sizes(np.array([8, 4, 4, 2, 2, 2, 2]), 3).tolist()
    [1, 2, 4]
    """
    return _sizes(np.ascontiguousarray(lengths), shares)

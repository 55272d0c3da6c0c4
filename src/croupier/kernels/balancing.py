"""Cut a descending run of lengths into consecutive shares whose padded size is as equal as it can be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["balanced_sizes"]

Int64 = npt.NDArray[np.int64]


def _shares_needed(lengths: Int64, first: int, cap: int) -> int:
    shares, i = 0, first
    while i < lengths.size:
        shares += 1
        # The first is the longest, so the share holds cap // longest examples.
        i += max(1, cap // max(1, lengths[i]))
    return shares


def _least_cap(lengths: Int64, first: int, shares: int, high: int) -> int:
    low = max(1, lengths[first])
    while low < high:
        middle = (low + high) // 2
        if _shares_needed(lengths, first, middle) <= shares:
            high = middle
        else:
            low = middle + 1
    return low


def _sizes_loop(lengths: Int64, shares: int) -> Int64:
    sizes = np.zeros(shares, dtype=np.int64)
    first, share = 0, 0
    cap = _least_cap(lengths, 0, shares, max(1, lengths[0]) * lengths.size)
    # Where the longest examples alone set the cap, they make a share, and the others are balanced without them.
    while share + 1 < shares:
        filled = first + cap // max(1, lengths[first])
        if lengths.size - filled < shares - share - 1:
            break
        cap_of_rest = _least_cap(lengths, filled, shares - share - 1, cap)
        if cap_of_rest == cap and (filled - first) * max(1, lengths[first]) < cap:
            break
        sizes[share] = filled - first
        first, share, cap = filled, share + 1, cap_of_rest
    # From the short end, so that what is left over spares the long examples their company; and one for each share.
    end = lengths.size
    for s in range(shares - 1, share - 1, -1):
        begin = end
        least = first + s - share
        while begin > least and (begin == end or (end - begin + 1) * max(1, lengths[begin - 1]) <= cap):
            begin -= 1
        sizes[s] = end - begin
        end = begin
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
        Positive, sums to n. Optimal among cuts of this order into consecutive shares; of those as good, one with little
        padding.

    Examples
    --------
    >>> balanced_sizes(np.array([8, 4, 4, 2, 2, 2, 2]), 3).tolist()
    [1, 2, 4]
    """
    return _sizes(np.ascontiguousarray(lengths), shares)

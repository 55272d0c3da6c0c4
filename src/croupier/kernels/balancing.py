"""Cut a descending run of examples into consecutive shares whose padded cost is as equal as it can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["balanced_sizes"]

Int64 = npt.NDArray[np.int64]

NO_ROOM_LIMIT = 2**62


def _most(costs: Int64, lengths: Int64, i: Any, cap: Any, room: Any) -> Any:
    # The first is the longest, so a share from it holds so many: at most cap of cost, and room for tokens.
    return max(1, min(cap // max(1, costs[i]), room // max(1, lengths[i])))


def _shares_needed(costs: Int64, lengths: Int64, first: Any, cap: Any, room: Any) -> Any:
    shares, i = 0, first
    while i < costs.size:
        shares += 1
        i += _most(costs, lengths, i, cap, room)
    return shares


def _least_cap(costs: Int64, lengths: Int64, first: Any, shares: Any, high: Any, room: Any) -> Any:
    low = max(1, costs[first])
    while low < high:
        middle = (low + high) // 2
        if _shares_needed(costs, lengths, first, middle, room) <= shares:
            high = middle
        else:
            low = middle + 1
    return low


def _sizes_loop(costs: Int64, lengths: Int64, shares: int, room: int) -> Int64:
    sizes = np.zeros(shares, dtype=np.int64)
    first, share = 0, 0
    everything = max(1, costs[0]) * costs.size
    if _shares_needed(costs, lengths, 0, everything, room) > shares:
        return sizes
    cap = _least_cap(costs, lengths, 0, shares, everything, room)
    # Where the longest examples alone set the cap, they make a share, and the others are balanced without them.
    while share + 1 < shares:
        filled = first + _most(costs, lengths, first, cap, room)
        if costs.size - filled < shares - share - 1:
            break
        cap_of_rest = _least_cap(costs, lengths, filled, shares - share - 1, cap, room)
        if cap_of_rest == cap and (filled - first) * max(1, costs[first]) < cap:
            break
        sizes[share] = filled - first
        first, share, cap = filled, share + 1, cap_of_rest
    # From the short end, so that what is left over spares the long examples their company; and one for each share.
    end = costs.size
    for s in range(shares - 1, share - 1, -1):
        begin, least = end, first + s - share
        while begin > least and (begin == end or end - begin < _most(costs, lengths, begin - 1, cap, room)):
            begin -= 1
        sizes[s] = end - begin
        end = begin
    return sizes


_sizes = Kernel(_sizes_loop, _sizes_loop)


def balanced_sizes(
    costs: Int64, shares: int, lengths: Int64 | None = None, max_tokens: int | None = None
) -> Int64 | None:
    """How many examples each share takes, so that the largest examples x cost of the longest is least.

    Parameters
    ----------
    costs : int64 array of shape (n,)
        Descending, n >= shares; 0 counts as 1.
    shares : int
    lengths : int64 array of shape (n,), optional
        Descending too, where no share may have more than ``max_tokens`` padded tokens.
    max_tokens : int, optional

    Returns
    -------
    int64 array of shape (shares,), or None
        Positive, sums to n. Optimal among cuts of this order into consecutive shares; of those as good, one with little
        padding. None where so few shares cannot keep to ``max_tokens``.

    Examples
    --------
    >>> balanced_sizes(np.array([8, 4, 4, 2, 2, 2, 2]), 3).tolist()
    [1, 2, 4]
    """
    room = NO_ROOM_LIMIT if lengths is None or max_tokens is None else max_tokens
    ordered = np.ascontiguousarray(costs)
    if lengths is not None and max_tokens is not None and int(lengths[0]) > max_tokens:
        return None
    sizes = _sizes(ordered, ordered if lengths is None else np.ascontiguousarray(lengths), shares, room)
    return sizes if sizes[0] > 0 else None

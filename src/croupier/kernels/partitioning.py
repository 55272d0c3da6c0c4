"""Divide items into shares whose sums are as equal as they can be made: costliest first, then exchanges.

Every item goes to the share with the least sum that has room, the costliest first (Graham's LPT rule, at most 4/3 of
the optimum, and far nearer with many items). Then the largest share gives an item to another, or exchanges one with it,
whichever brings the larger of the two sums down most, until nothing does or little is left to gain.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["partition"]

Int64 = npt.NDArray[np.int64]

ROUNDS = 8
"""At most so many exchanges for every share: they end by themselves long before."""

CLOSE_ENOUGH = 14
"""No more exchanges once the largest sum is within 2**-14 of the mean."""


# The items of a share are a list in order of the items, costliest first: heads[share], then following[item], up to -1.


def _moved(heads: Int64, following: Int64, giver: Any, taker: Any, item: Any) -> None:
    before, at = -1, heads[giver]
    while at != item:
        before, at = at, following[at]
    if before < 0:
        heads[giver] = following[item]
    else:
        following[before] = following[item]
    before, at = -1, heads[taker]
    while at >= 0 and at < item:
        before, at = at, following[at]
    following[item] = at
    if before < 0:
        heads[taker] = item
    else:
        following[before] = item


def _placed(costs: Int64, sizes: Int64, capacity: Any, share_of: Int64, sums: Int64, filled: Int64) -> Any:
    for item in range(costs.size):
        least = -1
        for share in range(sums.size):
            if filled[share] + sizes[item] <= capacity and (least < 0 or sums[share] < sums[least]):
                least = share
        if least < 0:
            return False
        share_of[item] = least
        sums[least] += costs[item]
        filled[least] += sizes[item]
    return True


def _partition_loop(costs: Int64, sizes: Int64, shares: int, capacity: int) -> Int64:
    share_of = np.full(costs.size, -1, dtype=np.int64)
    sums, filled = np.zeros(shares, dtype=np.int64), np.zeros(shares, dtype=np.int64)
    if not _placed(costs, sizes, capacity, share_of, sums, filled):
        return share_of
    heads, following = np.full(shares, -1, dtype=np.int64), np.full(costs.size, -1, dtype=np.int64)
    for item in range(costs.size - 1, -1, -1):
        following[item] = heads[share_of[item]]
        heads[share_of[item]] = item
    even = sums.sum() // shares
    for _ in range(ROUNDS * shares):
        largest = np.argmax(sums)
        if sums[largest] - even <= even >> CLOSE_ENOUGH:
            break
        best_sum, best_share, best_give, best_take = sums[largest], -1, -1, -1
        for other in range(shares):
            gap = sums[largest] - sums[other]
            if gap <= 1 or sums[other] > even:
                continue
            # What is taken back should cost what is given less half the gap; both lists go downwards.
            give, before, place = heads[largest], -1, heads[other]
            while give >= 0:
                while place >= 0 and 2 * (costs[give] - costs[place]) < gap:
                    before, place = place, following[place]
                for take in (before, place):
                    if take < 0 and place >= 0:
                        continue
                    moved, grown = costs[give], sizes[give]
                    if take >= 0:
                        moved, grown = moved - costs[take], grown - sizes[take]
                    worst = max(sums[largest] - moved, sums[other] + moved)
                    fits = filled[other] + grown <= capacity and filled[largest] - grown <= capacity
                    keeps = take >= 0 or following[heads[largest]] >= 0
                    if worst < best_sum and fits and keeps:
                        best_sum, best_share, best_give, best_take = worst, other, give, take
                give = following[give]
        if best_share < 0:
            break
        for giver, taker, item in ((largest, best_share, best_give), (best_share, largest, best_take)):
            if item >= 0:
                _moved(heads, following, giver, taker, item)
                share_of[item] = taker
                sums[giver] -= costs[item]
                sums[taker] += costs[item]
                filled[giver] -= sizes[item]
                filled[taker] += sizes[item]
    return share_of


_partition = Kernel(_partition_loop, _partition_loop)


def partition(costs: Int64, sizes: Int64, shares: int, capacity: int) -> Int64 | None:
    """The share of each item, so that the largest sum of costs is small and no sum of sizes above the capacity.

    Parameters
    ----------
    costs : int64 array of shape (n,)
        Not negative, in descending order.
    sizes : int64 array of shape (n,)
    shares : int
    capacity : int

    Returns
    -------
    int64 array of shape (n,), or None
        None where an item found no room; another order might have found some.

    Examples
    --------
    >>> costs = np.array([8, 7, 6, 5, 4])
    >>> partition(costs, costs, 2, 100).tolist()
    [1, 1, 0, 0, 0]
    """
    if not costs.size:
        return np.empty(0, dtype=np.int64)
    share_of = _partition(np.ascontiguousarray(costs), np.ascontiguousarray(sizes), shares, capacity)
    return share_of if share_of[-1] >= 0 else None

"""Keep the best k of every row as tiles of scores come by, touching almost none of them.

A tile of estimated scores is compared with the score that is k-th best so far, less the error that an estimate may
have; the few that pass are summed anew, exactly, and merged into the row's list.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.inner_products import inner_product, inner_products
from croupier.kernels.jit import Kernel

__all__ = ["keep_nearest"]

Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]

BLOCK = 64
FEW = 8
"""So many are put in one by one; more are sorted and merged."""


def insert(scores: Any, items: Any, score: Any, item: Any) -> None:
    """Put an item into a descending row, whose last falls out: a helper of kernels.

    Of equal scores the older one stays ahead: its item has the lower number.
    """
    place = scores.size - 1
    if score <= scores[place]:
        return
    while place > 0 and scores[place - 1] < score:
        scores[place], items[place] = scores[place - 1], items[place - 1]
        place -= 1
    scores[place], items[place] = score, item


def _keep_loop(
    estimates: Float32, slack: Float32, queries: Float32, tile: Float32, first: int, scores: Float32, items: Int64
) -> int:
    width, count = estimates.shape[1], scores.shape[1]
    columns = np.empty(width, np.int64)
    passing = np.empty(width, np.float32)
    new_scores = np.empty(width, np.float32)
    old_scores = np.empty(count, np.float32)
    old_items = np.empty(count, np.int64)
    sums = np.empty(queries.shape[1], np.float64)
    summed = 0
    for row in range(estimates.shape[0]):
        least = scores[row, count - 1]
        bar = np.float32(least - slack[row])
        row_estimates = estimates[row]
        passed = 0
        for block in range(-(-width // BLOCK)):
            begin = block * BLOCK
            if begin + BLOCK <= width:
                # Comparing a fixed number without a branch is a few instructions, and mostly says that none passes.
                some = row_estimates[begin : begin + BLOCK]
                is_any = np.uint8(0)
                for place in range(BLOCK):
                    is_any |= np.uint8(some[place] > bar)
                if is_any == 0:
                    continue
            for column in range(begin, min(begin + BLOCK, width)):
                if row_estimates[column] > bar:
                    columns[passed] = column
                    passing[passed] = row_estimates[column]
                    passed += 1
        if passed > count:
            # Where the tile alone has k that are better, what lies clearly below these need not be summed.
            bar = np.partition(passing[:passed], passed - count)[passed - count] - np.float32(2) * slack[row]
        new = 0
        for place in range(passed):
            if passing[place] >= bar:
                summed += 1
                score = inner_product(queries, row, tile, columns[place], sums)
                if score > least:
                    new_scores[new] = score
                    columns[new] = columns[place]
                    new += 1
        if new <= FEW:
            for one in range(new):
                insert(scores[row], items[row], new_scores[one], first + columns[one])
            continue
        order = np.argsort(-new_scores[:new], kind="mergesort")
        old_scores[:] = scores[row]
        old_items[:] = items[row]
        old = taken = 0
        for place in range(count):
            if taken < new and new_scores[order[taken]] > old_scores[old]:
                scores[row, place] = new_scores[order[taken]]
                items[row, place] = first + columns[order[taken]]
                taken += 1
            else:
                scores[row, place] = old_scores[old]
                items[row, place] = old_items[old]
                old += 1
    return summed


def _keep_numpy(
    estimates: Float32, slack: Float32, queries: Float32, tile: Float32, first: int, scores: Float32, items: Int64
) -> int:
    count = scores.shape[1]
    least = scores[:, -1].copy()
    is_passing = estimates > (least - slack)[:, None]
    for row in np.flatnonzero(np.count_nonzero(is_passing, axis=1) > count):
        best = np.partition(estimates[row, is_passing[row]], -count)[-count]
        is_passing[row] &= estimates[row] >= best - np.float32(2) * slack[row]
    rows, columns = np.nonzero(is_passing)
    exact = inner_products(queries, rows, tile, columns)
    is_new = exact > least[rows]
    for row in np.unique(rows[is_new]):
        mine = is_new & (rows == row)
        all_scores = np.concatenate([scores[row], exact[mine]])
        all_items = np.concatenate([items[row], first + columns[mine]])
        best = np.argsort(-all_scores, kind="stable")[:count]
        scores[row], items[row] = all_scores[best], all_items[best]
    return int(rows.size)


_keep = Kernel(_keep_loop, _keep_numpy)


def keep_nearest(
    estimates: Float32, slack: Float32, queries: Float32, tile: Float32, first: int, scores: Float32, items: Int64
) -> int:
    """Merge a tile of items into the best so far, in place.

    Parameters
    ----------
    estimates : float32 array of shape (n, width)
        Inner products of the queries and the tile's items, each off by less than ``slack`` of its row.
    slack : float32 array of shape (n,)
    queries, tile : float32 arrays of shape (n, d), (width, d)
    first : int
        The number of the tile's first item; tiles come in ascending order.
    scores, items : float32, int64 arrays of shape (n, k)
        The best so far, descending, of equal scores the lower item first; -inf and -1 where there are fewer.

    Returns
    -------
    int
        How many scores were summed anew.

    Examples
    --------
    >>> queries, tile = np.ones((1, 1), np.float32), np.array([[1], [3], [3], [2]], np.float32)
    >>> scores, items = np.full((1, 2), -np.inf, np.float32), np.full((1, 2), -1)
    >>> keep_nearest(queries @ tile.T, np.zeros(1, np.float32), queries, tile, 0, scores, items)
    2
    >>> items.tolist(), scores.tolist()
    ([[1, 2]], [[3.0, 3.0]])
    """
    return _keep(estimates, slack, queries, tile, first, scores, items)

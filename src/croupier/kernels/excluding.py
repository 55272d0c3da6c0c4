"""Draw from what is left when each row's own sorted list of points is taken out: one draw, no retries.

Points taken out of ``0 .. total - 1`` leave gaps. With the sorted points p_0 < p_1 < ... of a list, ``free_before[j]``
is how much is left before p_j, and ``taken[j]`` how much is taken up to and including it. The place t of what is left
lies at ``t + taken[j - 1]``, where j is how many of ``free_before`` are <= t. For weighted points both are sums of
weights; where every point weighs 1, ``taken[j - 1]`` is j, and need not be stored.

Each list has a guide: of every stretch of what is left, how many points lie before it. Stretches are so short that a
list has fewer than four for each point, so a draw, which falls on all of them alike, passes one point on average,
however the points are clustered.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from croupier.kernels.cumulative import row_at
from croupier.kernels.jit import Kernel
from croupier.kernels.mixing import GOLDEN, below, draws_below, mixed

__all__ = ["Outside", "Weights", "count_at_most", "draw_outside", "guided_lists"]

Int64 = npt.NDArray[np.int64]
Whole = npt.NDArray[np.signedinteger[Any]]
Float64 = npt.NDArray[np.float64]
LOOKED_AT = 8


class Outside(NamedTuple):
    """Points to avoid, list by list: heads say where points and guide begin, and how many bits a stretch has."""

    heads: Int64
    free_before: Whole
    taken: Int64
    guide: Whole


class Weights(NamedTuple):
    """How much the points weigh: running sums, their guide and its bits, and the logarithm of each weight."""

    running: Int64
    guide: Whole
    shift: int
    log: Float64


def _at_most(values: Any, begin: Any, length: Any, point: Any) -> Any:
    """How many of the sorted ``values[begin:begin + length]`` are <= point."""
    place = begin
    left = length
    while left > 1:
        half = left >> 1
        place += half if values[place + half - 1] <= point else 0
        left -= half
    if left == 1 and values[place] <= point:
        place += 1
    return place - begin


def _guide_loop(heads: Int64, free_before: Whole, guide: Whole) -> Whole:
    for number in range(heads.shape[0] - 1):
        place, last = heads[number, 0], heads[number + 1, 0]
        begin = place
        for stretch in range(heads[number + 1, 1] - heads[number, 1]):
            point = stretch << heads[number, 2]
            while place < last and free_before[place] < point:
                place += 1
            guide[heads[number, 1] + stretch] = place - begin
    return guide


def _guide_numpy(heads: Int64, free_before: Whole, guide: Whole) -> Whole:
    stretches = np.diff(heads[:, 1])
    of_stretch = np.repeat(np.arange(stretches.size, dtype=np.int64), stretches)
    number: Int64 = np.arange(of_stretch.size, dtype=np.int64) - heads[of_stretch, 1]
    points: Int64 = (number << heads[of_stretch, 2]) - 1
    guide[:] = _count_numpy(of_stretch, heads[:, 0], free_before, points, np.empty(of_stretch.size, np.int64))
    return guide


def _draw_loop(
    key: Any,
    first: int,
    lists: Int64,
    outside: Outside,
    weights: Weights | None,
    begin: Int64 | None,
    free: Int64,
    log_free: Float64,
    drawn: Int64,
    log_q: Float64,
) -> None:
    # Numba leaves out what is behind a None, so each of the four cases is a loop of its own.
    rows, per_row = drawn.shape
    heads, free_before, taken, guide = outside
    for row in range(rows):
        number = lists[row]
        if begin is None:
            left, log_left, start = free[number], log_free[number], np.int64(0)
        else:
            left, log_left, start = free[row], log_free[row], begin[row]
        for draw in range(per_row):
            if left <= 0:
                drawn[row, draw] = -1
                log_q[row, draw] = -np.inf
                continue
            counter = first + row * per_row + draw
            bits = mixed(np.uint64(key) + (np.uint64(counter) + np.uint64(1)) * GOLDEN)
            place = start + np.int64(below(bits, np.uint64(left)))
            low = after = np.int64(0)
            if number >= 0:
                low, last = heads[number, 0], heads[number + 1, 0]
                after = low + guide[heads[number, 1] + (place >> heads[number, 2])]
                near = min(last, after + LOOKED_AT)
                while after < near and free_before[after] <= place:
                    after += 1
                if after == near and near < last:
                    after += _at_most(free_before, after, last - after, place)
            if weights is None:
                drawn[row, draw] = place + after - low
                log_q[row, draw] = -log_left
            else:
                if after > low:
                    place += taken[after - 1]
                item = row_at(place, weights.running, weights.guide, weights.shift)
                drawn[row, draw] = item
                log_q[row, draw] = weights.log[item] - log_left


def _draw_numpy(
    key: Any,
    first: int,
    lists: Int64,
    outside: Outside,
    weights: Weights | None,
    begin: Int64 | None,
    free: Int64,
    log_free: Float64,
    drawn: Int64,
    log_q: Float64,
) -> None:
    rows, per_row = drawn.shape
    of_draw = np.repeat(lists, per_row)
    own: Int64 = of_draw if begin is None else np.arange(rows * per_row, dtype=np.int64) // per_row
    start = 0 if begin is None else begin[own]
    left = free[own]
    counters = first + np.arange(rows * per_row, dtype=np.int64)
    places = start + draws_below(int(key), counters, np.maximum(left, 1))
    offsets = outside.heads[:, 0]
    before = _count_numpy(of_draw, offsets, outside.free_before, places, np.empty(places.size, np.int64))
    logs = -log_free[own]
    if weights is not None:
        last = np.where(of_draw >= 0, offsets[of_draw], 0) + before - 1
        places += np.where(before > 0, np.append(outside.taken, 0)[np.maximum(last, 0)], 0)
        places = np.searchsorted(weights.running, np.where(left > 0, places, 0), side="right")
        logs = weights.log[places] - log_free[own]
    else:
        places += before
    drawn[:] = np.where(left > 0, places, -1).reshape(rows, per_row)
    log_q[:] = np.where(left > 0, logs, -np.inf).reshape(rows, per_row)


def _count_loop(lists: Int64, offsets: Int64, values: Whole, points: Int64, counts: Int64) -> Int64:
    for row in range(lists.size):
        number = lists[row]
        counts[row] = 0
        if number >= 0:
            counts[row] = _at_most(values, offsets[number], offsets[number + 1] - offsets[number], points[row])
    return counts


def _count_numpy(lists: Int64, offsets: Int64, values: Whole, points: Int64, counts: Int64) -> Int64:
    low = np.where(lists >= 0, offsets[lists], 0)
    left = np.where(lists >= 0, offsets[lists + 1] - low, 0)
    place = low.copy()
    padded = np.append(values, 0)  # a list without points asks for a place that may lie beyond the last
    while left.size and left.max() > 1:
        half = left >> 1
        place += np.where((half > 0) & (padded[place + np.maximum(half, 1) - 1] <= points), half, 0)
        left -= half
    place += (left == 1) & (padded[place] <= points)
    counts[:] = place - low
    return counts


_guide = Kernel(_guide_loop, _guide_numpy)
_draw = Kernel(_draw_loop, _draw_numpy)
_count = Kernel(_count_loop, _count_numpy)


def guided_lists(offsets: Int64, free_before: Whole, taken: Int64, totals: Int64) -> Outside:
    """What :func:`draw_outside` reads of the lists; the guide takes two to four int32 a point, and one a list.

    Parameters
    ----------
    offsets : int64 array of shape (lists + 1,)
    free_before : integer array of shape (points,), ascending in each list
    taken : int64 array of shape (points,), or empty where every point weighs 1
    totals : int64 array of shape (lists,)
        How much each list leaves free in all, >= 0.
    """
    points = np.diff(offsets)
    per_stretch = totals // (2 * points + 1)
    # The largest power of two that is at most as long.
    bits = np.maximum(np.frexp(np.maximum(per_stretch, 1).astype(np.float64))[1] - 1, 0).astype(np.int64)
    stretches = np.maximum((np.maximum(totals, 1) - 1 >> bits) + 1, 1)
    heads = np.zeros((offsets.size, 3), dtype=np.int64)
    heads[:, 0] = offsets
    np.cumsum(stretches, out=heads[1:, 1])
    heads[:-1, 2] = bits
    guide = _guide(heads, free_before, np.empty(int(heads[-1, 1]), dtype=np.int32))
    return Outside(heads, free_before, taken, guide)


def draw_outside(
    key: int,
    first: int,
    per_row: int,
    lists: Int64,
    outside: Outside,
    weights: Weights | None,
    begin: Int64 | None,
    free: Int64,
    log_free: Float64,
) -> tuple[Int64, Float64]:
    """Draw ``per_row`` points for each row from what its list leaves free, and the log probability of each.

    Parameters
    ----------
    key, first : int
        Draw ``d`` of row ``i`` is that of counter ``first + i * per_row + d``.
    lists : int64 array of shape (n,)
        Which list of points each row must avoid; -1 for none.
    outside : Outside
    weights : Weights, optional
        By default every point weighs 1.
    begin : int64 array of shape (n,), optional
        Where the stretch of what is left begins that each row draws from; by default all of it is drawn from.
    free, log_free : int64 and float64 arrays, of shape (n,) with ``begin``, else of shape (lists + 1,)
        How much each stretch, or each list, leaves free; the last entry is that of list -1. With nothing free the
        point is -1 and its log probability -inf.

    Examples
    --------
    >>> offsets, free_before, free = np.array([0, 2]), np.array([0, 0]), np.array([2, 4])  # points 0, 1 out of 0 .. 3
    >>> none, one = np.empty(0, np.int64), np.zeros(1, np.int64)
    >>> outside = guided_lists(offsets, free_before, none, free[:1])
    >>> drawn, log_q = draw_outside(7, 0, 20, one, outside, None, None, free, np.log(free))
    >>> sorted(set(drawn.ravel().tolist()))
    [2, 3]
    """
    drawn = np.empty((lists.size, per_row), dtype=np.int64)
    log_q = np.empty((lists.size, per_row), dtype=np.float64)
    _draw(np.uint64(key), first, lists, outside, weights, begin, free, log_free, drawn, log_q)
    return drawn, log_q


def count_at_most(lists: Int64, offsets: Int64, values: Whole, points: Int64) -> Int64:
    """How many values of a row's own sorted list are at most the row's point; 0 for list -1.

    Examples
    --------
    >>> count_at_most(np.array([0, 0, -1]), np.array([0, 2]), np.array([3, 5]), np.array([4, 5, 9])).tolist()
    [1, 2, 0]
    """
    return _count(lists, offsets, values, points, np.empty(lists.size, dtype=np.int64))

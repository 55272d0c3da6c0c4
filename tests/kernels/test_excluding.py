from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import excluding
from croupier.kernels.cumulative import guide_table
from croupier.kernels.excluding import Weights, count_at_most, draw_outside, guided_lists

NONE = np.empty(0, np.int64)

point_lists = st.lists(st.lists(st.integers(0, 40), unique=True).map(sorted), min_size=1, max_size=6)


def laid_out(lists, weights):
    """(offsets, free before each point, taken up to it, totals), by definition."""
    free_before, taken, totals = [], [], []
    for points in lists:
        for place, point in enumerate(points):
            outside = [other for other in range(point) if other not in points]
            free_before.append(sum(weights[other] for other in outside))
            taken.append(sum(weights[other] for other in points[: place + 1]))
        totals.append(sum(weight for other, weight in enumerate(weights) if other not in points))
    offsets = np.cumsum([0, *(len(points) for points in lists)])
    return offsets, np.array(free_before, np.int64), np.array(taken, np.int64), np.array(totals, np.int64)


@given(point_lists, st.lists(st.integers(0, 9), min_size=41, max_size=41), st.booleans(), st.integers(0, 2**63))
def test_every_draw_is_the_place_of_what_is_left(lists, weights, is_weighted, key):
    weights = weights if is_weighted and any(weights) else [1] * 41
    offsets, free_before, taken, totals = laid_out(lists, weights)
    free = np.append(totals, sum(weights))
    logs = np.log(np.maximum(free, 1))
    heavy = None
    if weights != [1] * 41:
        running = np.cumsum(weights)
        heavy = Weights(running, *guide_table(running), np.log(np.maximum(weights, 1)))
    outside = guided_lists(offsets, free_before, taken if heavy is not None else NONE, totals)
    chosen = np.concatenate([np.arange(len(lists)), [-1]])
    drawn, log_q = draw_outside(key, 3, 4, chosen, outside, heavy, None, free, logs)
    by_row = draw_outside(key, 3, 4, chosen, outside, heavy, np.zeros_like(free), free, logs)
    twin, twin_log_q = np.empty_like(drawn), np.empty_like(log_q)
    excluding._draw_numpy(np.uint64(key), 3, chosen, outside, heavy, None, free, logs, twin, twin_log_q)
    assert drawn.tolist() == twin.tolist() == by_row[0].tolist()
    assert log_q.tolist() == twin_log_q.tolist() == by_row[1].tolist()
    for row, points in enumerate([*lists, []]):
        left = {point for point, weight in enumerate(weights) if weight and point not in points}
        assert set(drawn[row].tolist()) <= (left or {-1})
        shares = [np.log(weights[point]) - np.log(free[row]) if left else -np.inf for point in drawn[row].tolist()]
        assert log_q[row].tolist() == pytest.approx(shares)


@given(point_lists, st.data())
def test_the_guide_counts_the_points_before_each_stretch(lists, data):
    weights = data.draw(st.lists(st.sampled_from([0, 1, 7, 2**40]), min_size=41, max_size=41))
    offsets, free_before, _, totals = laid_out(lists, weights)
    heads, _, _, guide = guided_lists(offsets, free_before, NONE, totals)
    twin = excluding._guide_numpy(heads, free_before, np.empty_like(guide))
    assert guide.tolist() == twin.tolist()
    for number, points in enumerate(lists):
        begins = np.arange(heads[number + 1, 1] - heads[number, 1]) << heads[number, 2]
        own = free_before[offsets[number] : offsets[number + 1]]
        wanted = [int((own < begin).sum()) for begin in begins]
        assert guide[heads[number, 1] : heads[number + 1, 1]].tolist() == wanted
        assert begins.size <= 4 * len(points) + 3
        assert begins[-1] <= max(totals[number] - 1, 0) < begins[-1] + (1 << heads[number, 2])


def test_a_thousand_points_side_by_side_are_passed_by_halving():
    """All in one stretch of the guide: looked through one by one, then by halving."""
    free_before = np.zeros(1_000, np.int64)
    free = np.array([500, 1_500])
    outside = guided_lists(np.array([0, 1_000]), free_before, NONE, free[:1])
    drawn, _ = draw_outside(1, 0, 20_000, np.zeros(1, np.int64), outside, None, None, free, np.log(free))
    assert set(drawn.ravel().tolist()) == set(range(1_000, 1_500))


@given(point_lists, st.lists(st.tuples(st.integers(-1, 5), st.integers(-2, 42)), max_size=20))
def test_points_at_most_are_counted(lists, asked):
    asked = [(number, point) for number, point in asked if number < len(lists)]
    offsets = np.cumsum([0, *(len(points) for points in lists)])
    values = np.array([point for points in lists for point in points], np.int64)
    numbers, points = np.array(asked, np.int64).reshape(-1, 2).T.copy()
    counts = count_at_most(numbers, offsets, values, points)
    assert counts.tolist() == [
        sum(value <= point for value in lists[number]) if number >= 0 else 0 for number, point in asked
    ]
    assert counts.tolist() == excluding._count_numpy(numbers, offsets, values, points, np.empty_like(counts)).tolist()

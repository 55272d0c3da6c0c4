from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels.cumulative import _guide, _rows, guide_table, rows_at

weights_of_rows = st.lists(st.integers(0, 40) | st.integers(0, 2**50), min_size=1, max_size=60).filter(any)


@given(weights_of_rows, st.lists(st.floats(0, 1, exclude_max=True), max_size=30))
def test_points_fall_on_the_rows_of_a_search(weights, fractions):
    running = np.cumsum(weights)
    points = np.array([0, running[-1] - 1, *(int(f * running[-1]) for f in fractions)], dtype=np.int64)
    guide, shift = guide_table(running)
    rows, drawn = rows_at(points, running, guide, shift)
    assert rows.tolist() == np.searchsorted(running, points, side="right").tolist()
    assert drawn.tolist() == np.array(weights)[rows].tolist()
    for ours, theirs in zip(_rows.twin(points, running, guide, shift), (rows, drawn), strict=True):
        assert ours.tolist() == theirs.tolist()
    assert _guide.twin(running, shift, np.empty_like(guide)).tolist() == guide.tolist()
    assert guide.size <= running.size + 1 or shift == 0


def test_every_point_of_a_small_total_once():
    weights = np.array([0, 3, 0, 0, 1, 7, 0])
    running = np.cumsum(weights)
    rows, _ = rows_at(np.arange(11), running, *guide_table(running))
    assert np.bincount(rows, minlength=7).tolist() == weights.tolist()


def test_many_light_rows_in_one_stretch():
    """One heavy row, and a million rows that share a stretch of the guide: bisection, not a walk."""
    weights = np.ones(1_000_001, np.int64)
    weights[0] = 2**50
    running = np.cumsum(weights)
    points = np.array([0, 2**50 - 1, 2**50, 2**50 + 777_777, running[-1] - 1])
    assert rows_at(points, running, *guide_table(running))[0].tolist() == [0, 0, 1, 777_778, 1_000_000]

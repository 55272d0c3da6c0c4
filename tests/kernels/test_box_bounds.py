from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import box_bounds
from croupier.kernels.box_bounds import fit_boxes
from croupier.kernels.bucket_bounds import optimal_bounds
from croupier.kernels.covering import cheapest_cover


def cost(lengths, counts, caps):
    box = cheapest_cover(lengths, caps)
    assert box.max() < len(caps), "every row is covered"
    return int((counts * caps.sum(axis=1)[box]).sum())


def pairs(rows, seed=0):
    rng = np.random.default_rng(seed)
    source = np.clip(rng.lognormal(3.2, 0.7, rows), 1, 300).astype(np.int64)
    target = np.maximum(1, source * rng.lognormal(0.05, 0.25, rows)).astype(np.int64)
    return np.unique(np.stack([source, target], axis=1), axis=0, return_counts=True)


def equal_mass(lengths, counts, buckets, parts):
    """NeMo's scheme: equal mass of the first length, and of the second within each."""
    caps, low = [], -1
    order = np.argsort(lengths[:, 0], kind="stable")
    mass = np.cumsum((lengths[:, 0] * counts)[order])
    ends = lengths[order, 0][np.searchsorted(mass, mass[-1] * np.arange(1, buckets + 1) / buckets)]
    for end in np.unique(ends):
        rows = np.flatnonzero((lengths[:, 0] > low) & (lengths[:, 0] <= end))
        rows = rows[np.argsort(lengths[rows, 1], kind="stable")]
        mass_within = np.cumsum(lengths[rows, 1] * counts[rows])
        places = np.searchsorted(mass_within, mass_within[-1] * np.arange(1, parts + 1) / parts)
        caps += [(end, cap) for cap in np.unique(lengths[rows, 1][places])]
        low = end
    ordered = np.array(caps)
    return ordered[np.argsort(ordered.sum(axis=1), kind="stable")]


@given(
    rows=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=7, unique=True),
    boxes=st.integers(1, 3),
    data=st.data(),
)
def test_it_covers_all_within_the_number_and_comes_near_the_best_of_all_boxes(rows, boxes, data):
    lengths = np.array(sorted(rows), dtype=np.int64)
    counts = np.array(data.draw(st.lists(st.integers(1, 9), min_size=len(rows), max_size=len(rows))))
    caps = fit_boxes(lengths, counts, boxes)
    assert caps.shape[0] <= boxes
    assert np.all(np.diff(caps.sum(axis=1)) >= 0)
    whole = tuple(lengths.max(axis=0))
    candidates = {(a, b) for a in lengths[:, 0] for b in lengths[:, 1]} - {whole}
    tried = (
        np.array(sorted([*choice, whole], key=sum))
        for count in range(min(boxes, len(candidates) + 1))
        for choice in combinations(sorted(candidates), count)
    )
    best = min(cost(lengths, counts, boxes_tried) for boxes_tried in tried)
    one = cost(lengths, counts, np.array([whole]))
    # A local optimum: at least half of what could be saved over one box (the worst of 20,000 tables had .60).
    assert one - cost(lengths, counts, caps) >= (one - best) / 2


def test_one_dimension_is_the_exact_programme():
    lengths, counts = np.unique(np.random.default_rng(1).lognormal(5, 1, 5_000).astype(np.int64), return_counts=True)
    assert fit_boxes(lengths[:, None], counts, 30)[:, 0].tolist() == optimal_bounds(lengths, counts, 30).tolist()


def test_exchanges_pad_less_than_splits_alone_and_both_less_than_equal_mass():
    lengths, counts = pairs(50_000)
    greedy = box_bounds._greedy(lengths, counts, 60)
    ours = cost(lengths, counts, fit_boxes(lengths, counts, 60))
    theirs = cost(lengths, counts, equal_mass(lengths, counts, 30, 2))
    whole = int((counts[:, None] * lengths).sum())
    assert ours - whole < 0.98 * (cost(lengths, counts, greedy) - whole)
    assert ours - whole < 0.75 * (theirs - whole)


def test_many_different_rows_are_looked_at_more_coarsely_and_covered_all_the_same(monkeypatch):
    lengths, counts = pairs(20_000)
    exact = cost(lengths, counts, fit_boxes(lengths, counts, 20))
    monkeypatch.setattr(box_bounds, "MOST_PAIRS", 500)
    assert cost(lengths, counts, fit_boxes(lengths, counts, 20)) < 1.05 * exact


@pytest.mark.parametrize("dimensions", [3, 4])
def test_more_dimensions_come_by_the_same_call(dimensions):
    lengths = np.random.default_rng(2).integers(1, 200, (2_000, dimensions))
    counts = np.ones(2_000, np.int64)
    costs = [cost(lengths, counts, fit_boxes(lengths, counts, boxes)) for boxes in (1, 4, 16, 64)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.8 * costs[0]

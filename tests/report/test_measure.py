from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.report.measure import ShareCounts, adjacent_correlation, re_pairing


@given(data=st.data(), ids=st.integers(2, 12))
def test_re_pairing_counts_pairs(data, ids):
    groups = [data.draw(st.lists(st.integers(0, 3), min_size=ids, max_size=ids)) for _ in range(2)]
    pairs = [{pair for pair in combinations(range(ids), 2) if of[pair[0]] == of[pair[1]]} for of in groups]
    ours = re_pairing(*((np.arange(ids), np.array(of)) for of in groups))
    if not pairs[0] or not pairs[1]:
        assert ours is None
        return
    again = len(pairs[0] & pairs[1]) / len(pairs[0])
    assert ours == pytest.approx(again / (len(pairs[1]) / (ids * (ids - 1) / 2)))


def test_only_ids_of_both_epochs_count():
    first = (np.array([5, 7, 9]), np.array([0, 0, 1]))
    second = (np.array([5, 7, 8]), np.array([3, 3, 3]))
    assert re_pairing(first, second) == 1.0


def test_correlation_of_neighbours():
    assert adjacent_correlation(np.arange(100.0)) == pytest.approx(1.0)
    assert adjacent_correlation(np.tile([1.0, 2.0], 50)) == pytest.approx(-1.0)
    assert adjacent_correlation(np.ones(5)) is None
    assert adjacent_correlation(np.array([1.0, 2.0])) is None


def test_rank_imbalance_is_the_largest_over_the_mean():
    counts = ShareCounts(
        step=np.array([0, 0, 1, 1]), rank=np.array([0, 1, 0, 1]), examples=np.array([1, 1, 2, 1]),
        tokens=np.array([4, 4, 8, 4]), cost=np.array([4, 4, 12, 4]), rows=np.array([1, 1, 2, 1]),
        longest=np.array([[4], [4], [6], [4]]),
    )  # fmt: skip
    assert counts.rank_imbalance() == pytest.approx((1.0 + 1.5) / 2)


def test_packs_are_padded_to_their_capacity_and_have_one_shape():
    table = cr.Table(length=np.random.default_rng(0).integers(1, 60, 500))
    for packs in (1, 4):
        figures = cr.preview(cr.chain(cr.Shuffle(), cr.Pack(100, packs=packs)), table, seed=0)
        assert figures.fill is None
        assert figures.shapes <= (2 if packs > 1 else 1), "a last batch may have fewer packs"
        assert figures.padding == pytest.approx(0.01, abs=0.01)
        assert figures.tokens_per_rank[2] == 100 * packs


def test_packs_that_a_split_cuts_are_padded_as_its_shares():
    table = cr.Table(length=np.full(64, 10))
    figures = cr.preview(cr.chain(cr.Shuffle(), cr.Pack(160)), table, seed=0, world_size=4, split=cr.Balanced())
    assert figures.padding == 0.0
    assert figures.tokens_per_rank == (40, 40.0, 40)

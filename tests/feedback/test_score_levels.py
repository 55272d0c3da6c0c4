from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.feedback.score_levels import PARTS, effective_share, least_uniform_parts, level_weights, score_levels

SCORES = st.lists(st.one_of(st.just(0.0), st.floats(2.0**-60, 2.0**60, width=32)), min_size=1, max_size=40).map(
    lambda values: np.array(values, np.float32)
)


@given(SCORES)
def test_scores_are_rounded_down_by_less_than_a_thousandth(scores):
    found = score_levels(scores)
    rounded = found.whole[found.levels] * found.unit
    visible = scores > scores.max() * 2.0**-19
    assert (rounded <= scores.astype(np.float64) + found.unit).all()
    assert (rounded[visible] > scores[visible] * (1 - 1 / 1000)).all()
    assert found.counts.sum() == scores.size
    assert found.whole.min() >= 0
    assert found.total == int(found.whole[found.levels].sum()) < 2**51


def test_order_is_kept_and_equal_scores_stay_equal():
    scores = np.sort(np.random.default_rng(0).exponential(size=500).astype(np.float32))
    whole = score_levels(scores).whole[score_levels(scores).levels]
    assert (np.diff(whole) >= 0).all()
    assert not score_levels(np.zeros(5, np.float32)).total


@given(SCORES, st.integers(0, PARTS))
def test_weights_hold_the_uniform_share(scores, parts):
    found = score_levels(scores)
    weights = level_weights(found, parts)[found.levels]
    total = int(weights.sum())
    assert weights.min() >= 1
    assert total < 2**62
    uniform = total - found.total if 0 < parts < PARTS and found.total else total * parts // PARTS
    assert uniform * PARTS >= total * parts - PARTS


@given(SCORES, st.integers(0, PARTS - 1))
def test_the_effective_share_is_that_of_exact_fractions(scores, parts):
    found = score_levels(scores)
    weights = level_weights(found, parts)
    rows = weights[found.levels].tolist()
    exact = Fraction(len(rows) ** 2, sum(rows)) / sum(Fraction(1, weight) for weight in rows)
    stated = effective_share(weights, found.counts)
    assert exact <= stated <= min(1, exact * (1 + Fraction(1, 2**20)))


@given(SCORES, st.integers(0, PARTS), st.fractions(0, 1))
def test_the_guard_takes_the_least_uniform_share_that_holds(scores, least, share):
    found = score_levels(scores)
    parts = least_uniform_parts(found, least, share)
    assert least <= parts <= PARTS
    assert effective_share(level_weights(found, parts), found.counts) >= share
    if parts > least:
        assert effective_share(level_weights(found, parts - 1), found.counts) < share


def test_more_of_a_uniform_share_never_hurts():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = score_levels(rng.pareto(0.5 + seed / 10, 60).astype(np.float32) * rng.integers(0, 2, 60))
        worth = [float(effective_share(level_weights(found, parts), found.counts)) for parts in range(PARTS + 1)]
        assert (np.diff(worth) > -1e-6).all()
        assert worth[-1] == 1.0


def test_draws_of_that_share_are_worth_their_number():
    """The realised (sum w)^2 / sum w^2 over 200,000 draws, of weights in [0.2, 5]: 1 % is 8 deviations or more."""
    rng = np.random.default_rng(0)
    scores = rng.pareto(0.6, 1000).astype(np.float32)
    found = score_levels(scores)
    for share in (Fraction(1, 2), Fraction(9, 10)):
        parts = least_uniform_parts(found, 205, share)
        weights = level_weights(found, parts)[found.levels]
        probability = weights / weights.sum()
        drawn = 1 / (1000 * probability[rng.choice(1000, 200_000, p=probability)])
        realised = drawn.sum() ** 2 / (drawn**2).sum() / drawn.size
        assert realised == pytest.approx(float(effective_share(level_weights(found, parts), found.counts)), rel=0.01)
        assert realised >= float(share) * 0.99

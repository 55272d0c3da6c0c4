from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.feedback.choosing import chosen_once, chosen_with_replacement
from croupier.feedback.score_levels import PARTS
from statistics_of_draws import standardised_chi_square

SCORES = st.lists(st.integers(0, 200), min_size=1, max_size=25).map(lambda values: np.array(values, np.float32))


def inclusion(weights, count):
    """The probabilities by which different places come: in proportion, capped at 1, until all fit. Exact."""
    chances = [Fraction(0)] * len(weights)
    open_, left = {i for i, w in enumerate(weights) if w > 0}, count
    while True:
        total = sum(weights[i] for i in open_)
        over = {i for i in open_ if left * weights[i] >= total}
        if not over:
            break
        for i in over:
            chances[i] = Fraction(1)
        open_, left = open_ - over, left - len(over)
    for i in open_:
        chances[i] = Fraction(left * weights[i], total)
    return chances


@given(SCORES, st.integers(1, 30), st.integers(0, 2**32))
def test_places_are_different_and_probabilities_exact(scores, count, seed):
    choice = chosen_once(scores, count, 0, cr.Key(seed))
    assert choice.places.size == min(count, scores.size)
    assert (np.diff(choice.places) > 0).all()
    whole = [int(score) for score in scores] if scores.any() else [1] * scores.size
    if np.count_nonzero(whole) > count:
        assert (np.array(whole)[choice.places] > 0).all()
        exact = inclusion(whole, count)
        assert choice.probability == pytest.approx([float(exact[place]) for place in choice.places], rel=1e-12)


@pytest.mark.parametrize("count", [1, 3, 6])
def test_places_come_as_often_as_stated(count):
    """Each frequency over 2,000 choices within five deviations: a false alarm in 10^5 for all of them."""
    scores = np.array([0, 1, 2, 3, 30, 5, 1, 8, 4], np.float32)
    times = np.zeros(9)
    for seed in range(2_000):
        times[chosen_once(scores, count, 0, cr.Key(seed)).places] += 1
    stated = np.array([float(chance) for chance in inclusion(scores.astype(int).tolist(), count)])
    deviation = np.sqrt(2_000 * stated * (1 - stated))
    assert (np.abs(times - 2_000 * stated) <= 5 * deviation + 1e-9).all()
    plain = np.minimum(1.0, count * scores / scores.sum())  # capped, but what is left over given to nobody
    if count > 1:
        assert (np.abs(times - 2_000 * plain) > 5 * np.sqrt(2_000 * plain * (1 - plain)) + 1e-9).any()


def test_pairs_of_neighbours_are_chosen_too():
    """In the candidates' own order a systematic sample of half of four equal ones would never hold 0 and 1."""
    scores = np.ones(4, np.float32)
    pairs = {tuple(chosen_once(scores, 2, 0, cr.Key(seed)).places.tolist()) for seed in range(200)}
    assert len(pairs) == 6


def test_draws_with_replacement_follow_their_stated_probability():
    """Standardised chi-square over 40 places; 6 is passed with a probability below 1e-6."""
    scores = np.random.default_rng(0).exponential(size=40).astype(np.float32)
    choice = chosen_with_replacement(scores, 100_000, PARTS // 4, cr.Key(1))
    stated = 0.75 * scores / scores.sum() + 0.25 / 40
    counts = np.bincount(choice.places, minlength=40)
    assert standardised_chi_square(counts, 100_000 * stated) < 6
    assert choice.probability == pytest.approx(stated[choice.places], rel=1e-3)
    assert standardised_chi_square(counts, 100_000 * scores / scores.sum()) > 6, "without the uniform share"


def test_no_score_at_all_is_no_preference():
    for choice in (chosen_once, chosen_with_replacement):
        assert (
            choice(np.zeros(8, np.float32), 4, 0, cr.Key(0)).probability.tolist()
            == [0.5 if choice is chosen_once else 0.125] * 4
        )


def test_the_choice_hangs_on_the_key_alone():
    scores = np.random.default_rng(0).exponential(size=64).astype(np.float32)
    for choose in (chosen_once, chosen_with_replacement):
        places = [choose(scores, 8, 102, cr.Key(seed)).places.tolist() for seed in (1, 1, 2)]
        assert places[0] == places[1] != places[2]

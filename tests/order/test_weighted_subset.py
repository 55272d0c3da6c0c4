from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.core import cumulative_weights
from croupier.errors import BadArgument, BadTable
from croupier.kernels.races import arrival_times
from statistics_of_draws import standardised_chi_square


def program_of(weights, draws, seed=0):
    plan = cr.chain(cr.WeightedSubset(draws, "w"), cr.FixedSize(draws))
    return cr.Dealer(plan, cr.Table(w=weights), seed=seed).program


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60).filter(any), st.integers(1, 60), st.integers(1, 13))
def test_the_first_to_arrive_are_dealt(weights, draws, chunk):
    """The oracle: sort all arrival times, take the first."""
    draws = min(draws, np.count_nonzero(weights))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cumulative_weights, "CHUNK_ROWS", chunk)
        program = program_of(weights, draws)
        dealt = program.segment(0, 0).batches
    key = cr.Key(0).child("weighted_subset", 0, "arrivals").bits
    times = arrival_times(key, 0, np.array(weights, float))
    assert sorted(dealt.indices.tolist()) == sorted(np.argsort(times, kind="stable")[:draws].tolist())
    assert program.position_of(dealt.indices, 0).tolist() == list(range(draws))


def successive_probabilities(weights, draws):
    """The chance of each set of rows, drawing one by one in proportion to the weights left."""

    def chance(rest, taken):
        if not taken:
            return 1.0
        total = sum(rest.values())
        return sum(rest[i] / total * chance({k: w for k, w in rest.items() if k != i}, taken - {i}) for i in taken)

    rows = dict(enumerate(weights))
    return {taken: chance(rows, frozenset(taken)) for taken in combinations(rows, draws)}


def test_sets_come_as_often_as_drawing_one_by_one_gives_them():
    """Chi-square over the 10 pairs of five rows, 20,000 epochs; 6 is passed with a probability below 1e-6."""
    weights = [1.0, 2.0, 3.0, 6.0, 8.0]
    expected = successive_probabilities(weights, 2)
    program = program_of(weights, 2)
    pairs = [tuple(sorted(program.segment(epoch, 0).batches.indices.tolist())) for epoch in range(20_000)]
    counts = [pairs.count(pair) for pair in expected]
    assert abs(standardised_chi_square(counts, 20_000 * np.array(list(expected.values())))) < 6
    proportional = np.array([weights[i] + weights[j] for i, j in expected])
    assert abs(standardised_chi_square(counts, 20_000 * proportional / proportional.sum())) > 6, "not k times the share"


def test_importance_weights_make_the_mean_that_of_all_rows():
    """3,000 epochs of 20 of 60 rows; five standard errors are passed with a probability below 1e-6."""
    rng = np.random.default_rng(0)
    weights, values = rng.lognormal(0, 1, 60), rng.normal(2.0, 1.0, 60)
    weights[:5] = 0
    program = program_of(weights, 20)
    estimates = []
    for epoch in range(3000):
        batches = program.segment(epoch, 0).batches
        estimates.append((batches.columns["importance_weight"] * values[batches.indices]).mean())
    error = np.std(estimates) / np.sqrt(3000)
    assert abs(np.mean(estimates) - values[5:].mean()) < 5 * error
    naive = values[program.segment(0, 0).batches.indices].mean()
    assert np.std(estimates) < 1.0
    assert naive != pytest.approx(values[5:].mean(), abs=1e-3)


def test_all_rows_are_certain():
    batches = program_of([1.0, 5.0, 2.0], 3).segment(0, 0).batches
    assert batches.columns["probability"].tolist() == [1.0] * 3
    assert batches.columns["importance_weight"].tolist() == [1.0] * 3


def test_epochs_draw_anew_and_absent_rows_have_no_position():
    program = program_of(np.ones(100), 10)
    first, second = (set(program.segment(epoch, 0).batches.indices.tolist()) for epoch in (0, 1))
    assert first != second
    absent = sorted(set(range(100)) - first)
    assert program.position_of(np.array(absent), 0).tolist() == [-1] * 90


def test_too_many_are_refused():
    with pytest.raises(BadArgument, match=r"epoch_samples must be at most the table's 3 rows, got 4; draw with"):
        program_of([1.0, 1.0, 1.0], 4)
    with pytest.raises(BadTable, match=r"'w' must have 3 weights above 0, for epoch_samples=3, got 2; draw fewer"):
        program_of([1.0, 1.0, 0.0], 3)
    with pytest.raises(BadArgument, match=r"epoch_samples must be an integer >= 1"):
        cr.WeightedSubset(0)

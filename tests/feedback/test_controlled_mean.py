from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import croupier as cr
from croupier.errors import BadArgument

ROWS = 400


def world(seed=0):
    """Facts of all rows of mean 0, values that mostly follow them, and draws of unequal probability."""
    rng = np.random.default_rng(seed)
    facts = rng.normal(size=(ROWS, 2)) * [1.0, 50.0]
    facts -= facts.mean(axis=0)
    values = 3.0 + facts @ [2.0, 0.1] + 0.3 * rng.normal(size=ROWS)
    probability = rng.exponential(size=ROWS) + 0.2
    return facts, values, probability / probability.sum(), rng


def drawn(count, probability, rng):
    ids = rng.choice(ROWS, count, p=probability)
    return ids, 1 / (ROWS * probability[ids])


def test_it_is_weighted_least_squares_with_an_intercept():
    """As the published code computes it: scikit-learn's LinearRegression with the weights as sample weights."""
    facts, values, probability, rng = world()
    ids, weights = drawn(300, probability, rng)
    fitted = cr.controlled_mean(values[ids], weights, facts[ids])
    peer = LinearRegression().fit(facts[ids], values[ids], sample_weight=weights)
    assert fitted.mean == pytest.approx(peer.intercept_, rel=1e-10)
    assert fitted.coefficients == pytest.approx(peer.coef_, rel=1e-9)


def test_what_the_controls_span_comes_out_exactly():
    facts, _, probability, rng = world()
    ids, weights = drawn(8, probability, rng)
    spanned = 7.0 + facts @ [1.0, -3.0]
    estimate = cr.controlled_mean(spanned[ids], weights, facts[ids])
    assert estimate.mean == pytest.approx(7.0, abs=1e-10)
    assert estimate.error < 1e-9


def test_with_given_coefficients_it_is_unbiased_and_its_error_is_the_true_one():
    """Means over 4,000 estimates: within five standard errors, a false alarm in two million a comparison."""
    facts, values, probability, rng = world(1)
    true = values.mean()
    for coefficients in ([2.0, 0.1], [0.0, 0.0], [-1.0, 0.5]):
        estimates, errors = [], []
        for _ in range(4000):
            ids, weights = drawn(20, probability, rng)
            found = cr.controlled_mean(values[ids], weights, facts[ids], coefficients)
            estimates.append(found.mean)
            errors.append(found.error)
        assert abs(np.mean(estimates) - true) < 5 * np.std(estimates) / np.sqrt(4000)
        assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(estimates), rel=0.15)
    wrong = [np.mean(values[drawn(20, probability, rng)[0]]) for _ in range(4000)]
    assert abs(np.mean(wrong) - true) > 5 * np.std(wrong) / np.sqrt(4000), "without weights it is biased"


def test_fitted_its_variance_is_a_fraction_and_its_error_is_about_right():
    facts, values, probability, rng = world(2)
    plain, fitted, errors = [], [], []
    for _ in range(1500):
        ids, weights = drawn(60, probability, rng)
        plain.append((weights * values[ids]).mean())
        found = cr.controlled_mean(values[ids], weights, facts[ids])
        fitted.append(found.mean)
        errors.append(found.error)
    assert np.var(fitted) < np.var(plain) / 50
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(fitted), rel=0.15)


def test_columns_of_the_stage_go_in_as_they_are():
    """Losses change while the scores lag two segments: the pooled draws still estimate the mean of a fixed fact."""
    rng = np.random.default_rng(4)
    hardness = rng.exponential(size=512)
    dealer = cr.Dealer(cr.chain(cr.ImportanceSampled(), cr.FixedSize(16), segment_ids=64), cr.Table(size=512), seed=1)
    ids, weights, controls = [], [], []
    for epoch in range(6):
        for deal in dealer:
            dealer.observe(deal, hardness[deal.ids] * (1 + epoch))
            ids.append(deal.ids)
            weights.append(deal.columns["importance_weight"])
            controls.append(deal.columns["control"])
    values = 1.0 + hardness[np.concatenate(ids)]
    late = slice(1024, None)  # by then nearly all rows were observed
    estimate = cr.controlled_mean(values[late], np.concatenate(weights)[late], np.concatenate(controls)[late])
    plain = (values * np.concatenate(weights))[late]
    assert abs(estimate.mean - 1.0 - hardness.mean()) < 5 * estimate.error
    assert estimate.error < plain.std() / np.sqrt(plain.size)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([1.0, np.nan, 2.0], [1, 1, 1], [0, 0, 0]), "values must be finite numbers"),
        (
            ([1.0, 2.0], [1, 1, 1], [0, 0]),
            r"weights must have shape \(2,\), as the values, got \(3,\); pass one a draw",
        ),
        (([1.0, 2.0], [1, 1], np.zeros((3, 1))), r"controls must have shape \(2,\) or \(2, k\), got \(3, 1\)"),
        (([1.0, 2.0, 3.0], [1, 0, 1], [0, 1, 2]), "weights must be above 0, got 0.0"),
        (([1.0, 2.0], [1, 1], [0, 1]), "values must be of at least 3 draws, got 2; wait for more"),
        (([1.0], [1], [0], [0.5]), "values must be of at least 2 draws, got 1"),
        (
            ([1.0, 2.0], [1, 1], [0, 1], [1.0, 2.0]),
            r"coefficients must have shape \(1,\), got \(2,\); pass one a control",
        ),
        ((["a", "b"], [1, 1], [0, 1]), "values must be finite numbers"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.controlled_mean(*arguments)

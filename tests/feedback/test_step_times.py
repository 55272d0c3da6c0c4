from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument

FIXED, PER_TOKEN, PER_SQUARE = 0.012, 2e-6, 4e-11


def measured(*, packed, steps=120, noise=0.03, odd=0.0, seed=0):
    rng = np.random.default_rng(seed)
    times = cr.StepTimes(packed=packed)
    for _ in range(steps):
        lengths = np.clip(rng.lognormal(6, 1.2, rng.integers(1, 60)), 1, 16_000).astype(np.int64)
        computed = lengths if packed else np.full(lengths.size, lengths.max())
        seconds = FIXED + PER_TOKEN * computed.sum() + PER_SQUARE * (computed.astype(float) ** 2).sum()
        seconds *= np.exp(noise * rng.normal()) * (0.2 if rng.random() < odd else 1.0)
        times.add(lengths, seconds)
    return times


@pytest.mark.parametrize("packed", [False, True])
def test_the_coefficients_come_back_within_four_of_their_errors(packed):
    """False-alarm rate: 3 coefficients x 2 fits at four standard errors, below 1 in 1,000."""
    fit = measured(packed=packed).fit()
    for value, error, truth in zip(
        (fit.fixed, fit.per_token, fit.per_square), fit.errors, (FIXED, PER_TOKEN, PER_SQUARE), strict=True
    ):
        assert abs(value - truth) < 4 * error
        assert error < 0.25 * truth
    assert fit.spread == pytest.approx(0.03, rel=0.4)


def test_errors_are_honest():
    """Of 3 x 60 coefficients, those beyond two standard errors: 5 % expected, more than 12 % once in a thousand."""
    beyond = 0
    for seed in range(60):
        fit = measured(packed=True, seed=seed, steps=80).fit()
        truths = zip(
            (fit.fixed, fit.per_token, fit.per_square), fit.errors, (FIXED, PER_TOKEN, PER_SQUARE), strict=True
        )
        beyond += sum(abs(value - truth) > 2 * error for value, error, truth in truths)
    assert beyond / 180 < 0.12


def test_a_tenth_of_odd_steps_moves_least_squares_but_not_the_fit():
    times = measured(packed=True, odd=0.1)
    fit = times.fit()
    assert fit.per_token == pytest.approx(PER_TOKEN, rel=0.05)
    tokens, squares, seconds = np.array(times._rows).T
    design = np.stack([np.ones(seconds.size), tokens, squares], axis=1) / seconds[:, None]
    plain = np.linalg.lstsq(design, np.ones(seconds.size), rcond=None)[0]
    assert abs(plain[1] / PER_TOKEN - 1) > 0.1


def test_what_is_not_there_is_zero_not_negative():
    times = cr.StepTimes()
    rng = np.random.default_rng(0)
    for _ in range(40):
        lengths = rng.integers(1, 500, rng.integers(1, 30))
        times.add(lengths, 1e-6 * lengths.size * lengths.max() * (1 + 0.01 * rng.normal()))
    fit = times.fit()
    assert min(fit.fixed, fit.per_token, fit.per_square) >= 0
    assert fit.cost.linear > 1000 * fit.cost.quadratic
    assert fit.seconds([1000], [0])[0] == pytest.approx(1e-3, rel=0.1)
    assert "a step deviates by" in str(fit)


def test_the_cost_is_the_fit_in_integers():
    fit = measured(packed=True, noise=0.0).fit()
    assert fit.cost.quadratic / fit.cost.linear == pytest.approx(PER_SQUARE / PER_TOKEN, rel=0.01)


def test_what_cannot_be_fitted_is_refused():
    times = cr.StepTimes()
    with pytest.raises(BadArgument, match=r"StepTimes must have at least 12 steps to fit, got 0; measure some more"):
        times.fit()
    with pytest.raises(BadArgument, match=r"seconds must be a number above 0, got 0; measure with"):
        times.add([3], 0)
    with pytest.raises(BadArgument, match=r"lengths must be the lengths of at least one example, got \[\]"):
        times.add([], 1.0)
    for wrong in (["a"], [0, 0], [1e200]):
        with pytest.raises(BadArgument, match=r"lengths must be the lengths of at least one example"):
            times.add(wrong, 1.0)
    for step in range(12):
        times.add([10 + step], 1.0)
    with pytest.raises(BadArgument, match=r"the times must grow with the lengths, got a fit in which they do not"):
        _ = times.fit().cost

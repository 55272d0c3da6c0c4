from __future__ import annotations

import numpy as np
import pytest

import croupier as cr


def test_the_posterior_is_the_share_of_true_negatives_among_what_has_no_label():
    """By counting: 10^6 items, each relevant at .7, each relevant one labelled at .4; 5 sd of the share are .003."""
    rng = np.random.default_rng(0)
    is_relevant = rng.random(10**6) < 0.7
    is_labelled = is_relevant & (rng.random(10**6) < 0.4)
    assert (~is_relevant)[~is_labelled].mean() == pytest.approx(cr.negative_posterior(0.7, 0.4), abs=0.003)


def test_it_never_weighs_up_and_falls_as_the_model_finds_it_relevant():
    relevance = np.linspace(0, 0.999, 50)
    weights = cr.negative_posterior(relevance, 0.3)
    assert weights[0] == 1
    assert (np.diff(weights) < 0).all()
    assert weights.min() >= 0


def test_inverse_propensity_makes_the_mean_of_labelled_items_that_of_all():
    """5 sd of the mean over 10^6 items are .02."""
    rng = np.random.default_rng(1)
    value, observed = rng.normal(size=10**6), rng.uniform(0.2, 1, 10**6)
    value += observed  # what is judged more often is better
    is_labelled = rng.random(10**6) < observed
    weighted = (value * cr.inverse_propensity(observed))[is_labelled].sum() / 10**6
    assert weighted == pytest.approx(value.mean(), abs=0.02)
    assert abs(value[is_labelled].mean() - value.mean()) > 0.05
    assert cr.inverse_propensity(np.array([0.001]), largest=5.0).tolist() == [5.0]

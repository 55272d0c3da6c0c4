from __future__ import annotations

import numpy as np
import pytest
import torch

import croupier as cr
from croupier.errors import BadArgument


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


@pytest.mark.parametrize("kind", [float, np.float32, np.array, torch.tensor])
def test_what_is_certainly_relevant_and_certainly_labelled_counts_whole(kind):
    """As every unlabelled item does where all labels are there: the limit, not 0 divided by 0."""
    weights = cr.negative_posterior(kind(1.0), kind(1.0))
    assert float(weights) == 1
    assert cr.negative_posterior(1, 1) == 1
    assert cr.negative_posterior(kind(1.0), 0.5) == 0


def test_tensors_keep_their_kind():
    relevance = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float16)
    assert cr.negative_posterior(relevance, 1.0).tolist() == [1, 1, 1]
    assert cr.negative_posterior(relevance, 0.5).dtype == torch.float16


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: cr.negative_posterior(1.5, 0.5),
            r"relevance must be probabilities: .*, got 1.5; pass numbers from 0 to",
        ),
        (
            lambda: cr.negative_posterior(0.5, np.nan),
            r"observed must be probabilities: .*, got nan; pass numbers from 0",
        ),
        (
            lambda: cr.negative_posterior([0.5], 1.0),
            r"relevance must be probabilities: a number, an array or a tensor,",
        ),
        (lambda: cr.negative_posterior(True, 1.0), r"relevance must be probabilities: .*, got True"),
        (
            lambda: cr.negative_posterior(np.ones(2), np.ones(3)),
            r"observed must fit relevance, of shape \(2,\), got shape \(3,\); pair them",
        ),
        (lambda: cr.inverse_propensity(np.array([-0.1])), r"observed must be probabilities: .*, got array\(\[-0.1\]\)"),
        (lambda: cr.inverse_propensity(0.5, largest=0), r"largest must be a number above 0, got 0; pass 10.0, say"),
    ],
)
def test_what_is_no_probability_is_refused(call, text):
    with pytest.raises(BadArgument, match=text):
        call()


def test_halves_are_calculated_in_doubles_and_whole_tensors_are_no_probabilities():
    half = np.array([0.5, 0.25], np.float16)
    assert cr.negative_posterior(half, 0.25).tolist() == cr.negative_posterior(half.astype(float), 0.25).tolist()
    for wrong in (torch.tensor([1, 0]), torch.tensor(True), torch.eye(2).to_sparse(), torch.ones(2, device="meta")):
        with pytest.raises(BadArgument, match=r"observed must be probabilities: a number, an array or a tensor"):
            cr.inverse_propensity(wrong)

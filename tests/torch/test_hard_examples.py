from __future__ import annotations

import numpy as np
import pytest
import torch

import croupier as cr
from croupier.errors import BadArgument
from croupier.torch import hardest, importance_sample, percentile_sample

LOSSES = torch.tensor(np.random.default_rng(0).exponential(size=24).astype(np.float32))


@pytest.mark.parametrize("count", [1, 7, 24, 40])
def test_the_hardest_are_those_of_a_sort(count):
    choice = hardest(LOSSES, count)
    assert set(choice.places.tolist()) == set(sorted(range(24), key=lambda i: -float(LOSSES[i]))[:count])
    assert choice.places.tolist() == sorted(choice.places.tolist())
    assert choice.candidates == 24
    assert not hasattr(choice, "weights"), "nothing undoes a choice that others had no part in"


def test_ties_go_to_the_first_and_gradients_stay_out():
    assert hardest(torch.tensor([1.0, 2.0, 1.0, 2.0, 1.0], requires_grad=True), 3).places.tolist() == [0, 1, 3]
    assert hardest(torch.tensor([-1.0, -2.0]), 1).places.tolist() == [0]


def sampled(make, times=1000):
    """The weighted mean of the losses in each of many choices, the plain mean too, and how often each place came."""
    weighted, plain, counts = np.empty(times), np.empty(times), np.zeros(24)
    for seed in range(times):
        choice = make(cr.Key(seed))
        losses = LOSSES[choice.places]
        weighted[seed], plain[seed] = float((choice.weights * losses).mean()), float(losses.mean())
        np.add.at(counts, choice.places.numpy(), 1)
    return weighted, plain, counts


CHOICES = {
    "importance": lambda key: importance_sample(LOSSES, 8, key),
    "importance as published": lambda key: importance_sample(LOSSES, 8, key, uniform_share=0.0, replacement=True),
    "importance by another score": lambda key: importance_sample(LOSSES.flip(0), 8, key),
    "nearly all": lambda key: importance_sample(LOSSES**2, 20, key),
    "percentile": lambda key: percentile_sample(LOSSES, 0.5, key),
    "uniform": lambda key: importance_sample(torch.ones(24), 8, key),
}


@pytest.mark.parametrize("name", CHOICES)
def test_the_weighted_mean_is_unbiased(name):
    """Within five standard errors of 1,000 choices: a false alarm in two million each. Without weights it is not."""
    weighted, plain, _ = sampled(CHOICES[name])
    true = float(LOSSES.mean())
    assert abs(weighted.mean() - true) < 5 * weighted.std() / np.sqrt(weighted.size) + 1e-6
    if name != "uniform":
        assert abs(plain.mean() - true) > 5 * plain.std() / np.sqrt(plain.size)


def test_drawing_by_the_value_itself_has_the_least_variance():
    spread = {name: sampled(make, 200)[0].std() for name, make in CHOICES.items()}
    assert spread["importance as published"] < 1e-3, "every draw says the mean exactly"
    assert spread["importance"] < spread["uniform"] / 4
    assert spread["importance by another score"] > spread["uniform"]


def test_percentiles_are_those_of_selective_backprop():
    """Inclusion in proportion to rank**(1 / keep - 1), the weights that Composer draws one by one by."""
    choice = percentile_sample(torch.arange(200).float(), 0.25, cr.Key(0), uniform_share=0.0)
    ranks = (np.arange(200) + 0.5) / 200
    stated = 50 * ranks**3 / (ranks**3).sum()
    assert stated.max() < 1, "nobody is certain"
    assert choice.places.numel() == 50
    assert choice.probability.numpy() == pytest.approx(stated[choice.places.numpy()], rel=1e-5)
    assert percentile_sample(LOSSES, 1.0, cr.Key(0)).places.tolist() == list(range(24))
    assert percentile_sample(LOSSES[:1], 0.01, cr.Key(0)).places.tolist() == [0]


def test_no_weight_exceeds_the_inverse_of_the_uniform_share():
    scores = torch.zeros(50)
    scores[3] = 1.0
    for replacement in (False, True):
        choice = importance_sample(scores, 10, cr.Key(1), uniform_share=0.2, replacement=replacement)
        assert float(choice.weights.max()) <= 5 + 1e-6
        assert choice.places.numel() == 10


def test_keys_decide_and_devices_and_dtypes_are_kept():
    first, again, other = (importance_sample(LOSSES, 8, cr.Key(seed)) for seed in (0, 0, 1))
    assert first.places.tolist() == again.places.tolist() != other.places.tolist()
    assert (first.places.dtype, first.weights.dtype, first.probability.dtype) == (
        torch.int64, torch.float32, torch.float64,
    )  # fmt: skip
    assert importance_sample(LOSSES.bfloat16(), 8, cr.Key(0)).places.device == LOSSES.device
    assert importance_sample(LOSSES, 100, cr.Key(0)).weights.tolist() == [1.0] * 24


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: hardest([1.0, 2.0], 1), r"losses must be a tensor of shape \(n,\), n >= 1, got a list; use reduction"),
        (lambda: hardest(torch.ones(2, 2), 1), r"losses must be a tensor .*got shape \(2, 2\)"),
        (lambda: hardest(torch.ones(0), 1), r"losses must be a tensor .*got shape \(0,\); .*skip an empty batch"),
        (lambda: hardest(torch.ones(3), 0), "count must be an integer >= 1 and <= 1048576, got 0"),
        (lambda: hardest(torch.tensor([1.0, float("nan")]), 1), "losses must be finite, .*got nan; skip steps that"),
        (
            lambda: importance_sample(torch.tensor([1.0, -1.0]), 1, cr.Key(0)),
            r"scores must be in \[0, 2\*\*64\], got -1",
        ),
        (lambda: importance_sample(torch.ones(3), 1, 0), "key must be a Key, got 0"),
        (
            lambda: importance_sample(torch.ones(3), 1, cr.Key(0), uniform_share=1.5),
            r"uniform_share must be in \[0, 1\], got 1.5; pass a share like 0.1",
        ),
        (lambda: percentile_sample(LOSSES, 0.0, cr.Key(0)), r"keep must be a number in \(0, 1\], got 0.0"),
    ],
)
def test_bad_arguments_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()


def test_losses_of_a_sparse_tensor_are_refused():
    with pytest.raises(BadArgument, match=r"losses must be real numbers of a dense tensor, got a tensor of torch"):
        hardest(torch.ones(3).to_sparse(), 1)

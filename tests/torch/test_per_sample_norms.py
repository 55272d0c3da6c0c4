"""Norms and inner products of samples' gradients against gradients that are all kept, on several kinds of models."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

import croupier as cr
from croupier.errors import BadArgument
from croupier.torch import per_sample_norms
from gaussian_gradients import norms_of_samples


class Attention(torch.nn.Module):
    """A layer of a transformer over eight tokens, written out."""

    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(11, 8)
        self.project = torch.nn.Linear(8, 24)
        self.norm = torch.nn.LayerNorm(8)
        self.head = torch.nn.Linear(8, 11)

    def forward(self, tokens):
        hidden = self.embed(tokens)
        queries, keys, values = self.project(self.norm(hidden)).chunk(3, dim=-1)
        weights = torch.softmax(queries @ keys.transpose(1, 2) / 8**0.5, dim=-1)
        return self.head(hidden + weights @ values).mean(1)


def perceptron():
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.GELU(), torch.nn.Linear(7, 3))


def convolutional():
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(36, 3)
    )


def frozen_first_layer():
    model = perceptron()
    model[0].requires_grad_(False)
    return model


MODELS = {
    "perceptron": (perceptron, (5,)),
    "convolutional": (convolutional, (1, 8, 8)),
    "attention": (Attention, None),
    "frozen": (frozen_first_layer, (5,)),
}


def case(name, samples, seed=0):
    torch.manual_seed(seed)
    make, shape = MODELS[name]
    inputs = torch.randint(0, 11, (samples, 8)) if shape is None else torch.randn(samples, *shape).double()
    return make().double(), (inputs, torch.randint(0, 3, (samples,)))


def loss_of(model, inputs, targets):
    return cross_entropy(model(inputs), targets)


def kept_gradients(model, batch):
    """One backward pass a sample, all gradients kept: shape (samples, parameters)."""
    rows = []
    for row in range(len(batch[0])):
        model.zero_grad()
        loss_of(model, *(part[row : row + 1] for part in batch)).backward()
        rows.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).numpy())
    return np.array(rows)


@pytest.mark.parametrize("samples", [4, 9])
@pytest.mark.parametrize("name", MODELS)
def test_it_is_what_kept_gradients_say(name, samples):
    model, batch = case(name, samples)
    expected = norms_of_samples(kept_gradients(model, batch))
    for chunk in (5, 100):
        found = per_sample_norms(model, loss_of, batch, chunk_samples=chunk, with_inner=True)
        for field in ("groups", "whole", "group_samples", "samples"):
            assert getattr(found, field) == pytest.approx(getattr(expected, field), rel=1e-9), field
        assert found.inner == pytest.approx(expected.inner, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("name", ["convolutional", "attention"])
def test_all_three_tests_follow_from_it(name):
    """Written out with every gradient at hand, over all parameters at once."""
    model, batch = case(name, 12)
    gradients = kept_gradients(model, batch)
    g, squared = gradients.mean(0), (gradients.mean(0) ** 2).sum()
    across = gradients - np.outer(gradients @ g, g) / squared
    norms = per_sample_norms(model, loss_of, batch, with_inner=True)
    sizes = {
        cr.NormTest(0.5): gradients.var(0, ddof=1).sum() / (0.25 * squared),
        cr.InnerProductTest(0.9): (gradients @ g).var(ddof=1) / (0.81 * squared**2),
        cr.OrthogonalityTest(2.0): across.var(0, ddof=1).sum() / (4.0 * squared),
    }
    for test, size in sizes.items():
        assert test.published(norms) == pytest.approx(size, rel=1e-7)


def test_without_inner_products_it_is_the_same_and_nothing_changes():
    model, batch = case("perceptron", 6)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    found = per_sample_norms(model, loss_of, batch)
    whole = per_sample_norms(model, loss_of, batch, with_inner=True)
    assert found.inner is None
    assert (found.groups, found.whole) == (whole.groups, whole.whole)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert all((parameter.grad == 1).all() for parameter in model.parameters())


def test_half_precision_sums_in_single():
    model, batch = case("perceptron", 64)
    exact = per_sample_norms(model, loss_of, batch, with_inner=True)
    rough = per_sample_norms(model.bfloat16(), loss_of, (batch[0].bfloat16(), batch[1]), with_inner=True)
    assert rough.groups == pytest.approx(exact.groups, rel=0.03)
    assert rough.whole == pytest.approx(exact.whole, rel=0.05)
    assert rough.inner.variance == pytest.approx(exact.inner.variance, rel=0.1)


def test_layers_that_mix_or_draw_are_refused_by_torch():
    """And accepted in evaluation mode, where a sample is its own."""
    norm = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.BatchNorm1d(7), torch.nn.Linear(7, 3)).double()
    drop = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Dropout(), torch.nn.Linear(7, 3)).double()
    _, batch = case("perceptron", 4)
    for model in (norm, drop):
        with pytest.raises((RuntimeError, ValueError), match=r"vmap|transform|more than 1 value"):
            per_sample_norms(model, loss_of, batch)
        per_sample_norms(model.eval(), loss_of, batch, with_inner=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda m, b: per_sample_norms(m, loss_of, (b[0][:1], b[1][:1])),
            r"batch must be tensors with a row for each of 2 samples or more, got \[1, 1\]; pass a tuple like",
        ),
        (lambda m, b: per_sample_norms(m, loss_of, (b[0], b[1][:3])), r"batch must be .*, got \[4, 3\]"),
        (lambda m, _: per_sample_norms(m, loss_of, ()), r"batch must be .*, got \[\]"),
        (
            lambda m, b: per_sample_norms(m, loss_of, (b[0][:3], b[1][:3]), with_inner=True),
            r"batch must be tensors with a row for each of 4 samples or more, got \[3, 3\]",
        ),
        (
            lambda m, b: per_sample_norms(m, loss_of, b, chunk_samples=0),
            r"chunk_samples must be an integer >= 1, got 0; pass how many samples' gradients fit into memory",
        ),
    ],
)
def test_errors(call, message):
    model, batch = case("perceptron", 4)
    with pytest.raises(BadArgument, match=message):
        call(model, batch)


def test_a_loss_is_one_number():
    for wrong, what in ((lambda *_: 1, "'int'"), (lambda model, x: model(x), r"\(1, 1\)")):
        with pytest.raises(BadArgument, match=rf"loss must return a tensor that is one number, got {what}"):
            per_sample_norms(torch.nn.Linear(1, 1), wrong, (torch.ones(4, 1),))

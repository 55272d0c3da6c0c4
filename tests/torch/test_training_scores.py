"""Scores of a forward pass against autograd, and against their definitions written out."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from croupier.errors import BadArgument
from croupier.torch import last_layer_gradient_norm, training_scores
from croupier.torch import training_scores as module_function

SHAPES = [(5,), (4, 3), (2, 3, 2)]


def batch(shape, classes=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(*shape, classes, generator=generator)
    labels = torch.randint(0, classes, shape, generator=generator)
    if len(shape) > 1:
        labels[0, 1:] = -100
        labels[1] = -100
    return logits, labels


def tokens_of(logits, labels, example):
    counted = labels[example].reshape(-1) != -100
    return logits[example].reshape(-1, logits.shape[-1])[counted], labels[example].reshape(-1)[counted]


@pytest.mark.parametrize("shape", SHAPES)
def test_each_is_what_its_definition_says(shape):
    logits, labels = batch(shape)
    scores = training_scores(logits, labels)
    for example in range(shape[0]):
        some, theirs = tokens_of(logits, labels, example)
        if not len(theirs):
            assert all(torch.isnan(column[example]) for column in scores)
            continue
        chances = functional.softmax(some.double(), -1) - functional.one_hot(theirs, 7)
        own = some[torch.arange(len(theirs)), theirs]
        others = some.clone()
        others[torch.arange(len(theirs)), theirs] = -torch.inf
        expected = (
            functional.cross_entropy(some, theirs),
            chances.square().sum().sqrt().float(),
            (own - others.amax(-1)).mean(),
            (some.argmax(-1) == theirs).all().float(),
        )
        assert torch.allclose(torch.stack([column[example] for column in scores]), torch.stack(expected), atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_el2n_is_the_gradient_at_the_logits(shape):
    logits, labels = batch(shape)
    found = training_scores(logits, labels).el2n
    for example in range(shape[0]):
        some, theirs = tokens_of(logits, labels, example)
        leaf = some.clone().requires_grad_()
        functional.cross_entropy(leaf, theirs, reduction="sum").backward()
        assert torch.isnan(found[example]) if not len(theirs) else torch.allclose(found[example], leaf.grad.norm())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_last_layers_gradient_is_that_of_autograd(shape, bias):
    torch.manual_seed(1)
    layer, hidden = torch.nn.Linear(4, 7, bias=bias), torch.randn(*shape, 4)
    _, labels = batch(shape)
    found = last_layer_gradient_norm(layer(hidden), labels, hidden, bias=bias)
    for example in range(shape[0]):
        if (labels[example] == -100).all():
            assert torch.isnan(found[example])
            continue
        layer.zero_grad()
        functional.cross_entropy(
            layer(hidden[example]).reshape(-1, 7), labels[example].reshape(-1), reduction="sum"
        ).backward()
        exact = torch.cat([parameter.grad.flatten() for parameter in layer.parameters()]).norm()
        assert torch.allclose(found[example], exact, rtol=1e-4)


def test_chunks_of_a_few_examples_give_the_same(monkeypatch):
    logits, labels = batch((6, 3))
    hidden = torch.randn(6, 3, 4)
    whole = (*training_scores(logits, labels), last_layer_gradient_norm(logits, labels, hidden))
    monkeypatch.setitem(module_function.__globals__, "CHUNK_NUMBERS", 50)
    cut = (*training_scores(logits, labels), last_layer_gradient_norm(logits, labels, hidden))
    for one, other in zip(whole, cut, strict=True):
        assert torch.allclose(one, other, equal_nan=True)


def test_low_precision_logits_are_read_in_single_and_nothing_asks_for_a_gradient():
    logits, labels = batch((5,))
    logits = logits.to(torch.bfloat16).requires_grad_()
    scores = training_scores(logits, labels)
    assert {column.dtype for column in scores} == {torch.float32}
    assert not any(column.requires_grad for column in scores)
    assert torch.allclose(scores.loss, functional.cross_entropy(logits.float(), labels, reduction="none"))


@pytest.mark.parametrize("hole", [torch.nan, torch.inf, -torch.inf])
def test_what_does_not_count_may_be_infinite_or_no_number(hole):
    """Logits and states of padding that were never written. Times 0 they would still be nan."""
    logits, labels = batch((5, 3))
    hidden = torch.randn(5, 3, 4)
    plain = (*training_scores(logits, labels), last_layer_gradient_norm(logits, labels, hidden))
    logits[labels == -100], hidden[labels == -100] = hole, hole
    holed = (*training_scores(logits, labels), last_layer_gradient_norm(logits, labels, hidden))
    for one, other in zip(plain, holed, strict=True):
        assert torch.allclose(one, other, equal_nan=True)


def test_a_class_that_is_masked_out_is_as_in_cross_entropy():
    """Class 0 is padding, and never a label; the place of labels that are ignored is looked up there."""
    logits, labels = batch((4, 3))
    labels[labels == 0] = 1
    logits[..., 0] = -torch.inf
    scores = training_scores(logits, labels)
    for example in (0, 2, 3):
        assert torch.allclose(scores.loss[example], functional.cross_entropy(logits[example], labels[example]))
        assert all(torch.isfinite(column[example]) for column in scores)
    assert torch.isfinite(last_layer_gradient_norm(logits, labels, torch.randn(4, 3, 2))[[0, 2, 3]]).all()


def test_a_sure_model_has_a_norm_with_digits():
    """1 + |p|**2 - 2 p would be 0."""
    logits = torch.tensor([[12.0, 0.0]])
    assert training_scores(logits, torch.tensor([0])).el2n.item() == pytest.approx(2**0.5 * 6.144e-06, rel=2e-2)


def test_a_tie_is_not_right():
    assert training_scores(torch.zeros(1, 3), torch.tensor([0])).correct.tolist() == [0.0]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: training_scores(torch.zeros(3, 2), torch.zeros(2, dtype=int)),
            r"labels must have the shape of the log",
        ),
        (
            lambda: training_scores(torch.zeros(3, 2), torch.zeros(3)),
            r"labels must be the numbers of classes, got dtype to",
        ),
        (
            lambda: training_scores(torch.zeros(1, 2), torch.tensor([2])),
            r"labels must be below the 2 classes of the logit",
        ),
        (lambda: training_scores(torch.zeros(3, 1), torch.zeros(3, dtype=int)), r"two classes or more, got \(3,\) for"),
        (
            lambda: last_layer_gradient_norm(torch.zeros(3, 2), torch.zeros(3, dtype=int), torch.zeros(2, 4)),
            r"hidden must have the shape of the labels and a width, got \(2, 4\) for labels of \(3,\)",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call, text):
    with pytest.raises(BadArgument, match=text):
        call()

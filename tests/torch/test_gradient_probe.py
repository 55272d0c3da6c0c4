"""What was done to gradients after backward is found on one small parameter."""

from __future__ import annotations

import pytest
import torch

from croupier.torch.gradient_probe import GradientProbe, ProbedSums


def probed(change, *, passes=3, dtype=torch.float32):
    """Passes through a small model, then a change of what they added up."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Linear(5, 3)).to(dtype)
    probe = GradientProbe(list(model.parameters()))
    for _ in range(passes):
        model(torch.randn(6, 4).to(dtype)).square().mean().backward()
    change(model)
    return probe.take()


@pytest.mark.parametrize(
    ("change", "differ"),
    [
        (lambda _: None, False),
        (lambda model: torch.nn.utils.clip_grad_norm_(model.parameters(), 1e9), False),
        (lambda model: torch.nn.utils.clip_grad_norm_(model.parameters(), 1e-2), True),
        (lambda model: model.zero_grad(), True),
        (lambda model: model.zero_grad(set_to_none=False), True),
        (lambda model: [parameter.grad.div_(65536.0) for parameter in model.parameters()], True),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_change_is_found(change, differ, dtype):
    assert probed(change, dtype=dtype).differ is differ


def test_it_begins_anew():
    weight = torch.nn.Parameter(torch.ones(3))
    probe = GradientProbe([weight])
    for _ in range(2):
        weight.sum().backward()
        assert not probe.take().differ
        weight.grad = None
    weight.sum().backward()
    probe.forget()
    assert probe.take().seen == 0.0
    probe.remove()
    weight.sum().backward()
    assert probe.take().seen == 0.0


def test_where_nothing_can_be_said_nothing_differs():
    assert not probed(lambda model: model.zero_grad(), dtype=torch.bfloat16).differ
    assert not ProbedSums(float("nan"), 1.0, 1.0).differ
    assert not ProbedSums(float("inf"), 1.0, float("inf")).differ
    embedding = torch.nn.Embedding(10, 3, sparse=True)
    probe = GradientProbe(list(embedding.parameters()))
    embedding(torch.tensor([1, 1, 4])).sum().backward()
    assert probe.take() == ProbedSums()


def test_sums_of_ranks_are_compared_as_the_mean_of_their_gradients():
    """Two ranks with other gradients and their mean in the place of each: apart they differ, together they do not."""
    found = []
    for values in ((1.0, 2.0), (-3.0, 5.0)):
        weight = torch.nn.Parameter(torch.ones(2))
        probe = GradientProbe([weight])
        (weight * torch.tensor(values)).sum().backward()
        weight.grad = torch.tensor([-1.0, 3.5])
        found.append(probe.take())
    assert all(one.differ for one in found)
    assert not ProbedSums(*(sum(column) for column in zip(*found, strict=True))).differ

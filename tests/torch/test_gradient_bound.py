from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from croupier.errors import BadArgument
from croupier.torch import last_layer_bound, sequence_bound


def by_autograd(logits, labels):
    """The norm of each example's gradient with respect to its logits, one example at a time."""
    norms = []
    for mine, answers in zip(logits, labels, strict=True):
        leaf = mine.detach().clone().requires_grad_()
        flat, targets = leaf.reshape(-1, leaf.shape[-1]), answers.reshape(-1)
        functional.cross_entropy(flat, targets, reduction="sum", ignore_index=-100).backward()
        norms.append(float(leaf.grad.norm()))
    return norms


def test_it_is_the_gradient_norm_of_the_logits():
    torch.manual_seed(0)
    logits, labels = 4 * torch.randn(32, 7), torch.randint(0, 7, (32,))
    assert last_layer_bound(logits, labels).tolist() == pytest.approx(by_autograd(logits, labels), rel=1e-5)
    sure = torch.tensor([[30.0, 0.0], [12.0, 0.0]])
    exact = (2**0.5 * torch.sigmoid(torch.tensor([-30.0, -12.0]).double())).tolist()
    assert last_layer_bound(sure, torch.tensor([0, 0])).tolist()[1] == pytest.approx(exact[1], rel=1e-2)
    assert last_layer_bound(sure, torch.tensor([0, 0])).tolist()[0] < 1e-6
    assert not last_layer_bound(logits.requires_grad_(), labels).requires_grad


def test_sequences_leave_out_what_does_not_count():
    torch.manual_seed(1)
    logits, labels = torch.randn(5, 6, 11), torch.randint(0, 11, (5, 6))
    labels[0, 2:] = -100
    labels[3] = -100
    assert last_layer_bound(logits, labels).tolist() == pytest.approx(by_autograd(logits, labels), rel=1e-5)
    pixels = last_layer_bound(logits.reshape(5, 2, 3, 11), labels.reshape(5, 2, 3))
    assert pixels.tolist() == pytest.approx(last_layer_bound(logits, labels).tolist())


@pytest.mark.parametrize("chunk_tokens", [1, 4, 7, 1000])
@pytest.mark.parametrize("bias", [True, False])
def test_chunks_of_a_head_give_the_same(chunk_tokens, bias):
    torch.manual_seed(2)
    head, hidden = torch.nn.Linear(8, 13, bias=bias), torch.randn(4, 5, 8)
    labels = torch.randint(0, 13, (4, 5))
    labels[1, 3:] = -100
    whole = last_layer_bound(head(hidden), labels)
    found = sequence_bound(hidden, head, labels, chunk_tokens=chunk_tokens)
    assert found.tolist() == pytest.approx(whole.tolist(), rel=1e-5)
    assert not found.requires_grad


def test_what_does_not_count_may_be_infinite_or_no_number():
    """A class that is masked out, and states of padding that were never written. Times 0 they would still be nan."""
    logits, labels = torch.zeros(2, 3, 4), torch.tensor([[1, -100, 2], [3, 1, -100]])
    plain = last_layer_bound(logits, labels)
    logits[labels == -100] = torch.nan
    assert torch.equal(last_layer_bound(logits, labels), plain)
    logits[..., 0] = -torch.inf
    assert bool(torch.isfinite(last_layer_bound(logits, labels)).all())


def test_it_bounds_the_gradient_of_a_whole_network_up_to_one_factor():
    """Of W tanh(V x): |gradient| <= |softmax - onehot| times a factor that no label enters."""
    torch.manual_seed(3)
    model = torch.nn.Sequential(torch.nn.Linear(10, 32), torch.nn.Tanh(), torch.nn.Linear(32, 4))
    inputs, labels = torch.randn(60, 10), torch.randint(0, 4, (60,))
    with torch.no_grad():
        model[2].weight.mul_(6.0)
        hidden = model[:2](inputs)
        through = torch.linalg.matrix_norm(model[2].weight, 2) ** 2 * (inputs.square().sum(1) + 1)
        factor = (hidden.square().sum(1) + 1 + through).sqrt()
    norms = []
    for place in range(60):
        model.zero_grad()
        functional.cross_entropy(model(inputs[place : place + 1]), labels[place : place + 1]).backward()
        norms.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]).norm())
    norms, bound = torch.stack(norms), last_layer_bound(model(inputs), labels)
    assert bool((norms <= factor.max() * bound).all())
    assert bool((norms <= factor * bound).all())
    assert float(torch.corrcoef(torch.stack([norms, bound]))[0, 1]) > 0.85
    assert float((norms / bound).std() / (norms / bound).mean()) < float(norms.std() / norms.mean()) / 2


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: last_layer_bound(torch.ones(3, 2), torch.zeros(2).long()), "labels must have the shape of the logits"),
        (
            lambda: last_layer_bound(torch.ones(3, 2), torch.zeros(3)),
            r"labels must be the numbers of classes, got dtype to",
        ),
        (
            lambda: last_layer_bound(torch.ones(3, 2), torch.tensor([0, 2, -100])),
            r"labels must be below the 2 classes of the logits, or -100 where they do not count, got 2; number the cla",
        ),
        (
            lambda: last_layer_bound(torch.ones(1, 2), torch.tensor([-1])),
            r"labels must be below the 2 classes .*, got -1",
        ),
        (
            lambda: last_layer_bound(torch.ones(3), torch.zeros(3).long()),
            "labels must have the shape of the logits but",
        ),
        (
            lambda: sequence_bound(torch.ones(2, 3, 4), torch.nn.Linear(4, 5), torch.zeros(2).long()),
            r"labels must have the shape \(n, tokens\), got \(2,\) for hidden states of \(2, 3, 4\)",
        ),
        (
            lambda: sequence_bound(
                torch.ones(2, 3, 4), torch.nn.Linear(4, 5), torch.zeros(2, 3).long(), chunk_tokens=0
            ),
            "chunk_tokens must be an integer >= 1, got 0",
        ),
    ],
)
def test_bad_arguments_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()


def test_a_layer_returns_logits():
    hidden, labels = torch.ones(1, 2, 3), torch.zeros(1, 2, dtype=torch.long)
    for wrong, what in ((lambda _: 1, "'int'"), (lambda rows: rows.sum(), r"\(\)")):
        with pytest.raises(BadArgument, match=rf"output must return logits of shape \(2, classes\), got {what}"):
            sequence_bound(hidden, wrong, labels)
    with pytest.raises(BadArgument, match=r"output must be the last layer, got <class 'int'>; pass model.lm_head"):
        sequence_bound(hidden, int, labels)

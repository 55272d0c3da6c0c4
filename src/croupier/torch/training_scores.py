"""What a forward pass says of each example besides its loss: EL2N, margin, whether it is right, its gradient's norm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import torch
from torch.nn import functional

from croupier.errors import BadArgument, checked_flag, checked_int, checked_kind
from croupier.torch.gradient_bound import check_labels, last_layer_bound

__all__ = ["TrainingScores", "last_layer_gradient_norm", "training_scores"]

CHUNK_NUMBERS = 2**24
"""Logits looked at at a time, so that what is computed of them takes 64 MB and not the memory of all of them again."""


class TrainingScores(NamedTuple):
    """Scores of a batch: float32 tensors of shape (n,) on the device of the logits; NaN for examples without tokens."""

    loss: torch.Tensor
    """Cross-entropy, the mean over the tokens of an example."""
    el2n: torch.Tensor
    """The norm of softmax(z) - onehot(y); of several tokens the root of the sum of squares."""
    margin: torch.Tensor
    """The logit of the label less the largest other one, the mean over the tokens: AUM is its mean over epochs."""
    correct: torch.Tensor
    """1 where the label's logit is the largest, of every token, else 0: what forgetting counts."""


@torch.no_grad()
def training_scores(logits: torch.Tensor, labels: torch.Tensor, *, ignored: int = -100) -> TrainingScores:
    """All that :class:`croupier.KeepScores` keeps of logits and labels, without a backward pass.

    Parameters
    ----------
    logits : float Tensor of shape (n, ..., classes)
        As cross-entropy is given, two classes or more, the classes last.
    labels : int Tensor of shape (n, ...)
        For a language model shifted already.
    ignored : int
        The label of tokens that do not count.

    Source: EL2N: Paul, Ganguli and Dziugaite, "Deep learning on a data diet: finding important examples early in
    training" (2021), definition 2.2, the mean of which over trained copies or epochs is theirs. Margin: Pleiss et al.,
    "Identifying mislabeled data using the area under the margin ranking" (2020), section 3. Forgetting: Toneva et al.,
    "An empirical study of example forgetting during deep neural network learning" (2019). How each extends to several
    tokens is our own.

    Examples
    --------
    >>> scores = training_scores(torch.tensor([[2.0, 0.0], [1.0, 4.0]]), torch.tensor([0, 0]))
    >>> scores.margin.tolist(), scores.correct.tolist()
    ([2.0, -3.0], [1.0, 0.0])
    """
    ignored = _check(logits, labels, ignored)
    parts = [_of_chunk(some, theirs, ignored) for some, theirs in _chunks(logits, labels)]
    return TrainingScores(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


@torch.no_grad()
def last_layer_gradient_norm(
    logits: torch.Tensor, labels: torch.Tensor, hidden: torch.Tensor, *, bias: bool = True, ignored: int = -100
) -> torch.Tensor:
    """The norm of each example's gradient with respect to the last linear layer, without a backward pass: GraNd of it.

    Parameters
    ----------
    logits, labels, ignored
        As for :func:`training_scores`; the loss of an example is the sum over its tokens.
    hidden : float Tensor of shape (n, ..., width)
        What the last layer is given: ``logits = layer(hidden)``.
    bias : bool
        Whether the layer has one.

    Returns
    -------
    float32 Tensor of shape (n,), on the device of the logits

    Guarantees: exact, up to rounding. With one label an example it is EL2N times sqrt(1 + |hidden|**2). With T tokens
    the gradient is a sum of products e_t h_t' and its squared norm the sum over s, t of (e_s e_t)(h_s h_t): T**2
    numbers an example, rather than classes x width.

    Source: GraNd: Paul, Ganguli and Dziugaite (2021), definition 2.1, for the whole network; the sum over pairs of
    tokens is written out here.

    Examples
    --------
    >>> layer, hidden, labels = torch.nn.Linear(3, 5), torch.ones(1, 3), torch.tensor([2])
    >>> logits = layer(hidden)
    >>> functional.cross_entropy(logits, labels).backward()
    >>> exact = torch.cat([layer.weight.grad.flatten(), layer.bias.grad]).norm()
    >>> bool(torch.allclose(last_layer_gradient_norm(logits, labels, hidden), exact))
    True
    """
    checked_kind("hidden", hidden, torch.Tensor, fix="pass a tensor")
    bias = checked_flag("bias", bias, fix="pass True or False")
    ignored = _check(logits, labels, ignored)
    if hidden.shape[:-1] != labels.shape:
        what = f"{tuple(hidden.shape)} for labels of {tuple(labels.shape)}"
        raise BadArgument(
            "hidden", "have the shape of the labels and a width", what, "pass what the last layer is given"
        )
    inside = _split(hidden, _chunk_rows(logits))
    parts = zip(_chunks(logits, labels), inside, strict=True)
    return torch.cat([_gram_norm(some, theirs, h, bias=bias, ignored=ignored) for (some, theirs), h in parts])


def _of_chunk(logits: torch.Tensor, labels: torch.Tensor, ignored: int) -> tuple[torch.Tensor, ...]:
    rows = len(labels)
    counts = (labels != ignored).reshape(rows, -1)
    tokens = counts.sum(1)
    is_empty = tokens == 0
    places = torch.where(labels != ignored, labels, 0).unsqueeze(-1)
    held = logits.float()
    own = held.gather(-1, places).squeeze(-1)
    others = held.scatter(-1, places, -torch.inf).amax(-1)
    losses = (torch.logsumexp(held, -1) - own).reshape(rows, -1)
    margins = (own - others).reshape(rows, -1)
    # Chosen, and not times 0: logits of what does not count may be infinite, or not numbers.
    scores = (
        torch.where(counts, losses, 0.0).sum(1) / tokens,
        last_layer_bound(held, labels, ignored=ignored),
        torch.where(counts, margins, 0.0).sum(1) / tokens,
        ((margins > 0) | ~counts).all(1).float(),
    )
    return tuple(score.masked_fill(is_empty, torch.nan) for score in scores)


def _gram_norm(
    logits: torch.Tensor, labels: torch.Tensor, hidden: torch.Tensor, *, bias: bool, ignored: int
) -> torch.Tensor:
    rows, counts = len(labels), labels != ignored
    places = torch.where(counts, labels, 0).unsqueeze(-1)
    errors = functional.softmax(logits.float(), -1)
    errors = errors.scatter_add_(-1, places, torch.full_like(places, -1.0, dtype=errors.dtype))
    errors, inside = (torch.where(counts.unsqueeze(-1), part, 0.0) for part in (errors, hidden.float()))
    errors, inside = errors.reshape(rows, -1, logits.shape[-1]), inside.reshape(rows, -1, hidden.shape[-1])
    products = torch.bmm(inside, inside.mT) + float(bias)
    norms = (torch.bmm(errors, errors.mT) * products).sum((1, 2)).clamp_min(0.0).sqrt()
    return norms.masked_fill(~counts.reshape(rows, -1).any(1), torch.nan)


def _chunk_rows(logits: torch.Tensor) -> int:
    return max(1, CHUNK_NUMBERS // max(1, logits[:1].numel()))


def _chunks(logits: torch.Tensor, labels: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    rows = _chunk_rows(logits)
    yield from zip(_split(logits, rows), _split(labels, rows), strict=True)


def _split(values: torch.Tensor, rows: int) -> list[torch.Tensor]:
    return list(cast("Any", values.detach()).split(rows))


def _check(logits: torch.Tensor, labels: torch.Tensor, ignored: int) -> int:
    for argument, values in (("logits", logits), ("labels", labels)):
        checked_kind(argument, values, torch.Tensor, fix="pass a tensor")
    ignored = checked_int("ignored", ignored, at_least=-(2**63), at_most=2**63 - 1, fix="pass -100, say")
    if logits.ndim < 2 or labels.shape != logits.shape[:-1] or logits.shape[-1] < 2:
        what = f"{tuple(labels.shape)} for logits of {tuple(logits.shape)}"
        raise BadArgument("labels", "have the shape of the logits but for two classes or more", what, "classes last")
    check_labels(labels, logits.shape[-1], ignored)
    return ignored

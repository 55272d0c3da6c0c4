"""A bound on each example's gradient norm, from a forward pass alone."""

from __future__ import annotations

import torch
from torch.nn import functional

from croupier.errors import BadArgument, check_function, checked_int, checked_kind

__all__ = ["check_labels", "last_layer_bound", "sequence_bound"]


@torch.no_grad()
def last_layer_bound(logits: torch.Tensor, labels: torch.Tensor, *, ignored: int = -100) -> torch.Tensor:
    """The norm of the cross-entropy's gradient with respect to the logits: ``|softmax(z) - onehot(y)|``.

    Up to a factor that the layers below share, it bounds the gradient norm of the example, and is in [0, sqrt(2)]; the
    score to draw by with :func:`importance_sample` or :class:`croupier.ImportanceSampled`. It is what is known as EL2N
    where it is averaged over trained copies of the model.

    Parameters
    ----------
    logits : float Tensor of shape (n, ..., classes)
        What cross-entropy is given, the classes last.
    labels : int Tensor of shape (n, ...)
    ignored : int
        The label of tokens that do not count.

    Returns
    -------
    float32 Tensor of shape (n,), on the device of the logits
        Of several tokens an example, the root of the sum of their squares: the loss is then the sum over the tokens.

    Source: Katharopoulos and Fleuret, "Not all samples are created equal: deep learning with importance sampling"
    (2018), section 3; for softmax and cross-entropy, the gradient is written out here.

    Examples
    --------
    >>> last_layer_bound(torch.tensor([[0.0, 0.0], [9.0, 0.0]]), torch.tensor([0, 1])).tolist()
    [0.7071067690849304, 1.4140390157699585]
    """
    checked_kind("logits", logits, torch.Tensor, fix="pass a tensor")
    checked_kind("labels", labels, torch.Tensor, fix="pass a tensor")
    ignored = checked_int("ignored", ignored, at_least=-(2**63), at_most=2**63 - 1, fix="pass -100, say")
    if logits.ndim < 2 or labels.shape != logits.shape[:-1]:
        what = f"{tuple(labels.shape)} for logits of {tuple(logits.shape)}"
        raise BadArgument("labels", "have the shape of the logits but for the classes", what, "put the classes last")
    check_labels(labels, logits.shape[-1], ignored)
    return _squares(logits, labels, ignored).unsqueeze(-1).flatten(1).sum(1).sqrt()


@torch.no_grad()
def sequence_bound(
    hidden: torch.Tensor,
    output: torch.nn.Linear,
    labels: torch.Tensor,
    *,
    ignored: int = -100,
    chunk_tokens: int = 1024,
) -> torch.Tensor:
    """:func:`last_layer_bound` of sequences, without holding their logits: those of a chunk of tokens at a time.

    Parameters
    ----------
    hidden : float Tensor of shape (n, tokens, width)
        What the output layer is given.
    output : Linear
        The layer that makes logits of it: ``lm_head``.
    labels : int Tensor of shape (n, tokens)
        Shifted already: label t is what hidden state t predicts.
    ignored : int
        The label of tokens that do not count; no logits are made of those.
    chunk_tokens : int
        Logits held at a time: ``chunk_tokens`` x classes.

    Returns
    -------
    float32 Tensor of shape (n,), on the device of the hidden states

    Source: as :func:`last_layer_bound`.

    Examples
    --------
    >>> head, hidden = torch.nn.Linear(4, 9), torch.ones(2, 3, 4)
    >>> labels = torch.tensor([[1, 2, -100], [-100, -100, -100]])
    >>> whole = last_layer_bound(head(hidden), labels)
    >>> bool(torch.allclose(sequence_bound(hidden, head, labels, chunk_tokens=2), whole)), float(whole[1])
    (True, 0.0)
    """
    checked_kind("hidden", hidden, torch.Tensor, fix="pass a tensor")
    checked_kind("labels", labels, torch.Tensor, fix="pass a tensor")
    ignored = checked_int("ignored", ignored, at_least=-(2**63), at_most=2**63 - 1, fix="pass -100, say")
    check_function("output", output, "be the last layer", fix="pass model.lm_head, say")
    if hidden.ndim != 3 or labels.shape != hidden.shape[:2]:
        what = f"{tuple(labels.shape)} for hidden states of {tuple(hidden.shape)}"
        raise BadArgument("labels", "have the shape (n, tokens)", what, "pass a label for each hidden state")
    chunk_tokens = checked_int(
        "chunk_tokens", chunk_tokens, at_least=1, fix="pass the tokens whose logits are held at a time"
    )
    sums = torch.zeros(len(labels), dtype=torch.float32, device=hidden.device)
    examples, tokens = torch.nonzero(labels != ignored, as_tuple=True)
    for first in range(0, len(examples), chunk_tokens):
        rows, columns = examples[first : first + chunk_tokens], tokens[first : first + chunk_tokens]
        logits = output(hidden[rows, columns])
        if not isinstance(logits, torch.Tensor) or logits.shape[:-1] != rows.shape:
            what = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
            raise BadArgument("output", f"return logits of shape ({len(rows)}, classes)", what, "pass the last layer")
        check_labels(labels[rows, columns], logits.shape[-1], ignored)
        sums.index_add_(0, rows, _squares(logits, labels[rows, columns], ignored))
    return sums.sqrt()


def check_labels(labels: torch.Tensor, classes: int, ignored: int) -> None:
    """Refuse what are no numbers of classes; on a device only by their kind, as looking would wait for it."""
    checked_kind("labels", labels, torch.Tensor, fix="pass a tensor")
    if labels.dtype.is_floating_point or labels.dtype.is_complex or labels.dtype == torch.bool:
        raise BadArgument("labels", "be the numbers of classes", f"dtype {labels.dtype}", "write labels.long()")
    if labels.device.type != "cpu":
        return
    outside = labels[(labels != ignored) & ((labels < 0) | (labels >= classes))]
    if outside.numel():
        rule = f"be below the {classes} classes of the logits, or {ignored} where they do not count"
        raise BadArgument("labels", rule, int(outside[0]), "number the classes from 0, or say ignored=")


def _squares(logits: torch.Tensor, labels: torch.Tensor, ignored: int) -> torch.Tensor:
    """The squared norm of each token's gradient, 0 for those ignored."""
    counts = labels != ignored
    places = torch.where(counts, labels, 0).unsqueeze(-1)
    chances = functional.softmax(logits.float(), dim=-1)
    # Less 1 at the label before squaring: 1 + |p|**2 - 2 p loses all its digits where the model is sure.
    gradient = chances.scatter_add_(-1, places, torch.full_like(places, -1.0, dtype=chances.dtype))
    # Chosen, and not times 0: what does not count may be infinite.
    return torch.where(counts, gradient.square().sum(-1), 0.0)

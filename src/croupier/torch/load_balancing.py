"""The load-balancing loss of a mixture of experts, over the global batch instead of each micro-batch."""

from __future__ import annotations

from typing import Any

import torch

from croupier.errors import BadArgument, checked_int, checked_kind, checked_real
from croupier.torch.global_means import sum_over_ranks

__all__ = ["global_expert_counts", "load_balancing_loss"]


def global_expert_counts(
    selected_experts: torch.Tensor, experts: int, *, mask: torch.Tensor | None = None, group: Any = None
) -> torch.Tensor:
    """How many tokens of this micro-batch, on all ranks, selected each expert.

    Parameters
    ----------
    selected_experts : integer tensor of shape (..., tokens, top_k)
        The experts of each token, from 0, as ``torch.topk`` returns them; leading dimensions are layers, stacked so
        that one exchange serves them all. ``tokens`` may differ between ranks, and be 0.
    experts : int
        How many there are.
    mask : bool or integer tensor of shape (tokens,), optional
        Which tokens count; others are padding, and their experts may be anything. All False for a deal that is padding.
    group : ProcessGroup, optional
        The data-parallel ranks, over which gradients are averaged; by default all.

    Returns an int64 tensor of shape (..., experts), without gradient. Counts of the micro-batches of a step add up:
    they are plain sums, and a step begins anew from its first.

    Raises
    ------
    BadArgument
        On every rank where any has an expert that is not there; on this one where shapes do not fit.

    Collective: each rank calls it for each of its micro-batches, those that are padding too. Call it in the training
    loop, on what the model returns: inside a layer, recomputed activations and evaluations would count again.

    Examples
    --------
    >>> global_expert_counts(torch.tensor([[0, 2], [0, 1], [3, 1]]), 4, mask=torch.tensor([True, True, False])).tolist()
    [2, 1, 1, 0]
    """
    checked_kind("selected_experts", selected_experts, torch.Tensor, fix="pass a tensor")
    experts = checked_int("experts", experts, at_least=1, fix="pass the number of experts")
    if selected_experts.ndim < 2 or selected_experts.is_floating_point() or selected_experts.dtype == torch.bool:
        raise BadArgument(
            "selected_experts", "be integers of shape (..., tokens, top_k)", _described(selected_experts),
            "pass the indices of torch.topk",
        )  # fmt: skip
    counts = _counts_of(mask, selected_experts)[:, None].expand_as(selected_experts)
    chosen = selected_experts.long().masked_fill(~counts, 0)
    is_wrong = (chosen < 0) | (chosen >= experts)
    none = torch.zeros((*chosen.shape[:-2], experts), dtype=torch.int64, device=chosen.device)
    mine = none.scatter_add(-1, chosen.masked_fill(is_wrong, 0).flatten(-2), counts.long().flatten(-2))
    # A mistake travels with the counts, so that all ranks hear of it and none waits for one that raised.
    joined = sum_over_ranks(torch.cat([mine.flatten(), is_wrong.sum()[None]]), group)
    if int(joined[-1]):
        raise BadArgument(
            "selected_experts", f"be from 0 to below {experts} on every rank", f"{int(joined[-1])} that are not",
            "pass the number of all experts",
        )  # fmt: skip
    return joined[:-1].reshape(mine.shape)


def load_balancing_loss(
    probabilities: torch.Tensor, expert_counts: torch.Tensor, scale: float, *, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """A micro-batch's part of experts x sum over experts of (share of selections x mean probability).

    With fixed shares that loss is a mean over tokens, so it is dealt as any other: each micro-batch sums over its own
    tokens, and one scale for the step makes a mean of all the sums.

    Parameters
    ----------
    probabilities : float tensor of shape (..., tokens, experts)
        The router's, over all experts, as they are before the top k are taken; gradients flow through them.
    expert_counts : integer tensor of shape (..., experts)
        What :func:`global_expert_counts` returns, added up over micro-batches of this step.
    scale : float
        :func:`loss_sum_scale` of the masks of the step's micro-batches. Where these tokens are those of the plan's
        length column, ``deal.token_scale / max(tokens, 1)`` is the same without an exchange.
    mask : bool or integer tensor of shape (tokens,), optional
        Which tokens count, as for the counts. All False for a deal that is padding: its loss is 0, and DDP still finds
        every gradient.

    Returns one loss for each layer, shape (...), float32 or wider. Perfectly balanced selections give 1 for any top_k:
    shares are of selections and sum to 1. (Libraries whose shares sum to top_k get top_k times as much.)

    Guarantees: with the counts of the whole step, the mean over ranks of the sum over micro-batches is the loss of the
    global batch computed at once, value and gradient, up to rounding, for any number of tokens anywhere. That is so
    with one micro-batch a step; with more, if all of them are counted first (a pass without gradients, in which routers
    must select as they do later: no jitter, no dropout before them).

    With counts *so far*, as the paper keeps them in a buffer, the weight of each token is still exact, and the last
    micro-batch's shares are; earlier ones see the shares of the micro-batches up to theirs, of all ranks. The first
    is thus balanced over one micro-batch of every rank: noisier, and stricter, than over the global batch.

    Source: Qiu et al., "Demons in the Detail: On Implementing Load Balancing Loss for Training Specialized
    Mixture-of-Expert Models" (2025, arXiv 2501.11873), the global-batch loss and the buffer of counts.

    Examples
    --------
    Two micro-batches, one all code and one all prose, that use an expert each. Together they are balanced:

    >>> from croupier.torch.global_means import loss_sum_scale
    >>> code, prose = torch.tensor([[0.75, 0.25]] * 6), torch.tensor([[0.25, 0.75]] * 6)
    >>> counts = sum(global_expert_counts(part.topk(1).indices, 2) for part in (code, prose))
    >>> scale = loss_sum_scale([6, 6])
    >>> round(sum(float(load_balancing_loss(part, counts, scale)) for part in (code, prose)), 6)
    1.0

    Each for itself is not, so a loss of micro-batches would pull both away from the expert they chose:

    >>> alone = [global_expert_counts(part.topk(1).indices, 2) for part in (code, prose)]
    >>> round(sum(float(load_balancing_loss(p, c, scale)) for p, c in zip((code, prose), alone, strict=True)), 6)
    1.5
    """
    checked_kind("probabilities", probabilities, torch.Tensor, fix="pass a tensor")
    checked_kind("expert_counts", expert_counts, torch.Tensor, fix="pass a tensor")
    scale = checked_real("scale", scale, "be a finite number", fix="pass the weight of the loss")
    if probabilities.ndim < 2 or not probabilities.is_floating_point():
        raise BadArgument(
            "probabilities", "be floats of shape (..., tokens, experts)", _described(probabilities),
            "pass the softmax of the router's logits",
        )  # fmt: skip
    fitting = (*probabilities.shape[:-2], probabilities.shape[-1])
    if expert_counts.shape != fitting:
        raise BadArgument(
            "expert_counts", f"have shape {fitting}", tuple(expert_counts.shape), "count the same layers and experts"
        )
    # Sums over many tokens lose digits in half precision.
    wide = probabilities.to(torch.promote_types(probabilities.dtype, torch.float32))
    sums = wide.masked_fill(~_counts_of(mask, probabilities)[:, None], 0.0).sum(-2)
    selections = expert_counts.sum(-1, keepdim=True).clamp(min=1)
    shares = expert_counts.to(wide.dtype) / selections.to(wide.dtype)
    return (shares * sums).sum(-1) * (probabilities.shape[-1] * scale)


def _counts_of(mask: torch.Tensor | None, rows: torch.Tensor) -> torch.Tensor:
    """Whether each token counts, bool of shape (tokens,), for rows of shape (..., tokens, n)."""
    if mask is not None:
        checked_kind("mask", mask, torch.Tensor, fix="pass a tensor, or None")
    tokens = rows.shape[-2]
    if mask is None:
        return torch.ones(tokens, dtype=torch.bool, device=rows.device)
    if mask.shape != (tokens,) or mask.is_floating_point():
        raise BadArgument(
            "mask", f"be bool or integers of shape ({tokens},)", _described(mask), "flatten it; True for what counts"
        )
    return mask.bool()


def _described(values: torch.Tensor) -> str:
    return f"{values.dtype} of shape {tuple(values.shape)}"

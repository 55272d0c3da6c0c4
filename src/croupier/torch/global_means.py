"""Means over the tokens of a global batch, however unequally ranks and micro-batches share them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sized
from typing import Any, cast

import numpy as np
import torch
import torch.distributed as dist

from croupier.core.plain_array import real_numbers
from croupier.errors import BadArgument
from croupier.torch.dense_tensors import on_host
from croupier.torch.distributed import place_in_world

__all__ = ["global_mean", "loss_sum_scale", "sum_over_ranks"]

MOST_MICRO_BATCHES = 2**16


def loss_sum_scale(counted: Iterable[Any], *, group: Any = None) -> float:
    """What to multiply summed losses by: ranks / tokens that count, over all ranks and micro-batches of a step.

    For tokens whose number is known only once a batch is collated (labels other than -100, say). Where it is the number
    of examples, or the sum of the plan's length column, ``deal.loss_scale`` and ``deal.token_scale`` say it already.

    Parameters
    ----------
    counted : iterable with an entry for each micro-batch of this rank's step
        Its tokens that count: a mask of any shape, or their number, or their weights for a weighted mean. Nothing, or
        0 or False throughout, for a deal that is padding.
    group : ProcessGroup, optional
        The ranks over which gradients are averaged; by default all.

    Collective: each rank calls it once a step, also one whose deals are all padding. Without torch.distributed there
    is one rank.

    Two places to use it. *Before* the step, where its micro-batches are collated first: multiply each sum of losses by
    it. *After* the step, where they come one at a time: call ``backward`` on the bare sums, and multiply the gradients
    by it before they are clipped. Sums rather than means, because the mean over no token at all is not a number.

    Guarantees: the mean over ranks, which DistributedDataParallel takes, of the scaled sums is the mean over every
    token that counts in the step, value and gradient, up to rounding. Do not divide by the number of micro-batches.
    Where gradients are summed over ranks instead, divide by the number of ranks. 0 where no token counts.

    Raises
    ------
    BadArgument
        On every rank where any has counts below 0 or not finite, so that none waits for the others.

    Source: the mean of means that this replaces is issue 34242 and pull request 34191 of huggingface/transformers.

    Examples
    --------
    >>> labels = [torch.tensor([3, -100, 5]), torch.tensor([-100, -100, 2])]  # two micro-batches of a step
    >>> losses = [torch.tensor([1.0, 0.0, 2.0]), torch.tensor([0.0, 0.0, 6.0])]
    >>> scale = loss_sum_scale([part != -100 for part in labels])
    >>> sum(float(part.sum() * scale) for part in losses)  # not (1.5 + 6.0) / 2
    3.0
    """
    if isinstance(counted, str) or not isinstance(counted, Iterable) or getattr(counted, "ndim", 1) == 0:
        raise BadArgument("counted", "have an entry for each micro-batch", counted, "write [count] where there is one")
    if isinstance(counted, Sized) and len(counted) > MOST_MICRO_BATCHES:
        raise BadArgument("counted", f"be at most {MOST_MICRO_BATCHES} micro-batches", len(counted), "pass [count]")
    mine = math.fsum(_total(part) for part in counted)
    total = float(sum_over_ranks(torch.tensor(mine, dtype=torch.float64), group))
    if not math.isfinite(total):
        raise BadArgument("counted", "be finite and 0 or more on every rank", _here(mine), "pass numbers or masks")
    ranks = dist.get_world_size(group) if _is_distributed() else 1
    return ranks / total if total > 0 else 0.0


def global_mean(values: Any, weights: Any = None, *, group: Any = None) -> torch.Tensor:
    """The weighted mean of what the ranks hold together: a metric of the whole evaluation, not a mean of ranks' means.

    Parameters
    ----------
    values : Tensor or array of shape (n, ...)
        This rank's, of as many examples or batches as it has, also none; ranks agree in the other dimensions.
    weights : Tensor or array of shape (n,), optional
        0 or more: the tokens behind a value, or a mask. ``~is_padding`` leaves out what pads an evaluation. What has
        weight 0 may be anything, also not a number. By default every value counts alike.
    group : ProcessGroup, optional
        The ranks that take part; by default all.

    Returns a float64 tensor of shape (...) on the host, without gradient, the same on every rank; not a number where
    all weights are 0, as the mean of nothing is.

    Collective: call it once, at the end of an evaluation, and ranks may have had different numbers of batches. The
    variance, in the same two passes that keep it exact far from 0, is ``global_mean((values - mean) ** 2, weights)``.

    Raises
    ------
    BadArgument
        On every rank where any has weights below 0 or not finite; on this one where shapes do not fit.

    Examples
    --------
    >>> losses, tokens = torch.tensor([2.0, 4.0, 9.0]), torch.tensor([30, 10, 0])
    >>> mean = global_mean(losses, tokens)
    >>> float(mean), float(global_mean((losses - mean) ** 2, tokens))
    (2.5, 0.75)
    """
    held = _as_doubles("values", values)
    if held.ndim == 0:
        raise BadArgument("values", "have shape (n, ...)", "a single number", "write [value], and [its weight]")
    alike = torch.ones(len(held), dtype=torch.float64)
    weighed = alike if weights is None else _as_doubles("weights", weights)
    if weighed.shape != held.shape[:1]:
        raise BadArgument("weights", f"have shape ({len(held)},)", tuple(weighed.shape), "pass one for each value")
    columns = weighed.view(-1, *[1] * (held.ndim - 1))
    sums = (held.masked_fill(columns == 0, 0.0) * columns).sum(0)
    mine = _total(weighed)
    joined = sum_over_ranks(torch.cat([sums.flatten(), torch.tensor([mine], dtype=torch.float64)]), group)
    if not math.isfinite(float(joined[-1])):
        raise BadArgument("weights", "be finite and 0 or more on every rank", _here(mine), "pass counts or a mask")
    return (joined[:-1] / joined[-1]).reshape(sums.shape)


def sum_over_ranks(values: torch.Tensor, group: Any = None) -> torch.Tensor:
    """A tensor summed over the ranks, without gradient; itself where there is one process."""
    if not _is_distributed():
        return values.detach()
    device = device_of_collective(values.device, cast(Any, dist).get_backend_config(group))
    total = values.detach().to(device, copy=True)
    cast(Any, dist).all_reduce(total, group=group)
    return total.to(values.device)


def device_of_collective(device: torch.device, backends: str) -> torch.device:
    """Where a tensor must be for collectives over backends such as "cpu:gloo,cuda:nccl": on its device, if one serves.

    NCCL takes no tensor of the host, and counts are often there.
    """
    served = [backend.split(":")[0] for backend in backends.split(",")]
    return device if device.type in served else torch.device(served[0])


def _as_doubles(argument: str, values: Any) -> torch.Tensor:
    if not isinstance(values, torch.Tensor):
        # Through NumPy: torch reads lists and ranges item by item, minutes for long ones.
        return torch.from_numpy(np.array(real_numbers(argument, values, rule="be numbers", fix="pass a tensor")))
    return on_host(argument, values).double()


def _total(counted: Any) -> float:
    """The sum of counts; not a number where one breaks the rule, so that all ranks get to know of it."""
    parts = _as_doubles("counted", counted)
    return float(parts.sum()) if bool((parts >= 0).all()) else math.nan


def _here(mine: float) -> str:
    return f"{mine} on this rank" if math.isfinite(mine) else "such a number on this rank"


def _is_distributed() -> bool:
    return place_in_world(None, None).is_distributed

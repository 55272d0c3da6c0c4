"""Squared norms of the micro-batches' gradients and of their mean, taken as the gradients pass by."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import torch
import torch.distributed as dist

from croupier.errors import BadArgument, checked_positive
from croupier.feedback.gradient_norms import GradientNorms
from croupier.torch.accumulation import MicroBatch
from croupier.torch.distributed import place_in_world
from croupier.torch.global_means import sum_over_ranks
from croupier.torch.gradient_probe import WIDE, GradientProbe, ProbedSums

__all__ = ["GradientStatistics", "norm_of", "norms_of_groups", "squared_norms", "sums_of_squares"]

UNPROBED = ProbedSums()

number_of_pass: Callable[[], int] = cast(Any, torch)._C._current_graph_task_id
"""A number of its own for every call of backward; torch offers it to its own hooks only."""


class GradientStatistics:
    """Measure each optimizer step's gradients: what :class:`croupier.GradientNoise` and every controller read.

    Groups are the micro-batches of all ranks: their gradients are seen by hooks on the parameters while ``backward``
    adds them up, so none is kept or copied. Two groups a step are enough; more say more.

    Parameters
    ----------
    model : Module or iterable of Parameter
        Those that require a gradient are measured, also inside DistributedDataParallel.
    group : ProcessGroup, optional
        The ranks over which gradients are averaged; by default all.

    Attributes
    ----------
    skipped : int
        Steps whose gradients were not finite, as when a loss scale is too large.
    ungrouped : int
        Steps of one group alone, which say nothing: of one micro-batch on one rank.

    Between two calls of :meth:`measure` there is a ``backward`` for each micro-batch, no more. Only scalars travel, one
    exchange a step. What exists by then has been read once: on a small model a step takes about a hundredth more.

    Not for parameters whose gradients autograd never sees whole (FSDP, tensor parallelism), for checkpoints with
    ``use_reentrant=True``, which go backward in parts, or for gradients that a communication hook compresses.

    Source: groups of micro-batches and ranks as in McCandlish et al., "An empirical model of large-batch training"
    (2018), appendix A.1, and AdaptDL (Qiao et al., "Pollux", OSDI 2021).

    Examples
    --------
    >>> import croupier as cr
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> statistics, noise = GradientStatistics(model), cr.GradientNoise(half_life_samples=1e4)
    >>> for inputs in (torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [6.0]])):
    ...     (model(inputs).mean() / 2).backward()
    >>> noise.observe(statistics.measure([2, 2]))  # before clipping
    >>> noise.estimate.gradient_squared, noise.estimate.noise_trace
    (6.75, 9.0)
    """

    def __init__(self, model: Any, *, group: Any = None) -> None:
        self.skipped = self.ungrouped = 0
        self._group = group
        self._parameters = [parameter for parameter in _parameters_of(model) if parameter.requires_grad]
        if not self._parameters:
            raise BadArgument(
                "model", "have parameters that require a gradient", model, "pass the model that is trained"
            )
        self._passes: dict[int, list[torch.Tensor | float]] = {}
        self._handles: list[Any] = [parameter.register_hook(self._see) for parameter in self._parameters]
        self._probe = GradientProbe(self._parameters)

    def measure(
        self, micro_batches: Sequence[int | MicroBatch], *, loss_scale: float = 1.0, loss: float | None = None
    ) -> GradientNorms | None:
        """The norms of the step, once all of its gradients are there; None where not finite, or of one group.

        Call it after the last ``backward``, before ``scaler.unscale_``, clipping, ``optimizer.step`` and ``zero_grad``.
        Losses must be divided already, by the number of micro-batches or through ``micro.loss_scale``: else both
        numbers are too large by its square, and only their ratio is right.

        Parameters
        ----------
        micro_batches : sequence of int or MicroBatch
            What this rank's calls of ``backward`` were for, in order. Numbers are samples, and every sample counts
            alike in the gradient; a MicroBatch of ``Accumulated`` counts by its ``loss_scale``, 0 where it is padding.
        loss_scale : float
            What the losses were multiplied by besides: ``scaler.get_scale()``.
        loss : float, optional
            The step's mean loss, the same on every rank; for ``CoupledSize``.

        Raises
        ------
        BadArgument
            On every rank where any had bad arguments, another number of backward passes than of micro-batches, or
            gradients that are not what the passes added up: clipped, unscaled or zeroed before.

        Collective: each rank calls it in every step.
        """
        squares = sums_of_squares(list(self._passes.values()))
        self._passes.clear()
        fault: str | BadArgument = ""
        entries: list[tuple[int, float | None]] = []
        try:
            entries = _checked_entries(micro_batches)
            loss_scale = checked_positive("loss_scale", loss_scale, fix="pass scaler.get_scale()")
            loss = None if loss is None else _number("loss", loss)
            if len(squares) != len(entries):
                fault = f"{len(squares)} passes for {len(entries)} parts"
        except BadArgument as refused:
            fault, loss_scale, loss = refused, 1.0, None
        parts = [
            (square / loss_scale / loss_scale, size, scale)
            for square, (size, scale) in zip(squares, entries, strict=False)
        ]  # fmt: skip
        whole = squared_norms(parameter.grad for parameter in self._parameters if parameter.grad is not None)
        norms = norms_of_groups(parts, whole / loss_scale / loss_scale, fault=fault, loss=loss, group=self._group,
                                probed=self._probe.take())  # fmt: skip
        is_finite = math.isfinite(whole + sum(squares) + (loss or 0.0))
        self.skipped += norms is None and not is_finite
        self.ungrouped += norms is None and is_finite
        return norms

    def forget(self) -> None:
        """Leave out what was seen since the last step, of a step that was given up say."""
        self._passes.clear()
        self._probe.forget()

    def remove(self) -> None:
        """Take the hooks off the parameters."""
        self._probe.remove()
        for handle in self._handles:
            handle.remove()

    def _see(self, gradient: torch.Tensor) -> None:
        # Called for every parameter of every micro-batch, so nothing here is done twice.
        number = number_of_pass()
        norm = norm_of(gradient)
        try:
            self._passes[number].append(norm)
        except KeyError:
            self._passes[number] = [norm]


def _number(argument: str, value: Any) -> float:
    """As a float, which may be no finite number: a step may overflow."""
    try:
        return float(value if type(value).__name__[:7] != "complex" else "complex")
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise BadArgument(argument, "be a number", value, "pass loss.item()") from None


def _parameters_of(model: Any) -> list[torch.nn.Parameter]:
    given: Any = model.parameters() if hasattr(model, "parameters") else model
    is_one = getattr(given, "ndim", None) == 0 or not isinstance(given, Iterable)
    parameters: list[Any] = [given] if is_one else list(cast("Iterable[Any]", given))
    if not all(isinstance(parameter, torch.Tensor) for parameter in parameters):
        raise BadArgument(
            "model", "be a module, or its parameters", type(model).__name__, "pass the model that is trained"
        )
    return parameters


def _checked_entries(micro_batches: Any) -> list[tuple[int, float | None]]:
    """Samples and scale of each call of backward."""
    rule, fix = "be a list with an entry for each call of backward", "write measure([8, 8]), or measure(step)"
    if not isinstance(micro_batches, Sequence) or isinstance(micro_batches, str):
        raise BadArgument("micro_batches", rule, micro_batches, fix)
    entries: list[tuple[int, float | None]] = []
    given = cast("Sequence[Any]", micro_batches)
    for entry in given:
        if hasattr(entry, "deal") and hasattr(entry, "loss_scale"):
            entries.append((len(entry.deal), entry.loss_scale))
            continue
        try:
            entries.append((operator.index(entry), None))
        except TypeError:
            raise BadArgument("micro_batches", rule, given, fix) from None
        if entries[-1][0] < 0:
            raise BadArgument("micro_batches", "be numbers of samples", given, fix)
    return entries


def squared_norms(gradients: Iterable[torch.Tensor]) -> float:
    """The squared norm of some gradients together."""
    return sums_of_squares([[norm_of(gradient) for gradient in gradients]])[0]


def norms_of_groups(
    parts: Sequence[tuple[float, int, float | None]], whole: float, *, fault: str | BadArgument, loss: float | None,
    group: Any, probed: ProbedSums = UNPROBED,
) -> GradientNorms | None:  # fmt: skip
    """From what each group added to this rank's gradient; collective.

    Parameters
    ----------
    parts : sequence of (squared norm, samples, scale)
        An entry for each group of this rank. The scale is what the group's mean gradient was multiplied by; None
        throughout means its share of all samples times the ranks.
    whole : float
        The squared norm of the gradient, averaged over ranks.
    fault : str or BadArgument
        What is wrong on this rank, if anything; raised once the other ranks know of it.
    loss : float, optional
    group : ProcessGroup, optional
    probed : ProbedSums
        What this rank's gradients are, beside what they should be.
    """
    ranks = dist.get_world_size(group) if place_in_world(None, None).is_distributed else 1
    by_size = all(scale is None for _, _, scale in parts)
    if not fault and not parts:
        fault = "no micro-batch"
    if not fault and not by_size and any(scale is None for _, _, scale in parts):
        fault = "numbers beside micro-batches"
    # A group that is padding, or empty, added nothing.
    there = [
        (square, size, float(size) if scale is None else scale)
        for square, size, scale in parts
        if size and scale != 0 and not fault
    ]
    mine = [
        sum(square / scale for square, _, scale in there),
        sum(scale for _, _, scale in there),
        sum(scale / size for _, size, scale in there),
        sum(scale**2 / size for _, size, scale in there),
        float(len(there)),
        float(bool(fault)),
        *probed,
    ]
    everyones = sum_over_ranks(torch.tensor(mine, dtype=torch.float64), group)
    added, weight, per_sample, per_sample_squared, groups, faults, *probes = cast("list[float]", everyones.tolist())
    if isinstance(fault, BadArgument):
        raise fault
    if faults:
        raise BadArgument(
            "measure", "be called with an entry for each call of backward since the last", fault or "another on a rank",
            "call it once a step, on every rank; checkpoint with use_reentrant=False",
        )  # fmt: skip
    if groups < 2 or not math.isfinite(added + whole + (loss or 0.0)):
        return None
    # The gradient is the sum of scale / ranks x each group's mean gradient.
    unit = 1 / weight if by_size else 1 / ranks
    total = unit * weight
    mean_square, mean_whole = added * unit / (ranks * unit) ** 2 / total, whole / total**2
    if not mean_whole and mean_square:
        raise BadArgument("gradients", "still be there", "zeros alone", "measure before zero_grad()")
    if mean_whole > 1.1 * mean_square:  # but for rounding in half precision
        raise BadArgument(
            "gradients", "be the mean over ranks of what was added up",
            f"a mean of square {mean_whole:.4g} from squares of {mean_square:.4g}",
            "measure after the last backward, before unscaling and clipping, and zero gradients after each step",
        )  # fmt: skip
    if (sums := ProbedSums(*probes)).differ:
        raise BadArgument(
            "gradients", "be as the calls of backward added them up",
            f"{sums.there:.4g} along one direction, where {sums.seen:.4g} was added",
            "measure before unscaling, clipping and zero_grad(), which change them",
        )  # fmt: skip
    group_samples, samples = total / (unit * per_sample), total**2 / (unit**2 * per_sample_squared)
    return GradientNorms(mean_square, min(mean_whole, mean_square), group_samples, samples, loss=loss)


def norm_of(gradient: torch.Tensor) -> torch.Tensor | float:
    """The norm, at least in single precision; of a sparse gradient too. A number, where the gradient is on the host."""
    if gradient.requires_grad or gradient.is_sparse or gradient.dtype not in WIDE:
        dense = gradient.detach()
        values: torch.Tensor = dense.coalesce().values() if dense.is_sparse else dense
        gradient = values.to(torch.promote_types(values.dtype, torch.float32))
    norm = cast(torch.Tensor, torch.linalg.vector_norm(gradient))
    # Small tensors kept between large ones that come and go would hold on to the heap, which then grows and shrinks all
    # the time; on a device fetching the number would wait for it.
    return norm.item() if norm.is_cpu else norm


def sums_of_squares(norms: Sequence[Sequence[torch.Tensor | float]]) -> list[float]:
    """The sum of the squares of each sequence; those on a device are fetched at once."""
    tensors = [norm for part in norms for norm in part if isinstance(norm, torch.Tensor)]
    try:
        fetched = cast("list[float]", torch.stack(tensors).tolist()) if tensors else []
    except RuntimeError:  # parameters on several devices
        fetched = [float(norm) for norm in tensors]
    values = iter(fetched)
    numbers = [[next(values) if isinstance(norm, torch.Tensor) else norm for norm in part] for part in norms]
    # A product of floats that is too large is infinity, where a power is an error.
    return [float(sum(number * number for number in part)) for part in numbers]

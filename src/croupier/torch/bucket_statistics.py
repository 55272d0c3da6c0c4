"""Squared norms of the ranks' gradients, taken from DistributedDataParallel's buckets before they are averaged."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn.parallel import DistributedDataParallel

from croupier.errors import BadArgument, checked_int, checked_positive
from croupier.feedback.gradient_norms import GradientNorms
from croupier.torch.gradient_statistics import norm_of, norms_of_groups, squared_norms, sums_of_squares

__all__ = ["BucketStatistics"]

CommunicationHook = Callable[[Any, Any], Any]


class BucketStatistics:
    """Measure gradients rank by rank: as :class:`GradientStatistics`, whose groups are the ranks alone.

    A bucket is one flat tensor, so that a step costs a few norms however many parameters there are; take it where a
    model has thousands of small ones. It sees what a rank has accumulated over all its micro-batches.

    Parameters
    ----------
    model : DistributedDataParallel
        Its communication hook is taken; it can have one only.
    exchange : callable of (process group, bucket), optional
        The hook that averages a bucket: by default the all-reduce that DistributedDataParallel does by itself. Any of
        ``torch.distributed.algorithms.ddp_comm_hooks.default_hooks``, whose state is the process group.

    Attributes
    ----------
    skipped : int
        Steps whose gradients were not finite.

    All micro-batches but a step's last go backward under ``no_sync()``.

    Examples
    --------
    ``statistics = BucketStatistics(model)`` once, and ``norms = statistics.measure(samples)`` once a step.
    """

    def __init__(self, model: DistributedDataParallel, *, exchange: CommunicationHook | None = None) -> None:
        if not isinstance(model, DistributedDataParallel):
            raise BadArgument(
                "model", "be DistributedDataParallel", type(model).__name__, "use GradientStatistics without it"
            )
        self.skipped = 0
        self._model = model
        self._group = model.process_group
        self._exchange: CommunicationHook = cast(Any, default_hooks).allreduce_hook if exchange is None else exchange
        self._passes = 0
        self._norms: list[torch.Tensor | float] = []
        # A function without annotations: DistributedDataParallel would compare them, and they are strings here.
        cast(Any, model).register_comm_hook(None, lambda _, bucket: self._see(bucket))  # pyright: ignore

    def measure(self, samples: int, *, loss_scale: float = 1.0, loss: float | None = None) -> GradientNorms | None:
        """The norms of the step, once all of its gradients are there; None where they are not finite.

        Parameters
        ----------
        samples : int
            Of all of this rank's micro-batches in the step; every sample counts alike in the gradient.
        loss_scale, loss : float
            As for :meth:`GradientStatistics.measure`, and when to call it too.

        Raises
        ------
        BadArgument
            On every rank where any had bad arguments, or exchanged gradients more often than once, or never.
        """
        fault: str | BadArgument = "" if self._passes == 1 else f"{self._passes} exchanges of gradients in a step"
        try:
            samples = checked_int("samples", samples, at_least=0, fix="pass this rank's samples in the step")
            loss_scale = checked_positive("loss_scale", loss_scale, fix="pass scaler.get_scale()")
        except BadArgument as refused:
            fault, samples, loss_scale = refused, 0, 1.0
        mine = sums_of_squares([self._norms])[0] / loss_scale / loss_scale
        self._norms, self._passes = [], 0
        gradients = (parameter.grad for parameter in self._model.parameters() if parameter.grad is not None)
        whole = squared_norms(gradients) / loss_scale / loss_scale
        norms = norms_of_groups([(mine, samples, None)], whole, fault=fault, loss=loss, group=self._group)
        self.skipped += norms is None and not math.isfinite(whole)
        return norms

    def _see(self, bucket: Any) -> Any:
        values: torch.Tensor = bucket.buffer()
        self._passes += bucket.index() == 0
        self._norms.append(norm_of(values))
        return self._exchange(self._group, bucket)

"""Whether gradients still are what backward added up: clipping, unscaling and zeroing change all of them alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch

__all__ = ["GradientProbe", "ProbedSums"]

WIDE = frozenset({torch.float32, torch.float64})


class ProbedSums(NamedTuple):
    """Of this rank, along one direction: what was seen in all passes, what is there now, and the sizes of the former.

    All three may be added up over ranks. Zeros, where nothing can be said.
    """

    seen: float = 0.0
    there: float = 0.0
    sizes: float = 0.0

    @property
    def differ(self) -> bool:
        """Whether they differ by more than rounding; never, where one is not finite."""
        return abs(self.seen - self.there) > 0.01 * self.sizes


class GradientProbe:
    """Compare the gradient of one parameter with what the passes added to it, by products with a fixed vector.

    A product is linear, so it may be summed over micro-batches and over ranks, and the mean over ranks of what was
    added is what must be there. The smallest parameter is enough, and costs nothing; in half precision sums are too
    rough to tell, so there it says nothing.

    Parameters
    ----------
    parameters : sequence of Parameter

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> probe = GradientProbe([weight])
    >>> (weight * torch.tensor([1.0, 2.0])).sum().backward()
    >>> probe.take().differ
    False
    >>> weight.grad = None
    >>> (weight * torch.tensor([1.0, 2.0])).sum().backward()
    >>> _ = weight.grad.mul_(0.5)
    >>> probe.take().differ
    True
    """

    def __init__(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        wide = [parameter for parameter in parameters if parameter.dtype in WIDE]
        self._parameter = min(wide, key=lambda parameter: parameter.numel()) if wide else None
        self._direction = torch.empty(0)
        self._seen: list[torch.Tensor | float] = []
        self._handle = None if self._parameter is None else self._parameter.register_hook(self._see)

    def take(self) -> ProbedSums:
        """What was seen since the last call, beside what is there."""
        products, self._seen = self._seen, []
        on_device = [product for product in products if isinstance(product, torch.Tensor)]
        # On a device all are fetched at once.
        seen = cast("list[float]", cast(Any, torch.stack(on_device)).tolist() if on_device else products)
        gradient = None if self._parameter is None else self._parameter.grad
        there = 0.0 if gradient is None else float(self._along(gradient))
        return ProbedSums(sum(seen), there, sum(map(abs, seen)))

    def forget(self) -> None:
        """Leave out what was seen."""
        self._seen = []

    def remove(self) -> None:
        """Take the hook off the parameter."""
        if self._handle is not None:
            self._handle.remove()

    def _see(self, gradient: torch.Tensor) -> None:
        self._seen.append(self._along(gradient))

    def _along(self, gradient: torch.Tensor) -> torch.Tensor | float:
        if gradient.is_sparse:
            return 0.0
        values = gradient.detach().flatten()
        direction = self._direction
        if direction.device != values.device or direction.dtype != values.dtype or direction.numel() != values.numel():
            # No gradient that a model has by design is at a right angle to this.
            self._direction = direction = torch.cos(torch.arange(values.numel(), device=values.device)).to(values.dtype)
        product = torch.dot(values, direction)
        return product.item() if product.is_cpu else product

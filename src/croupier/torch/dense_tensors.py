"""Tensors whose numbers can be read: not sparse, not complex, not without data."""

from __future__ import annotations

import torch

from croupier.errors import BadArgument

__all__ = ["on_host"]


def on_host(argument: str, values: torch.Tensor) -> torch.Tensor:
    """The tensor without its gradient, on the host; refused by name where it holds no real numbers.

    Examples
    --------
    >>> on_host("losses", torch.ones(2, requires_grad=True))
    tensor([1., 1.])
    """
    if values.is_meta or values.is_complex() or values.layout != torch.strided:
        what = f"a tensor of {values.dtype}, {values.layout} on {values.device}"
        raise BadArgument(argument, "be real numbers of a dense tensor", what, "pass one that holds its numbers")
    return values.detach().cpu()

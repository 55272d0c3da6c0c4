"""The device that a tensor is to be made on."""

from __future__ import annotations

from typing import Any

import torch

from croupier.errors import BadArgument

__all__ = ["checked_device"]


def checked_device(device: Any) -> torch.device | None:
    """A device that is here, or None; refused by name otherwise.

    Examples
    --------
    >>> checked_device("cpu")
    device(type='cpu')
    """
    if device is None:
        return None
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, TypeError, ValueError, AssertionError, OverflowError):
        raise BadArgument("device", "be a device that torch has here", device, 'pass "cpu" or "cuda"') from None

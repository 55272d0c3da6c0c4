"""Read an argument as an array, or say which argument is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.errors import BadArgument

__all__ = ["plain_array"]


def plain_array(argument: str, values: Any) -> npt.NDArray[Any]:
    """The values as an array, without a copy where they are one.

    Its dtype and its shape are the caller's to check: what NumPy makes of texts or of objects comes through.

    Raises
    ------
    BadArgument
        Ragged lists, masked values, tensors with a gradient or on a device.

    Examples
    --------
    >>> plain_array("ids", [3, 1]).tolist()
    [3, 1]
    >>> plain_array("ids", [[3], [1, 2]])
    Traceback (most recent call last):
        ...
    croupier.errors.BadArgument: ids must be an array, got a list that NumPy cannot read; give rows of one length
    """
    if np.ma.isMaskedArray(values):
        raise BadArgument(argument, "have a value in every place", "a masked array", "fill the masked values first")
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError):
        kind = type(values).__name__
        fix = "detach it and move it to the host" if kind in ("Tensor", "Parameter") else "give rows of one length"
        raise BadArgument(argument, "be an array", f"a {kind} that NumPy cannot read", fix) from None

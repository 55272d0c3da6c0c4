"""Read an argument as an array, or say which argument is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.errors import BadArgument

__all__ = ["plain_array", "real_numbers", "whole_numbers"]


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
    except (TypeError, ValueError, RuntimeError, MemoryError, OverflowError):
        kind = type(values).__name__
        is_tensor = kind in ("Tensor", "Parameter")
        fix = "detach it and move it to the host: .detach().cpu().numpy()" if is_tensor else "give rows of one length"
        raise BadArgument(argument, "be an array", f"a {kind} that NumPy cannot read", fix) from None


def whole_numbers(
    argument: str, values: Any, *, rule: str = "be a list of integers", fix: str
) -> npt.NDArray[np.int64]:
    """The values as int64 of shape (n,), without a copy where they are that; numbers that do not fit are refused.

    Examples
    --------
    >>> whole_numbers("ids", np.array([3, 2**63], np.uint64), fix="pass row numbers")
    Traceback (most recent call last):
        ...
    croupier.errors.BadArgument: ids must be a list of integers below 2**63, got 9223372036854775808; pass row numbers
    """
    array = plain_array(argument, values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise BadArgument(argument, rule, values, fix)
    if array.size and array.dtype.kind == "u" and int(array.max()) >= 2**63:
        raise BadArgument(argument, f"{rule} below 2**63", int(array.max()), fix)
    return array.astype(np.int64, copy=False)


def real_numbers(argument: str, values: Any, *, rule: str, fix: str) -> npt.NDArray[np.float64]:
    """The values as float64 of any shape; texts, dates, complex numbers and objects are refused.

    Examples
    --------
    >>> real_numbers("weights", ["1", "2"], rule="be numbers", fix="pass one an id")
    Traceback (most recent call last):
        ...
    croupier.errors.BadArgument: weights must be numbers, got ['1', '2']; pass one an id
    """
    array = plain_array(argument, values)
    if array.size and array.dtype.kind not in "biuf":
        raise BadArgument(argument, rule, values, fix)
    return np.zeros(array.shape) if not array.size else array.astype(np.float64, copy=False)

"""One id for equal content, so that a copy of a positive is never its negative."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Set
from typing import Any

import numpy as np

from croupier.core.batches import Int64
from croupier.errors import BadArgument

__all__ = ["content_ids"]


def content_ids(*columns: Iterable[Hashable]) -> tuple[Int64, ...]:
    """Number contents in the order they are first met; equal ones get the same number, in all columns alike.

    Parameters
    ----------
    *columns : iterable of str, bytes or anything hashable
        Texts of anchors, positives, negatives. Bring them into the form in which they should be compared first: strip
        them, fold their case.

    Returns
    -------
    tuple of int64 arrays
        One for each column.

    Raises
    ------
    BadArgument
        One text instead of a list, or contents that cannot be hashed.

    Examples
    --------
    >>> anchors, positives = content_ids(["a", "b", "a"], ["b", "c", "c"])
    >>> anchors.tolist(), positives.tolist()
    ([0, 1, 0], [1, 2, 2])
    """
    if any(isinstance(column, (str, bytes, Set, Mapping)) for column in columns) or not columns:
        raise BadArgument("columns", "be lists of contents", columns, 'pass content_ids(["a", "b"]), not one text')
    for column in columns:
        floats: Any = column
        if isinstance(column, np.ndarray) and floats.dtype.kind == "f" and bool(np.isnan(floats).any()):
            fix = "NaN is like nothing, itself included: leave such rows out"
            raise BadArgument("columns", "hold contents that are like themselves", "not a number", fix)
    numbers: dict[Hashable, int] = {}
    try:
        return tuple(
            np.fromiter((numbers.setdefault(one, len(numbers)) for one in column), np.int64) for column in columns
        )
    except TypeError as error:
        raise BadArgument(
            "columns", "be lists of texts, bytes or other hashable contents", str(error), "pass lists of texts"
        ) from None

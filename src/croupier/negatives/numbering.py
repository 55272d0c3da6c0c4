"""Numbers 0, 1, 2 ... for ids of any size, so that they can index arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.plain_array import plain_array
from croupier.errors import BadArgument

__all__ = ["Numbering", "whole_ids"]

DENSE = 4
"""Ids are their own numbers where fewer than this many numbers in a row are unused on average, and in small ranges."""
SMALL = 2**16


@dataclass(frozen=True, slots=True)
class Numbering:
    """Ids that lie close together are their own numbers; others are numbered in ascending order.

    Parameters
    ----------
    count : int
        Numbers run from 0 to count - 1.
    names : int64 array of shape (count,) or (0,)
        The id of each number, ascending; empty where ids are their own numbers.

    Examples
    --------
    >>> far = Numbering.of(np.array([10**12, 7, 10**12]))
    >>> far.count, far.numbers(np.array([7, 10**12, 8])).tolist(), far.ids(np.array([1])).tolist()
    (2, [0, 1, -1], [1000000000000])
    """

    count: int
    names: Int64

    @classmethod
    def of(cls, ids: Int64) -> Self:
        """A numbering of these ids, all >= 0."""
        highest = int(ids.max()) + 1 if ids.size else 0
        if highest <= max(SMALL, DENSE * ids.size):
            return cls(highest, np.empty(0, np.int64))
        names = np.unique(ids)
        return cls(names.size, names)

    def numbers(self, ids: Int64) -> Int64:
        """The number of each id; -1 for ids that have none."""
        if self.names.size == 0:
            if ids.size == 0 or (int(ids.min()) >= 0 and int(ids.max()) < self.count):
                return ids
            return np.where((ids >= 0) & (ids < self.count), ids, -1)
        places = np.searchsorted(self.names, ids)
        return np.where(self.names[np.minimum(places, self.count - 1)] == ids, places, -1)

    def ids(self, numbers: Int64) -> Int64:
        """The id of each number."""
        return self.names[numbers] if self.names.size else numbers


def whole_ids(argument: str, values: npt.ArrayLike, *, dimensions: int = 1, at_least: int | None = 0) -> Int64:
    """Ids as int64, or the error that says why they are none; with ``at_least=None`` any whole numbers."""
    ids = plain_array(argument, values)
    if ids.ndim != dimensions or (ids.size and ids.dtype.kind not in "iu"):
        what = f"dtype {ids.dtype} of shape {ids.shape}"
        raise BadArgument(
            argument, f"be a {dimensions}-D array of whole numbers", what, "pass ids; content_ids makes some"
        )
    if at_least is not None and ids.size and (int(ids.min()) < at_least or int(ids.max()) >= 2**62):
        what = f"{ids.min()} .. {ids.max()}"
        raise BadArgument(argument, f"be at least {at_least} and below 2**62", what, "number them from 0")
    return ids.astype(np.int64, copy=False)

"""Find the first of some boxes that covers each row of lengths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["cheapest_cover"]

Int64 = npt.NDArray[np.int64]


def _cover_loop(lengths: Int64, caps: Int64) -> Int64:
    boxes, dimensions = caps.shape
    found = np.empty(lengths.shape[0], dtype=np.int64)
    if dimensions == 1:
        # Cheapest first is shortest first, and a count has no branches to guess wrong.
        for row in range(lengths.shape[0]):
            too_short = 0
            for box in range(boxes):
                too_short += lengths[row, 0] > caps[box, 0]
            found[row] = too_short
        return found
    for row in range(lengths.shape[0]):
        box = 0
        while box < boxes:
            fits = True
            for d in range(dimensions):
                if lengths[row, d] > caps[box, d]:
                    fits = False
                    break
            if fits:
                break
            box += 1
        found[row] = box
    return found


def _cover_numpy(lengths: Int64, caps: Int64) -> Int64:
    found = np.full(lengths.shape[0], caps.shape[0], dtype=np.int64)
    for box in reversed(range(caps.shape[0])):
        found[(lengths <= caps[box]).all(axis=1)] = box
    return found


_cover = Kernel(_cover_loop, _cover_numpy)


def cheapest_cover(lengths: Int64, caps: Int64) -> Int64:
    """The first box that covers each row; the number of boxes where none does.

    Parameters
    ----------
    lengths : int64 array of shape (n, d)
    caps : int64 array of shape (k, d)
        Cheapest first; with d = 1, ascending.

    Returns
    -------
    int64 array of shape (n,)

    Examples
    --------
    >>> cheapest_cover(np.array([[3, 1], [1, 3], [9, 9]]), np.array([[2, 3], [4, 4]])).tolist()
    [1, 0, 2]
    """
    return _cover(np.ascontiguousarray(lengths), np.ascontiguousarray(caps))

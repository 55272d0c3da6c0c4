"""Bring rows of one group together, groups in order of their number, rows in the order they came."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["group_rows"]

Int64 = npt.NDArray[np.int64]


def _group_loop(groups: Int64, rows: Int64, counts: Int64) -> Int64:
    for row in range(groups.size):
        counts[groups[row] + 1] += 1
    for group in range(counts.size - 1):
        counts[group + 1] += counts[group]
    ends = counts.copy()
    for row in range(groups.size):
        rows[ends[groups[row]]] = row
        ends[groups[row]] += 1
    return rows


def _group_numpy(groups: Int64, rows: Int64, counts: Int64) -> Int64:
    rows[:] = np.argsort(groups, kind="stable")
    counts[1:] = np.cumsum(np.bincount(groups, minlength=counts.size - 1))
    return rows


_group = Kernel(_group_loop, _group_numpy)


def group_rows(groups: Int64, kinds: int) -> tuple[Int64, Int64]:
    """The rows in order of their group, and where each group that has any begins.

    Parameters
    ----------
    groups : int64 array of shape (n,)
        From 0 to below ``kinds``.
    kinds : int

    Returns
    -------
    int64 array of shape (n,), int64 array of shape (groups present + 1,)
        The second ends with n: offsets of batches, one for each group that has rows.

    Examples
    --------
    >>> [values.tolist() for values in group_rows(np.array([2, 0, 2]), 4)]
    [[1, 0, 2], [0, 1, 3]]
    """
    counts = np.zeros(kinds + 1, dtype=np.int64)
    rows = _group(np.ascontiguousarray(groups), np.empty(groups.size, dtype=np.int64), counts)
    begins = counts[:-1][np.diff(counts) > 0]
    return rows, np.append(begins, groups.size).astype(np.int64)

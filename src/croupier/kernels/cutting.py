"""Cut a run of lengths into batches whose padded size stays under a budget."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["cut_by_budget"]

Int64 = npt.NDArray[np.int64]


def _cut_loop(lengths: Int64, groups: Int64, max_tokens: int, max_examples: int, pad_multiple: int) -> Int64:
    offsets = np.empty(lengths.shape[0] + 1, dtype=np.int64)
    longest = np.zeros(lengths.shape[1], dtype=np.int64)
    offsets[0] = 0
    count = 0
    for g in range(groups.size - 1):
        start, i = groups[g], groups[g]
        longest[:] = 0
        while i < groups[g + 1]:
            size = i - start + 1
            total = 0
            for d in range(longest.size):
                padded = -(-lengths[i, d] // pad_multiple) * pad_multiple
                total += max(longest[d], padded)
            if size > 1 and (size > max_examples or size * total > max_tokens):
                count += 1
                offsets[count] = start = i
                longest[:] = 0
            for d in range(longest.size):
                longest[d] = max(longest[d], -(-lengths[i, d] // pad_multiple) * pad_multiple)
            i += 1
        if groups[g + 1] > start:
            count += 1
            offsets[count] = groups[g + 1]
    return offsets[: count + 1].copy()


_cut = Kernel(_cut_loop, _cut_loop)


def cut_by_budget(
    lengths: Int64,
    groups: Int64,
    *,
    max_tokens: int,
    max_examples: int,
    pad_multiple: int = 1,
) -> Int64:
    """Offsets of batches, greedily in order: a batch closes where one more example would break the budget.

    Greedy is optimal here: no cut of the same run into consecutive batches under the budget has fewer of them.

    Parameters
    ----------
    lengths : int64 array of shape (n,), or (n, d) where several are padded side by side
    groups : int64 array of shape (g + 1,)
        Offsets no batch may span.
    max_tokens : int
        Bound on examples x the sum of the longest, padding included. An example above it stands alone.
    max_examples : int
    pad_multiple : int
        Lengths count as rounded up to a multiple of this.

    Returns
    -------
    int64 array of shape (b + 1,)

    Examples
    --------
    >>> cut_by_budget(np.array([2, 3, 3, 9]), np.array([0, 4]), max_tokens=9, max_examples=100).tolist()
    [0, 3, 4]
    """
    return _cut(
        np.ascontiguousarray(lengths if lengths.ndim == 2 else lengths[:, None]),
        np.ascontiguousarray(groups),
        max_tokens,
        max_examples,
        pad_multiple,
    )

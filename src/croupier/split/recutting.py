"""Make the number of batches at the end of a run of batches a multiple, by splitting some of them in place."""

from __future__ import annotations

import heapq

import numpy as np

from croupier.core.batches import Int64

__all__ = ["recut_to_multiple"]


def recut_to_multiple(sizes: Int64, multiple: int) -> Int64 | None:
    """New sizes with a count that is a multiple, or None where there are too few ids.

    Only the last batches are split: those beyond a multiple, or where these hold too few ids for one each, a further
    ``multiple`` of batches before them, and so on. Ids keep their order, and every piece lies within one old batch,
    so no budget is broken.

    Examples
    --------
    >>> recut_to_multiple(np.array([4, 4, 4]), 2).tolist()
    [4, 4, 2, 2]
    """
    extra = sizes.size % multiple
    if extra == 0:
        return sizes
    region = extra
    while True:
        wanted = -(-region // multiple) * multiple
        if int(sizes[sizes.size - region :].sum()) >= wanted:
            head = sizes[: sizes.size - region]
            return np.concatenate([head, _split_largest(sizes[sizes.size - region :], wanted)])
        if region == sizes.size:
            return None
        region = min(region + multiple, sizes.size)


def _split_largest(sizes: Int64, wanted: int) -> Int64:
    """Split batches into ``wanted`` pieces, always giving the next piece to the batch with the largest pieces."""
    pieces = np.ones(sizes.size, dtype=np.int64)
    heap = [(-int(size), batch) for batch, size in enumerate(sizes.tolist())]
    heapq.heapify(heap)
    for _ in range(wanted - sizes.size):
        _, batch = heapq.heappop(heap)
        pieces[batch] += 1
        heapq.heappush(heap, (-_ceil_div(int(sizes[batch]), int(pieces[batch])), batch))
    whole, rest = np.divmod(sizes, pieces)
    first = np.repeat(np.cumsum(pieces) - pieces, pieces)
    number = np.arange(wanted) - first
    return np.repeat(whole, pieces) + (number < np.repeat(rest, pieces))


def _ceil_div(total: int, parts: int) -> int:
    return -(-total // parts)

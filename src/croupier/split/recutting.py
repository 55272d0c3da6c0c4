"""Cut the last batches of an epoch again: for equal counts over ranks, or for a share to each rank."""

from __future__ import annotations

import heapq

import numpy as np

from croupier.core.batches import Int64
from croupier.core.policies import FewIds, Whole
from croupier.core.split import Recut
from croupier.errors import TooFewIds

__all__ = ["recut_last_global", "recut_to_multiple", "too_few_for"]


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


def recut_last_global(sizes: Int64, shares: tuple[int, int], whole: Whole, few_ids: FewIds) -> Recut:
    """Where the last global batch has fewer ids than shares, join it with the one before and halve both.

    ``shares`` are ranks and micro-batches. What cannot be helped so meets the policy.

    Examples
    --------
    >>> recut_last_global(np.array([8, 2]), (4, 1), Whole.NO, FewIds.REFUSE).sizes.tolist()
    [5, 5]
    """
    needed = shares[0] * shares[1]
    if sizes.size == 0 or sizes[-1] >= needed:
        return Recut(sizes)
    if whole is Whole.NO and sizes.size > 1 and (both := int(sizes[-1] + sizes[-2])) >= 2 * needed:
        return Recut(np.concatenate([sizes[:-2], np.array([both - both // 2, both // 2], np.int64)]))
    match few_ids:
        case FewIds.PAD:
            return Recut(sizes)
        case FewIds.DROP:
            return Recut(sizes[:-1], int(sizes[-1]))
        case FewIds.REFUSE:
            raise too_few_for(int(sizes[-1]), shares)


def too_few_for(ids: int, shares: tuple[int, int]) -> TooFewIds:
    """The refusal of a global batch with fewer ids than ranks x micro-batches."""
    return TooFewIds(
        f"a global batch has {ids} ids for {shares[0]} ranks x {shares[1]} micro-batches; make global batches"
        " larger, or choose few_ids=FewIds.PAD in the split (at the end of an epoch FewIds.DROP serves too)"
    )

"""What splits have in common whose plan batch is the global batch of a step."""

from __future__ import annotations

from typing import Any

import numpy as np

from croupier.core.batches import Int64
from croupier.core.cost import Cost
from croupier.core.policies import FewIds, Whole
from croupier.core.split import Recut
from croupier.errors import BadArgument, TooFewIds, checked_int

__all__ = ["check_balance", "recut_last_global", "too_few_for"]


def check_balance(max_tokens: Any, micro_batches: Any, cost: Any, few_ids: Any, length: Any) -> None:
    """Refuse arguments that say nothing to balance by."""
    if max_tokens is not None:
        max_tokens = checked_int("max_tokens", max_tokens, at_least=1, fix="pass None for no memory cap")
    micro_batches = checked_int("micro_batches", micro_batches, at_least=1, fix="pass 1 for no accumulation")
    if not isinstance(cost, Cost):
        raise BadArgument("cost", "be a Cost", cost, "pass Cost(linear, quadratic)")
    if not isinstance(few_ids, FewIds):
        raise BadArgument("few_ids", "be a FewIds", few_ids, "pass FewIds.DROP or FewIds.PAD, say")
    if not isinstance(length, str):
        raise BadArgument("length", "be a column's name", length, 'pass "length", say')


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

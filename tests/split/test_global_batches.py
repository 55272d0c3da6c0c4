from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, TooFewIds
from croupier.split.global_batches import check_balance, recut_last_global


@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    ranks=st.integers(1, 6),
    policy=st.sampled_from(cr.FewIds),
)
def test_no_id_is_lost_without_the_policy_and_the_last_batch_serves_every_rank(sizes, ranks, policy):
    given_sizes = np.array(sizes)
    try:
        recut = recut_last_global(given_sizes, (ranks, 1), cr.Whole.NO, policy)
    except TooFewIds:
        assert policy is cr.FewIds.REFUSE
        assert sizes[-1] < ranks
        return
    assert recut.sizes.sum() + recut.dropped_ids == given_sizes.sum()
    assert recut.dropped_ids == 0 or policy is cr.FewIds.DROP
    if sizes[-1] >= ranks:
        assert recut.sizes.tolist() == sizes
    kept = recut_last_global(given_sizes, (ranks, 1), cr.Whole.IN_A_STEP, cr.FewIds.PAD)
    assert kept.sizes.tolist() == sizes, "a batch that must stay whole is not joined"


def test_arguments_are_checked():
    check_balance(None, 1, cr.Cost(), cr.FewIds.PAD, "length")
    for wrong, text in (
        ((0, 1, cr.Cost(), cr.FewIds.PAD, "length"), "max_tokens must be an integer >= 1, got 0"),
        ((None, 0, cr.Cost(), cr.FewIds.PAD, "length"), "micro_batches must be an integer >= 1, got 0"),
        ((None, 1, 3, cr.FewIds.PAD, "length"), "cost must be a Cost, got 3"),
        ((None, 1, cr.Cost(), "pad", "length"), "few_ids must be a FewIds, got 'pad'"),
        ((None, 1, cr.Cost(), cr.FewIds.PAD, None), "length must be a column's name, got None; pass .length., say"),
    ):
        with pytest.raises(BadArgument, match=text):
            check_balance(*wrong)

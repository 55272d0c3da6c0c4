from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, TooFewIds


def deals(plan, table, world, split):
    dealers = [cr.Dealer(plan, table, seed=1, rank=rank, world_size=world, split=split) for rank in range(world)]
    return [list(dealer) for dealer in dealers]


@given(
    seed=st.integers(0, 10**6), world=st.sampled_from([1, 2, 3, 8]), cap=st.one_of(st.none(), st.integers(60, 200)),
    micro=st.integers(1, 3),
)  # fmt: skip
def test_shares_are_capped_equal_in_count_and_scaled_to_the_true_mean(seed, world, cap, micro):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(64, 200))
    losses, lengths = rng.normal(size=rows), rng.integers(1, 60, rows)
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(64), segment_ids=128)
    split = cr.Balanced(cap, micro_batches=micro, few_ids=cr.FewIds.PAD)
    by_rank = deals(plan, cr.Table(length=lengths), world, split)
    assert len({len(mine) for mine in by_rank}) == 1
    for step in range(by_rank[0][-1].step + 1):
        parts = [[deal for deal in mine if deal.step == step] for mine in by_rank]
        assert len({len(mine) for mine in parts}) == 1
        assert all(mine[-1].ends_step and not any(deal.ends_step for deal in mine[:-1]) for mine in parts)
        ids = np.concatenate([deal.ids for mine in parts for deal in mine if not deal.is_padding])
        ours = np.mean([sum(losses[deal.ids].mean() * deal.loss_scale for deal in mine) for mine in parts])
        assert ours == pytest.approx(losses[ids].mean())
        assert len(set(ids.tolist())) == ids.size
        if cap is not None:
            assert all(len(deal) * lengths[deal.ids].max() <= cap for mine in parts for deal in mine)


def test_global_batches_do_not_depend_on_the_world_size():
    table = cr.Table(length=np.random.default_rng(0).integers(1, 60, 640))
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(64))
    steps = {}
    for world in (1, 4, 16):
        by_rank = deals(plan, table, world, cr.Balanced())
        steps[world] = [
            sorted(i for mine in by_rank for deal in mine if deal.step == step for i in deal) for step in range(10)
        ]
    assert steps[1] == steps[4] == steps[16]


def test_it_evens_out_what_lockstep_leaves_uneven():
    lengths = np.minimum(np.random.default_rng(0).lognormal(5, 1, 4096).astype(int) + 1, 4000)
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(1024))
    by_rank = deals(plan, cr.Table(length=lengths), 8, cr.Balanced(micro_batches=4))
    for step in range(4):
        padded = [sum(len(deal) * lengths[deal.ids].max() for deal in mine if deal.step == step) for mine in by_rank]
        assert max(padded) / np.mean(padded) < 1.05


def test_a_small_last_global_batch_shares_with_the_one_before():
    plan = cr.chain(cr.Sequential(), cr.FixedSize(32))
    by_rank = deals(plan, cr.Table(size=67), 8, cr.Balanced())
    sizes = [sum(len(deal) for mine in by_rank for deal in mine if deal.step == step) for step in range(3)]
    assert sizes == [32, 17, 18]


def test_full_batches_are_left_alone_and_none_gets_larger():
    table = cr.Table(length=([1] * 7 + [100]) * 3)
    plan = cr.chain(cr.Sequential(), cr.SortedWindows(8, shuffle_batches=False), cr.FixedSize(4), segment_ids=8)
    assert [len(deal) for deal in cr.Dealer(plan, table, seed=0, split=cr.Balanced())] == [4] * 6
    capped = cr.chain(cr.Sequential(), cr.TokenBudget(1000, max_examples=4), segment_ids=8)
    assert max(len(deal) for deal in cr.Dealer(capped, table, seed=0, split=cr.Balanced())) <= 4


def test_bad_arguments_are_refused():
    with pytest.raises(BadArgument, match="max_tokens must be an integer >= 1, got 0; pass None for no memory cap"):
        cr.Balanced(0)
    with pytest.raises(BadArgument, match="micro_batches must be an integer >= 1"):
        cr.Balanced(micro_batches=0)
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(8))
    with pytest.raises(BadArgument, match=r"Balanced\(max_tokens=\) must be >= the longest example \(9\), got 5"):
        list(cr.Dealer(plan, cr.Table(length=[9] * 8), seed=0, split=cr.Balanced(5)))
    with pytest.raises(TooFewIds, match="a global batch has 3 ids for 8 ranks x 1 micro-batches; make global batches"):
        deals(plan, cr.Table(size=3), 8, cr.Balanced())

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, TooFewIds


def deals(plan, table, world, split=None):
    dealers = [cr.Dealer(plan, table, seed=1, rank=rank, world_size=world, split=split) for rank in range(world)]
    return dealers, list(zip(*(list(dealer) for dealer in dealers), strict=True))


@given(rows=st.integers(8, 120), world=st.sampled_from([1, 2, 3, 5, 8]), values=st.integers(0, 10**6))
def test_the_scaled_mean_over_ranks_is_the_mean_over_the_step(rows, world, values):
    rng = np.random.default_rng(values)
    losses, lengths = rng.normal(size=rows), rng.integers(1, 20, rows)
    plan = cr.chain(cr.Shuffle(), cr.SortedWindows(32), cr.TokenBudget(64), segment_ids=50)
    _, steps = deals(plan, cr.Table(length=lengths), world)
    for step in steps:
        ids = np.concatenate([deal.ids for deal in step])
        ours = np.mean([losses[deal.ids].mean() * deal.loss_scale for deal in step])
        assert ours == pytest.approx(losses[ids].mean())
        by_token = np.mean([np.average(losses[d.ids], weights=lengths[d.ids]) * d.token_scale for d in step])
        assert by_token == pytest.approx(np.average(losses[ids], weights=lengths[ids]))


def test_lanes_hold_the_flat_order_for_every_world_size():
    rng = np.random.default_rng(0)
    table = cr.Table(length=rng.integers(1, 60, 500))
    plan = cr.chain(cr.Shuffle(), cr.SortedWindows(128), cr.TokenBudget(240), segment_ids=256)
    orders = {}
    for world in (1, 2, 4, 8):
        _, steps = deals(plan, table, world, cr.Lockstep(lanes=8))
        orders[world] = [list(deal) for step in steps for deal in step]
    assert orders[1] == orders[2] == orders[4] == orders[8]


def test_a_step_of_lanes_has_neighbouring_lengths():
    rng = np.random.default_rng(0)
    table = cr.Table(length=rng.integers(1, 1000, 20_000))
    plan = cr.chain(cr.Shuffle(), cr.SortedWindows(2**12), cr.TokenBudget(8000))
    spreads = {}
    for lanes in (1, 8):
        _, steps = deals(plan, table, 8, cr.Lockstep(lanes=lanes))
        longest = [[deal.columns["length"].max() for deal in step] for step in steps]
        spreads[lanes] = np.mean([max(step) - min(step) for step in longest])
    assert spreads[8] < spreads[1] / 5


@pytest.mark.parametrize("world", [3, 7, 8])
def test_few_ids_meet_their_policy(world):
    plan, table = cr.chain(cr.Sequential(), cr.FixedSize(1)), cr.Table(size=16)
    left = 16 % world
    if not left:
        assert len(deals(plan, table, world)[1]) == 2
        return
    with pytest.raises(TooFewIds, match=r"ends with \d+ ids in \d+ batches for . ranks.*few_ids=FewIds.DROP.*Repeat"):
        cr.Dealer(plan, table, seed=1, world_size=world)
    dealers, steps = deals(plan, table, world, cr.Lockstep(few_ids=cr.FewIds.DROP))
    assert sum(len(deal) for step in steps for deal in step) == 16 - left
    assert dealers[0].ledger.ids("left out: fewer than ranks") == left
    dealers, steps = deals(plan, table, world, cr.Lockstep(few_ids=cr.FewIds.PAD))
    assert sorted(i for step in steps for deal in step if not deal.is_padding for i in deal) == list(range(16))
    padding = [deal for deal in steps[-1] if deal.is_padding]
    assert len(padding) == world - left
    assert {deal.loss_scale for deal in padding} == {0.0}
    assert dealers[0].ledger.ids("repeated as padding") == world - left
    said = cr.preview(plan, table, seed=1, world_size=world, split=cr.Lockstep(few_ids=cr.FewIds.PAD)).ledger
    assert said == dealers[0].ledger


def test_bad_arguments_are_refused():
    with pytest.raises(BadArgument, match="lanes must be an integer >= 1, got 0"):
        cr.Lockstep(lanes=0)
    with pytest.raises(BadArgument, match="few_ids must be a FewIds, got 'pad'"):
        cr.Lockstep(few_ids="pad")

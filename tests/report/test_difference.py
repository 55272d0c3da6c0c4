from __future__ import annotations

import json

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument
from croupier.report import difference

TABLE = cr.Table(length=np.random.default_rng(0).integers(1, 9, 200))


def run(*stages, seed=0, table=TABLE, **arguments):
    return cr.Dealer(cr.chain(*stages, segment_ids=64), table, seed=seed, **arguments)


def test_a_run_is_no_different_from_itself():
    found = cr.diff(run(cr.Shuffle(), cr.TokenBudget(20)), run(cr.Shuffle(), cr.TokenBudget(20)), epoch=3)
    assert found.is_none
    assert not found.settings
    assert found.shared_ids == 1.0
    assert str(found).startswith("epoch 3: the same batches\norder, ids: all 200 agree")


def test_other_ranks_deal_the_same_flat_order_where_lanes_agree():
    split = cr.Lockstep(lanes=2)
    plan = (cr.Shuffle(), cr.SortedWindows(32), cr.TokenBudget(20))
    found = cr.diff(run(*plan, world_size=2, split=split), run(*plan, world_size=4, rank=1, split=split))
    assert found.is_none


def test_another_budget_keeps_the_order():
    found = cr.diff(
        run(cr.Shuffle(), cr.SortedWindows(32), cr.TokenBudget(20)),
        run(cr.Shuffle(), cr.SortedWindows(32), cr.TokenBudget(40)),
    )
    assert found.order_ids == (200, 200)
    assert found.dealt_ids[0] < 200
    assert found.shared_ids == 1.0
    assert found.settings == {"plan.stages[2].max_tokens": (20, 40)}


def test_the_place_where_two_streams_part_is_found():
    """The first batches are alike, then one run has other rows."""
    same, other = cr.Subset(cr.Sequential(), range(100)), cr.Subset(cr.Sequential(), range(100, 200))
    backwards = cr.Selection(np.arange(199, 99, -1), shuffle=False)
    found = cr.diff(run(cr.Concat([same, other]), cr.FixedSize(8)), run(cr.Concat([same, backwards]), cr.FixedSize(8)))
    assert (found.order_ids, found.dealt_ids, found.batches) == ((100, 200), (100, 200), (12, 25))
    assert found.shared_ids == 1.0
    assert not found.is_none
    assert "dealt, batches: the first 12 of 25 agree" in str(found)


def test_ids_that_only_one_run_deals_are_counted_with_repeats():
    twice = run(cr.Repeat(cr.Sequential(), 2), cr.FixedSize(8))
    once = run(cr.Sequential(), cr.FixedSize(8))
    assert cr.diff(twice, once).shared_ids == 0.5
    assert cr.diff(once, twice).dealt_ids == (200, 400)


def test_settings_are_named():
    found = cr.diff(run(cr.Shuffle(), cr.FixedSize(8)), run(cr.Shuffle(), cr.FixedSize(8), seed=1))
    assert found.settings == {"run.seed": (0, 1)}
    assert found.dealt_ids[0] < 20
    grown = cr.diff(run(cr.Shuffle(), cr.FixedSize(8)), run(cr.Shuffle(), cr.FixedSize(8), table=cr.Table(size=100)))
    assert grown.settings["table.size"] == (200, 100)
    assert json.loads(found.to_json())["settings"] == {"run.seed": [0, 1]}


def test_long_epochs_are_compared_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(difference, "COMPARED_IDS", 50)
    found = cr.diff(run(cr.Shuffle(), cr.FixedSize(8)), run(cr.Shuffle(), cr.FixedSize(8)))
    assert (found.order_ids, found.dealt_ids, found.batches) == ((50, 50), (50, 50), (7, 7))
    assert found.is_none


def test_bad_arguments_are_refused():
    with pytest.raises(
        BadArgument, match=r"second must be a Dealer, got 3; in torch, pass loader.batch_sampler.dealer"
    ):
        cr.diff(run(cr.Shuffle(), cr.FixedSize(8)), 3)
    with pytest.raises(BadArgument, match=r"epoch must be an integer >= 0, got -1"):
        cr.diff(run(cr.Shuffle(), cr.FixedSize(8)), run(cr.Shuffle(), cr.FixedSize(8)), epoch=-1)

from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier import recipes

TABLE = cr.Table(length=np.random.default_rng(0).integers(1, 100, 1000))


def ids_of(plan, world_size=1):
    return sorted(
        i
        for rank in range(world_size)
        for deal in cr.Dealer(plan, TABLE, seed=0, rank=rank, world_size=world_size)
        for i in deal
    )


def test_every_recipe_deals_the_table():
    assert ids_of(recipes.shuffled(32)) == list(range(1000))
    assert ids_of(recipes.length_grouped(1000)) == list(range(1000))
    assert ids_of(recipes.bucketed(1000, buckets=5)) == list(range(1000))
    assert len(ids_of(recipes.shuffled(32, drop_last=True))) == 992
    assert set(ids_of(recipes.evaluation(32, world_size=4), world_size=4)) == set(range(1000))


def test_recipes_of_sources_hold_their_shares():
    lengths = np.where(np.arange(1000) < 800, 10, 40)
    table = cr.Table(length=lengths, source=np.repeat(["short", "long"], [800, 200]))
    (classes,) = {source.dealt for source in cr.preview(recipes.class_balanced("source", 50), table, seed=0).sources}
    assert classes == 0.5
    mixed = cr.preview(recipes.mixed("source", {"short": 3, "long": 1}, 1000), table, seed=0)
    assert mixed.sources[0].dealt == pytest.approx(0.75, abs=0.01)


def test_packed_documents_lose_nothing():
    packs = cr.Dealer(recipes.packed(64), TABLE, seed=0)
    pieces = [(i, s, n) for d in packs for i, s, n in zip(d, d.columns["start"], d.columns["length"], strict=True)]
    assert sum(n for _, _, n in pieces) == TABLE.column("length").sum()
    assert len({(i, s) for i, s, _ in pieces}) == len(pieces)

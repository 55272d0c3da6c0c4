from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadTable


@given(keys=st.lists(st.integers(0, 5), min_size=1, max_size=60), world=st.integers(1, 3), segment=st.integers(5, 60))
def test_a_batch_holds_one_key_and_every_id_comes_once(keys, world, segment):
    plan = cr.chain(cr.Shuffle(), cr.GroupBy("key"), cr.FixedSize(4), segment_ids=segment)
    split = cr.Lockstep(few_ids=cr.FewIds.PAD)
    table = cr.Table(key=keys)
    ranks = [list(cr.Dealer(plan, table, seed=0, rank=r, world_size=world, split=split)) for r in range(world)]
    assert len({len(deals) for deals in ranks}) == 1
    real = [deal for deals in ranks for deal in deals if not deal.is_padding]
    assert sorted(i for deal in real for i in deal) == list(range(len(keys)))
    for deal in real:
        assert set(deal.columns["group"].tolist()) == {keys[i] for i in deal}
        assert len({keys[i] for i in deal}) == 1


@dataclass(frozen=True)
class ByEpoch:
    prepared_per_epoch = True

    def groups(self, table, key, epoch):
        return (np.arange(table.size) + epoch) // 2 % 3


@dataclass(frozen=True)
class Wrong:
    prepared_per_epoch = False

    def groups(self, table, key, epoch):
        return np.zeros(3) - 1


def test_groups_may_be_derived_anew_for_each_epoch():
    dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.GroupBy(ByEpoch()), cr.FixedSize(2)), cr.Table(size=12), seed=0)
    for epoch in range(3):
        for deal in dealer:
            assert len(set(((deal.ids + epoch) // 2 % 3).tolist())) == 1


def test_what_groups_nothing_is_refused():
    with pytest.raises(BadArgument, match=r"key must be a column's name or a Grouping, got 3; pass"):
        cr.GroupBy(3)
    with pytest.raises(BadTable, match=r"'x' must hold strings or whole numbers >= 0, got dtype\('float64'\)"):
        cr.Dealer(cr.chain(cr.Shuffle(), cr.GroupBy("x"), cr.FixedSize(2)), cr.Table(x=[0.5]), seed=0)
    with pytest.raises(BadTable, match=r"'x' must hold strings or whole numbers >= 0, got -1"):
        cr.Dealer(cr.chain(cr.Shuffle(), cr.GroupBy("x"), cr.FixedSize(2)), cr.Table(x=[-1]), seed=0).first()
    with pytest.raises(BadArgument, match=r"key must give 4 integers >= 0, one a row, got float64 of shape \(3,\)"):
        cr.Dealer(cr.chain(cr.Shuffle(), cr.GroupBy(Wrong()), cr.FixedSize(2)), cr.Table(size=4), seed=0)

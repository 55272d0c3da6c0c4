from __future__ import annotations

import pickle

import pytest

import croupier as cr


def test_it_is_a_list_of_ints_that_knows_its_facts():
    table = cr.Table(length=[4, 2, 6])
    deal = cr.Dealer(cr.chain(cr.Sequential(), cr.TokenBudget(12)), table, seed=0).first()
    assert deal == [0, 1]
    assert [type(i) for i in deal] == [int, int]
    assert deal.ids.tolist() == list(deal)
    assert deal.columns["length"].tolist() == [4, 2]
    assert (deal.epoch, deal.step, deal.micro_batch, deal.micro_batches, deal.ends_step) == (0, 0, 0, 1, True)
    assert deal.cursor.samples == 2


def test_nobody_can_change_the_plan_through_it():
    deal = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(2)), cr.Table(length=[1, 2, 3, 4]), seed=0).first()
    for values in (deal.ids, deal.columns["length"]):
        with pytest.raises(ValueError, match="read-only"):
            values[:] = 0


def test_the_list_and_the_columns_cross_to_a_worker():
    deal = cr.Dealer(cr.chain(cr.Sequential(), cr.FixedSize(2)), cr.Table(length=[1, 2, 3]), seed=0).first()
    there = pickle.loads(pickle.dumps(deal))
    assert there == deal
    assert there.columns["length"].tolist() == [1, 2]
    assert not hasattr(there, "cursor")

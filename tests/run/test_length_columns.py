from __future__ import annotations

import pytest

import croupier as cr
from croupier.errors import BadTable
from croupier.run.length_columns import length_columns, split_length

TABLE = cr.Table(frames=[5, 6], tokens=[1, 2], length=[7, 8])


def test_the_budget_says_what_is_counted_then_the_other_stages_then_the_split():
    budget = cr.chain(cr.Shuffle(), cr.SortedWindows(8, length="frames"), cr.TokenBudget(64, length="tokens"))
    assert length_columns(budget, cr.Lockstep(), TABLE) == ("tokens",)
    windows = cr.chain(cr.Shuffle(), cr.SortedWindows(8, length="frames"), cr.FixedSize(2))
    assert length_columns(windows, cr.Lockstep(), TABLE) == ("frames",)
    plain = cr.chain(cr.Shuffle(), cr.FixedSize(2))
    assert length_columns(plain, cr.Balanced(length="tokens"), TABLE) == ("tokens",)
    assert length_columns(plain, cr.Lockstep(), TABLE) == ("length",)
    assert length_columns(plain, cr.Lockstep(), cr.Table(size=2)) == ()
    pairs = cr.chain(cr.Shuffle(), cr.TokenBudget(64, length=("frames", "tokens")))
    assert length_columns(pairs, cr.Lockstep(), TABLE) == ("frames", "tokens")


def test_a_split_weighs_by_a_length_where_there_is_one():
    assert split_length(cr.Balanced(length="frames"), TABLE) == ("frames",)
    assert split_length(cr.Lockstep(), TABLE) == ()
    with pytest.raises(BadTable, match="'length' must hold"):
        split_length(cr.Balanced(), cr.Table(length=[0.5, 1.5]))

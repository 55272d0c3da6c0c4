from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument


def program(plan, table, world_size=1):
    return cr.Dealer(plan, table, seed=0, world_size=world_size).program


def test_segments_are_whole_steps_and_the_last_takes_the_rest():
    planned = program(cr.chain(cr.Shuffle(), cr.FixedSize(6), segment_ids=20), cr.Table(size=100), world_size=2)
    assert planned.epochs.window == 24
    assert planned.epochs.segments(0) == 4
    assert [planned.segment(0, number).batches.indices.size for number in range(4)] == [24, 24, 24, 28]


def test_any_segment_of_any_epoch_at_once():
    plan = cr.chain(cr.Shuffle(), cr.SortedWindows(), cr.TokenBudget(4096))
    lengths = np.broadcast_to(np.array([7], np.int16), (10**9,))
    planned = program(plan, cr.Table(length=lengths))
    last = planned.segment(99_999, planned.epochs.segments(0) - 1)
    assert last.batches.indices.size == 10**9 - (planned.epochs.segments(0) - 1) * planned.epochs.window
    assert np.unique(last.batches.indices).size == last.batches.indices.size


def test_carried_ids_come_from_the_epoch_before():
    plan = cr.chain(cr.Sequential(), cr.FixedSize(4, cr.Tail.CARRY))
    planned = program(plan, cr.Table(size=10))
    assert [planned.epochs.bounds(epoch) for epoch in range(3)] == [(0, 8), (8, 20), (20, 28)]
    assert planned.segment(1, 0).batches.indices.tolist() == [8, 9, *range(10)]
    assert planned.segment(0, 0).batches.ledger.ids("carried to the next epoch") == 2


@dataclass(frozen=True)
class Crooked:
    result: cr.Batches
    name: str = "crooked"

    def plan(self, batches, context):
        return self.result


@pytest.mark.parametrize(
    ("result", "fault"),
    [
        (cr.Batches(np.arange(3), np.array([0, 1])), "offsets must start at 0"),
        (cr.Batches(np.arange(3), np.array([0, 2, 1, 3])), "offsets must not decrease"),
        (cr.Batches.of([0, 3]), "ids from 0 to 3 for 3 rows"),
        (cr.Batches.of([-1, 2]), "ids from -1 to 2 for 3 rows"),
    ],
)
def test_a_stage_that_gives_malformed_batches_is_refused(result, fault):
    planned = program(cr.chain(cr.Sequential(), Crooked(result)), cr.Table(size=3))
    with pytest.raises(BadArgument, match=f"plan must give well-formed batches, got {fault}.*mend the plan method"):
        planned.segment(0, 0)


def test_orders_without_an_inverse_say_so():
    dealer = cr.Dealer(cr.chain(cr.Weighted("w"), cr.FixedSize(2)), cr.Table(w=np.ones(10)), seed=0)
    with pytest.raises(BadArgument, match="order must have an inverse, got Weighted"):
        dealer.position_of([1])


def test_prepared_facts_are_made_once_for_the_run_or_for_each_epoch(monkeypatch):
    made = []
    for stage in (cr.LengthBuckets, cr.ShardShuffle):
        original = stage.prepare
        monkeypatch.setattr(
            stage, "prepare", lambda self, *a, original=original: made.append(self.name) or original(self, *a)
        )
    table = cr.Table.from_shards([20, 20], length=np.arange(40))
    dealer = cr.Dealer(cr.chain(cr.ShardShuffle(), cr.LengthBuckets(3), cr.FixedSize(4)), table, seed=0)
    for _ in range(3):
        list(dealer)
    assert made.count("length_buckets") == 1
    assert 3 <= made.count("shard_shuffle") <= 4


@dataclass(frozen=True)
class Lending:
    column: np.ndarray
    name: str = "lending"

    def plan(self, batches, context):
        return batches.with_columns(lent=self.column)


def test_an_array_that_a_stage_lends_stays_writable_and_its_deal_is_not():
    column = np.arange(3.0)
    deal = cr.Dealer(cr.chain(cr.Sequential(), Lending(column), cr.FixedSize(3)), cr.Table(size=3), seed=0).first()
    column[0] = 5.0
    assert not deal.columns["lent"].flags.writeable

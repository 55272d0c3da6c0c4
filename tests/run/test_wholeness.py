from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

import croupier as cr
from croupier.core.policies import Whole
from croupier.errors import BadArgument
from croupier.run.wholeness import stages_that_may_part_steps, whole_of


def table():
    rng = np.random.default_rng(0)
    return cr.Table(
        query=rng.integers(0, 300, 1_000), item=rng.integers(0, 300, 1_000), language=rng.integers(0, 3, 1_000),
        length=rng.integers(1, 50, 1_000),
    )  # fmt: skip


def swap_lanes(batches):
    return batches.take_batches(np.arange(len(batches)).reshape(-1, 2)[:, ::-1].ravel())


def leave_out_some(batches):
    return batches.without(batches.indices % 5 == 0)


def shift(batches):
    return batches.take_batches(np.roll(np.arange(len(batches)), 1))


def shift_later(batches):
    return batches if 0 in batches.indices else shift(batches)


def empty_the_first(batches):
    return batches.without(np.arange(batches.indices.size) < batches.offsets[1])


def repeat_one(batches):
    indices = batches.indices.copy()
    indices[0] = indices[1]
    return replace(batches, indices=indices)


@dataclass(frozen=True)
class Changes:
    """A stage that does to the batches what the function of this name does."""

    name: str

    def plan(self, batches, context):
        return globals()[self.name](batches)


def steps_of(plan, facts, split=None, lanes=2):
    ranks = [list(cr.Dealer(plan, facts, seed=0, rank=rank, world_size=lanes, split=split)) for rank in range(lanes)]
    return [np.concatenate([deal.ids for deal in step]) for step in zip(*ranks, strict=True)]


def conflicts_in(steps, facts):
    known, found = cr.Pairs().known_in(facts), 0
    for ids in map(np.unique, steps):  # what is repeated as padding is the same row
        one, two = known.pairs_among(facts.column("query")[ids], facts.column("item")[ids])
        found += int((one != two).sum())
    return found


@pytest.mark.parametrize("stage", [cr.GroupBy("language"), cr.LengthBuckets(4)])
def test_a_stage_that_regroups_the_lanes_is_refused_when_the_dealer_is_made(stage):
    plan = cr.chain(cr.Shuffle(), cr.ConflictFree(16), stage)
    text = (
        rf"plan must leave together what shares a step on several lanes, got '{stage.name}' after 'conflict_free';"
        rf" put '{stage.name}' before it, choose Balanced\(\), or over_ranks=False in 'conflict_free'"
    )
    with pytest.raises(BadArgument, match=text):
        cr.Dealer(plan, table(), seed=0, world_size=2)


@pytest.mark.parametrize("stage", [cr.FixedSize(8), cr.TokenBudget(200), cr.FixedShapes(cr.Shapes(((50,),), (8,)))])
def test_a_stage_that_cuts_is_refused_when_the_dealer_is_made(stage):
    plan = cr.chain(cr.Shuffle(), cr.ConflictFree(16), stage)
    text = (
        rf"plan must (not cut further what shares a step on several lanes, got '{stage.name}'|have stages that agree)"
    )
    with pytest.raises(BadArgument, match=text):
        cr.Dealer(plan, table(), seed=0, world_size=2)


def test_the_fixes_that_the_error_names_are_accepted_and_hold():
    facts = table()
    before = cr.chain(cr.Shuffle(), cr.GroupBy("language"), cr.ConflictFree(16))
    assert conflicts_in(steps_of(before, facts), facts) == 0
    after = cr.chain(cr.Shuffle(), cr.ConflictFree(16), cr.GroupBy("language"))
    assert conflicts_in(steps_of(after, facts, cr.Balanced(few_ids=cr.FewIds.PAD)), facts) == 0
    apart = cr.chain(cr.Shuffle(), cr.ConflictFree(16, over_ranks=False), cr.GroupBy("language"))
    dealers = [cr.Dealer(apart, facts, seed=0, rank=rank, world_size=2) for rank in range(2)]
    assert conflicts_in([deal.ids for dealer in dealers for deal in dealer], facts) == 0


@pytest.mark.parametrize(
    "stage",
    [
        cr.SortedWindows(64),
        cr.RandomNegatives(2, 300),
        Changes("swap_lanes"),
        Changes("leave_out_some"),
        cr.chain(cr.SortedWindows(64), cr.RandomNegatives(2, 300), name="inner"),
    ],
)
def test_a_stage_that_leaves_ids_in_their_steps_may_follow(stage):
    facts = table()
    plan = cr.chain(cr.Shuffle(), cr.ConflictFree(16), stage)
    assert conflicts_in(steps_of(plan, facts), facts) == 0


@pytest.mark.parametrize("change", ["shift", "empty_the_first", "repeat_one"])
def test_ids_that_come_into_another_step_are_found(change):
    plan = cr.chain(cr.Shuffle(), cr.ConflictFree(16), Changes(change))
    with pytest.raises(BadArgument, match=rf"plan must leave together .*, got '{change}' after 'conflict_free'"):
        cr.Dealer(plan, table(), seed=0, world_size=2)


def test_a_segment_in_which_ids_move_is_refused_though_the_first_is_not():
    facts = table()
    plan = cr.chain(cr.Sequential(), cr.ConflictFree(16), Changes("shift_later"), segment_ids=256)
    dealer = cr.Dealer(plan, facts, seed=0, world_size=2)
    with pytest.raises(BadArgument, match=r"plan must leave together .*, got 'shift_later' after 'conflict_free'"):
        list(dealer)


def test_what_the_stages_ask_for_is_found():
    plan = cr.chain(cr.Shuffle(), cr.ConflictFree(16), cr.RandomNegatives(2, 300))
    assert whole_of(plan, 2) is Whole.WITH_ITS_LANES
    assert [stage.name for stage in stages_that_may_part_steps(plan, 2)] == ["random_negatives"]
    assert stages_that_may_part_steps(plan, 1) == []
    assert whole_of(cr.chain(cr.Shuffle(), cr.FixedSize(2)), 2) is Whole.NO
    both = cr.chain(cr.Shuffle(), cr.ConflictFree(16), cr.FixedShapes(cr.Shapes(((50,),), (8,))))
    with pytest.raises(BadArgument, match="plan must have stages that agree how whole batches must stay, got"):
        whole_of(both, 1)

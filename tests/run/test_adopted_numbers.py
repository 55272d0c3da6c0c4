from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadState, FeedbackTooLate
from croupier.run.adopted_numbers import AdoptedNumbers
from croupier.run.adoption import Adoption


def run(rank=0, world=2):
    rng = np.random.default_rng(0)
    table = cr.Table(length=np.clip(rng.lognormal(5, 1.2, 400), 1, 2_000).astype(np.int64))
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(20), segment_ids=100)
    return cr.Dealer(plan, table, seed=0, rank=rank, world_size=world, split=cr.Balanced())


def test_a_cost_holds_from_the_segment_after_next_and_in_later_epochs():
    cost = cr.Cost(0, 1)
    plain, adopted, always = run(), run(), run()
    always.program.costs = AdoptedNumbers(((0, (0, 1)),))
    deals = {"plain": [], "adopted": [], "always": []}
    for name, dealer in (("plain", plain), ("adopted", adopted), ("always", always)):
        for _ in range(2):
            for number, deal in enumerate(dealer):
                if name == "adopted" and deal.epoch == 0 and number == 2:
                    assert dealer.adopt_cost(cost) == 2
                deals[name].append((deal.epoch, deal.segment, list(deal)))
    for old, new, other in zip(deals["plain"], deals["adopted"], deals["always"], strict=True):
        epoch, segment, _ = new
        assert new == (old if (epoch, segment) < (0, 2) else other)
    assert deals["plain"] != deals["always"]


def test_a_restart_goes_on_with_the_version_and_the_ids_stay_the_same_on_all_ranks():
    dealers = [run(rank) for rank in range(2)]
    passes = [iter(dealer) for dealer in dealers]
    for deal_pass in passes:
        for _ in range(3):
            next(deal_pass)
    for dealer in dealers:
        dealer.adopt_cost(cr.Cost(3, 1))
    state = json.loads(json.dumps(dealers[0].state_dict()))
    rest = [list(deal_pass) for deal_pass in passes]
    resumed = [run(rank) for rank in range(2)]
    for dealer in resumed:
        dealer.load_state_dict(state)
    assert [list(dealer) for dealer in resumed] == rest
    ids = [i for deals in rest for deal in deals for i in deal]
    assert len(ids) == len(set(ids)) == 340


def test_a_cost_that_comes_too_late_or_to_the_wrong_split_is_refused():
    dealer = run()
    dealer.program.segment(0, 3)
    len(dealer)
    dealer.adopt_cost(cr.Cost(1))  # a look is no plan that was handed out
    ahead = dealer.run_ahead()
    while next(ahead).segment < 2:
        pass
    with pytest.raises(
        FeedbackTooLate, match=r"a cost can be adopted from segment 2 on, but segment 2 has been planned"
    ):
        dealer.adopt_cost(cr.Cost())
    with pytest.raises(BadArgument, match=r"cost must be a Cost, got 3; pass StepTimes"):
        run().adopt_cost(3)
    plain = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(2)), cr.Table(size=9), seed=0)
    with pytest.raises(
        BadArgument, match=r"adopt_cost must be used with a split that balances by cost, got 'Lockstep'"
    ):
        plain.adopt_cost(cr.Cost())


def test_coefficients_are_plain_integers_in_the_state():
    dealer = run()
    dealer.adopt_cost(cr.Cost(np.int64(3), np.int32(1)))
    assert json.loads(json.dumps(dealer.state_dict()))["costs"] == [[0, 3, 1]]


def test_preview_of_a_resumed_run_prices_by_the_adopted_cost():
    dealer = run()
    deals = iter(dealer)
    next(deals)
    dealer.adopt_cost(cr.Cost(0, 1))
    while next(deals).segment < 2:
        pass
    plan, table, split = dealer.program.plan, dealer.program.table, cr.Balanced()
    figures = cr.preview(plan, table, seed=0, world_size=2, split=split, resume=dealer.state_dict())
    assert figures.rank_imbalance == pytest.approx(figures.rank_imbalance_bound)


@pytest.mark.parametrize(
    "saved", [3, [3], [[1, 2]], [[1, 2, -3]], [[1, 2, 3.0]], [[2, 1, 0], [1, 1, 0]], [[True, 1, 0]]]
)
def test_damaged_versions_are_refused(saved):
    with pytest.raises(
        BadState, match=r"state: costs must be lists of a segment, ascending, and 2 numbers from 0, 0 on"
    ):
        AdoptedNumbers.from_list(saved, "costs", (0, 0))


def test_a_later_version_replaces_one_of_the_same_segment():
    versions = AdoptedNumbers().adopted("it", (1, 0), Adoption(segment=3, epoch=9, planned=1))
    versions = versions.adopted("it", (2, 0), Adoption(segment=3, epoch=9, planned=2))
    assert versions.to_list(0) == versions.to_list(9) == [[3, 2, 0]]
    assert AdoptedNumbers.from_list(versions.to_list(0), "costs", (0, 0)) == versions


def growing(rank=0, world=2, split=None):
    plan = cr.chain(cr.Shuffle(), cr.RampedSize(8), segment_ids=64)
    return cr.Dealer(plan, cr.Table(size=320), seed=0, rank=rank, world_size=world, split=split)


@pytest.mark.parametrize("split", [None, cr.Balanced()])
def test_a_batch_size_is_adopted_for_the_segment_after_next_and_a_restart_keeps_it(split):
    """Exactly once, equal counts, and what goes on is bit for bit the same from before, at and after the change."""
    wanted = None
    for stop in (3, 10, 17, 21, 30):
        dealers = [growing(rank, split=split) for rank in range(2)]
        steps, states = [], []
        for number, deals in enumerate(zip(*dealers, strict=True)):
            steps.append([deal.ids.tolist() for deal in deals])
            if number == 9:
                assert {dealer.adopt_batch_size(32) for dealer in dealers} == {3}
            states.append(json.loads(json.dumps(dealers[0].state_dict())))
        wanted = wanted or steps
        assert steps == wanted
        assert [sum(map(len, step)) for step in steps] == [8] * 24 + [32] * 4
        assert sorted(i for step in steps for ids in step for i in ids) == list(range(320))
        if stop < len(steps):
            resumed = [growing(rank, split=split) for rank in range(2)]
            for dealer in resumed:
                dealer.load_state_dict(states[stop])
                if stop < 9:
                    dealer.adopt_batch_size(32)
            rest = [[deal.ids.tolist() for deal in deals] for deals in zip(*resumed, strict=True)]
            assert stop < 9 or rest == steps[stop + 1 :]
            assert sorted(i for step in rest for ids in step for i in ids) == sorted(
                i for step in steps[stop + 1 :] for ids in step for i in ids
            )


def test_a_batch_size_is_refused_where_it_cannot_be():
    with pytest.raises(BadArgument, match=r"batch_size must be an integer >= 1, got 0; pass the ids of a step"):
        growing().adopt_batch_size(0)
    plain = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(2)), cr.Table(size=9), seed=0)
    with pytest.raises(BadArgument, match=r"adopt_batch_size must be used with a plan that cuts by RampedSize"):
        plain.adopt_batch_size(4)
    state = growing().state_dict()
    with pytest.raises(BadState, match=r"costs must be lists|checksum must be"):
        growing().load_state_dict({**state, "batch_sizes": [[0, 0]]})
    with pytest.raises(BadState, match=r"batch_sizes must be lists of a segment, ascending, and 1 numbers from 1 on"):
        AdoptedNumbers.from_list([[0, 0]], "batch_sizes", (1,))


@given(begins=st.sets(st.integers(0, 30), max_size=8), at=st.integers(0, 35))
def test_a_state_holds_what_can_be_dealt_from_and_forgets_the_rest(begins, at):
    versions = AdoptedNumbers(tuple((begin, (begin + 1,)) for begin in sorted(begins)))
    kept = AdoptedNumbers.from_list(versions.to_list(at), "batch_sizes", (1,))
    assert [kept.at(segment) for segment in range(at, 40)] == [versions.at(segment) for segment in range(at, 40)]
    assert sum(begin <= at for begin, _ in kept.versions) <= 1
    assert kept.to_list(at) == versions.to_list(at)


def test_numbers_too_large_for_any_cost_are_refused():
    with pytest.raises(BadState, match=r"costs must be lists of a segment"):
        AdoptedNumbers.from_list([[0, 2**50, 1]], "costs", (0, 0), most=2**40)
    with pytest.raises(BadState, match=r"costs must be lists of a segment"):
        AdoptedNumbers.from_list([[2**62, 1, 1]], "costs", (0, 0), most=2**40)

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument

TABLE = cr.Table(length=np.random.default_rng(0).integers(1, 9, 40))
PLAN = cr.chain(cr.Shuffle(), cr.TokenBudget(20), segment_ids=16)


def dealer(**arguments):
    return cr.Dealer(PLAN, TABLE, **{"seed": 3, **arguments})


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: dealer(rank=2, world_size=2),
            "rank must be an integer >= 0 and <= 1, got 2; ranks of a world of 2 are 0 to 1",
        ),
        (lambda: dealer(rank=-1), "rank must be an integer >= 0"),
        (
            lambda: dealer(world_size=0),
            "world_size must be an integer >= 1 and <= 1048576, got 0; pass",
        ),
        (
            lambda: dealer(seed=1.5),
            "seed must be an integer >= 0 and <= 18446744073709551615, got 1.5; pass a whole number",
        ),
        (lambda: dealer(seed="7"), "seed must be an integer"),
        (lambda: dealer(seed=-1), "seed must be an integer >= 0"),
        (lambda: dealer(seed=None), "seed must be an integer"),
        (lambda: dealer(split=cr.Lockstep), "split must be a split, got <class"),
        (lambda: dealer(split="lockstep"), "split must be a split, got 'lockstep'"),
        (lambda: cr.Dealer([1, 2], TABLE, seed=0), r"plan must be a stage, got \[1, 2\]; write chain"),
        (lambda: cr.Dealer(PLAN, [1, 2], seed=0), r"table must be a Table, got \[1, 2\]; write Table"),
        (lambda: dealer().position_of([40]), "ids must be a list of rows of the table, 0 to 39"),
        (lambda: dealer().position_of([-1]), "ids must be a list of rows of the table, 0 to 39"),
        (lambda: dealer().position_of([1.5]), "ids must be a list of rows of the table, 0 to 39"),
        (lambda: dealer().position_of([1], epoch=-1), "epoch must be an integer >= 0"),
        (lambda: dealer().set_epoch(-1), "epoch must be an integer >= 0, got -1"),
        (lambda: dealer().set_epoch(1.0), "epoch must be an integer >= 0, got 1.0"),
    ],
)
def test_holding_it_wrong_is_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()


def test_one_stage_is_a_plan_of_one_batch_a_segment():
    assert [list(deal) for deal in cr.Dealer(cr.Sequential(), cr.Table(size=3), seed=0)] == [[0, 1, 2]]


def test_the_length_holds_during_a_pass_and_after_a_restart():
    whole = dealer()
    total = len(whole)
    lengths = set()
    states = []
    for _ in whole:
        lengths.add(len(whole))
        states.append(whole.state_dict())
    assert lengths - {total} <= {len(whole)}
    for state in states[:-1]:
        resumed = dealer()
        resumed.load_state_dict(state)
        assert len(resumed) == total
        assert resumed.steps_per_epoch == total


def test_totals_go_on_over_epochs_and_restarts():
    whole = dealer()
    for _ in range(2):
        list(whole)
    assert (whole.cursor.epoch, whole.cursor.samples, whole.cursor.tokens) == (2, 80, 2 * TABLE.column("length").sum())
    resumed = dealer()
    resumed.load_state_dict(whole.state_dict())
    list(resumed)
    assert resumed.cursor.samples == 120


@given(stops=st.lists(st.integers(1, 12), max_size=6), worlds=st.lists(st.integers(1, 6), min_size=7, max_size=7))
def test_any_number_of_stops_on_any_number_of_ranks_deals_each_id_once(stops, worlds):
    dealt: list[int] = []
    state = None
    for stop, world_size in zip([*stops, 10**6], worlds, strict=False):
        ranks = [
            dealer(rank=rank, world_size=world_size, split=cr.Lockstep(2, cr.FewIds.PAD)) for rank in range(world_size)
        ]
        if state is not None:
            for rank in ranks:
                rank.load_state_dict(state)
            if ranks[0].cursor.epoch:
                break
        for number, deals in enumerate(zip(*ranks, strict=True), start=1):
            dealt += [i for deal in deals if not deal.is_padding for i in deal]
            if number == stop or deals[0].cursor.epoch:
                break
        assert len({str(rank.state_dict()) for rank in ranks}) == 1, "ranks have the same state"
        state = ranks[-1].state_dict()
    assert sorted(dealt) == list(range(40))


def test_a_last_segment_that_deals_nothing_still_ends_the_epoch():
    lengths = np.where(np.arange(48) < 32, 5, 99)
    plan = cr.chain(cr.Sequential(), cr.TokenBudget(20, too_long=cr.TooLong.DROP), segment_ids=16)
    whole = cr.Dealer(plan, cr.Table(length=lengths), seed=0)
    for epoch in range(2):
        assert whole.cursor.epoch == epoch
        assert sorted(i for deal in whole for i in deal) == list(range(32))
        assert whole.ledger.ids("dropped as too long") == 16 * (epoch + 1)


def test_what_is_adopted_changes_the_length():
    dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.RampedSize(128), segment_ids=256), cr.Table(size=1024), seed=0)
    assert (len(dealer), dealer.steps_per_epoch) == (8, 8)
    dealer.adopt_batch_size(256)
    assert (len(dealer), dealer.steps_per_epoch) == (4, 4)
    assert sum(1 for _ in dealer) == 4


def test_a_pass_that_is_begun_again_deals_what_was_skipped():
    run = dealer(world_size=1)
    run.skip_steps(2)
    for _ in range(2):
        stream = iter(run)
        dealt = [id_ for deal in islice(stream, 4) for id_ in deal]
    rows = run.program.table.size
    assert run.seen_before(range(rows)).tolist() == [id_ in dealt for id_ in range(rows)]


def test_a_pass_that_is_begun_again_has_the_rows_that_a_restart_would_have():
    plan, small, grown = cr.chain(cr.Shuffle(), cr.FixedSize(4)), cr.Table(size=20), cr.Table(size=24)
    run = cr.Dealer(plan, small, seed=0)
    next(iter(run))
    live = cr.Dealer(plan, grown, seed=0)
    live.load_state_dict(run.state_dict())
    next(iter(live))
    begun_again = live.run_ahead()
    restarted = cr.Dealer(plan, grown, seed=0)
    restarted.load_state_dict(live.state_dict())
    dealt = [list(deal) for deal in begun_again]
    assert dealt == [list(deal) for deal in restarted]
    assert sorted(id_ for ids in dealt for id_ in ids) == list(range(24))

from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from cases import BY_NAME, CASES, ROWS, table
from croupier.errors import BadArgument, BadState
from croupier.run.audit import Skip, with_skip
from streams import flat_ids, program_of, steps_of

NOT_COMPUTED = (
    "loss-weighted",
    "live-weighted",
    "bad-pairs",
    "score-weighted",
    "score-column",
    "kept-bad-pairs",
    "importance-sampled",
    "hard-batches",
    "singletons-dropped",
)  # they learn, or drop
computed = [case for case in CASES if case.name not in NOT_COMPUTED]


def dealer_of(case, **arguments):
    return cr.Dealer(case.plan(), table(), **{"seed": 3, "split": case.split, **arguments})


@pytest.mark.parametrize("case", computed, ids=lambda case: case.name)
def test_what_was_dealt_is_computed_for_every_order(case):
    """Against the stream itself, at places in the first and in a later epoch."""
    dealer = dealer_of(case)
    before: set[int] = set()
    for epoch in (0, 1):
        for number, step in enumerate(steps_of(dealer.program, 1, cr.Cursor(epoch=epoch))):
            if number % 17 == 3:
                seen = dealer.seen_before(range(ROWS), cr.Cursor(
                    epoch=epoch, segment=_segment_before(step), consumed=step.spans[0].low,
                ))  # fmt: skip
                assert set(np.flatnonzero(seen).tolist()) == before
            before |= set(step.batches.indices.tolist())


def _segment_before(step):
    return step.spans[0].segment.number


@pytest.mark.parametrize("case", [c for c in computed if c.split is None], ids=lambda case: case.name)
def test_positions_are_those_of_the_order_or_there_is_no_inverse(case):
    """The order's ids, before any grouping, against position_of: the first place of each id, or -1."""
    program = program_of(case)
    for epoch in (0, 2):
        size = program.plan.epoch_size(program.table, epoch)
        ids = program.plan.order(cr.Batches.of(np.arange(size)), program.context(epoch)).indices.tolist()
        try:
            positions = program.position_of(np.arange(ROWS), epoch)
        except BadArgument as error:
            assert "order must have an inverse" in str(error)  # noqa: PT017 - whether it raises depends on the case
            assert "weighted" in case.name or case.name in ("curriculum", "subset-array", "mixture-of-orders")
            return
        assert positions.tolist() == [ids.index(i) if i in ids else -1 for i in range(ROWS)]


def test_only_the_segments_in_question_are_planned(monkeypatch):
    dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(4), segment_ids=64), cr.Table(size=64 * 50), seed=0)
    planned = []
    segment = dealer.program.segment
    monkeypatch.setattr(dealer.program, "segment", lambda *place: planned.append(place) or segment(*place))
    assert dealer.seen_before([7], cr.Cursor(epoch=3)).all()
    assert len(planned) == 1
    assert not dealer.seen_before([], cr.Cursor(epoch=3)).size


def test_what_the_run_itself_has_dealt():
    dealer = dealer_of(BY_NAME["sorted-windows"])
    deals = iter(dealer)
    taken = [i for _ in range(5) for i in next(deals)]
    assert np.flatnonzero(dealer.seen_before(range(ROWS))).tolist() == sorted(taken)
    assert not dealer.seen_before(range(ROWS), cr.Cursor()).any()


def test_what_depends_on_ranks_of_the_past_is_refused():
    dealer = dealer_of(BY_NAME["singletons-dropped"])
    assert not dealer.seen_before([1], cr.Cursor()).any()
    with pytest.raises(BadArgument, match=r"split must not drop the last ids of epochs, for what was dealt to be"):
        dealer.seen_before([1], cr.Cursor(epoch=1))


def test_a_table_that_has_grown_is_refused():
    """Epochs on fewer rows dealt another order; the state remembers that there were some."""
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(4))
    run = cr.Dealer(plan, cr.Table(size=10), seed=0)
    list(run)
    grown = cr.Dealer(plan, cr.Table(size=20), seed=0)
    grown.load_state_dict(run.state_dict())
    for dealer in (grown, cr.Dealer(plan, cr.Table(size=20), seed=0)):
        dealer.load_state_dict(grown.state_dict())
        with pytest.raises(BadArgument, match=r"table must not have grown, for what was dealt to be computed"):
            dealer.seen_before([1])
    assert run.seen_before(range(10)).all()


def test_plans_that_learn_are_refused():
    dealer = dealer_of(BY_NAME["loss-weighted"])
    assert not dealer.seen_before([1], cr.Cursor()).any()
    with pytest.raises(BadArgument, match=r"plan must not learn, for what was dealt to be computed, got one that"):
        dealer.seen_before([1], cr.Cursor(epoch=1))
    with pytest.raises(BadArgument, match=r"plan must not learn, for steps to be skipped"):
        dealer.skip_steps(1)
    with pytest.raises(BadArgument, match=r"ids must be a list of rows of the table, 0 to 191, got \[192\]"):
        dealer.seen_before([192])


@pytest.mark.parametrize("world_size", [1, 3])
@pytest.mark.parametrize("name", ["shuffle", "sorted-windows", "mixture", "balanced"])
def test_skipped_steps_are_left_out_and_everything_else_is_dealt(name, world_size):
    case = BY_NAME[name]
    ranks = [dealer_of(case, rank=rank, world_size=world_size) for rank in range(world_size)]
    whole = steps_of(ranks[0].program, world_size)
    streams = [iter(rank) for rank in ranks]
    dealt = [[i for deal in part for i in deal] for part in ([next(s)] for s in streams)]
    states = [rank.state_dict() for rank in ranks]
    at, count = ranks[0].cursor, 1 if name == "balanced" else 3
    rest = []
    for rank, state in zip(ranks, states, strict=True):
        rank.load_state_dict(state)
        rank.skip_steps(count)
        assert rank.cursor.samples == at.samples
        assert rank.cursor.steps == at.steps
        rest.append([i for deal in rank for i in deal])
    left_out = [i for step in whole[at.steps : at.steps + count] for i in step.batches.indices.tolist()]
    everything = [i for part in dealt + rest for i in part]
    assert sorted(everything + left_out) == sorted(flat_ids(whole))
    (entry,) = [entry for entry in ranks[0].ledger if entry.event == "skipped on request"]
    assert (entry.ids, entry.tokens) == (len(left_out), int(table().column("length")[left_out].sum()))
    if name != "mixture":
        seen = ranks[0].seen_before(range(ROWS))
        assert set(np.flatnonzero(~seen).tolist()) == set(left_out), "what was skipped was not seen"


def test_skips_go_through_states():
    case = BY_NAME["shuffle"]
    dealer = dealer_of(case)
    dealer.skip_steps(len(dealer))
    assert (dealer.cursor.epoch, dealer.cursor.epoch_steps) == (1, 0)
    dealer.skip_steps(2)
    resumed = dealer_of(case)
    resumed.load_state_dict(dealer.state_dict())
    assert [list(deal) for deal in resumed] == [list(deal) for deal in dealer_of_epoch(case, 1)[2:]]
    seen = resumed.seen_before(range(ROWS))
    assert set(np.flatnonzero(~seen).tolist()) == {i for deal in dealer_of_epoch(case, 1)[:2] for i in deal}
    assert resumed.ledger.ids("skipped on request") == ROWS + 8
    assert len(resumed.skipped) == 1  # one stretch, over the end of the epoch


def test_a_pass_under_way_cannot_be_skipped_in():
    """Its iterator would go on dealing what the ledger says was skipped."""
    dealer = dealer_of(BY_NAME["shuffle"])
    deals = iter(dealer)
    next(deals)
    with pytest.raises(BadArgument, match=r"skip_steps must be called between passes, got a pass under way; load_stat"):
        dealer.skip_steps(2)
    dealer.load_state_dict(dealer.state_dict())
    dealer.skip_steps(2)
    assert len(list(dealer)) == len(dealer_of_epoch(BY_NAME["shuffle"], 0)) - 3


def dealer_of_epoch(case, epoch):
    dealer = dealer_of(case)
    dealer.set_epoch(epoch)
    return list(dealer)


def test_parts_of_a_segment_that_a_skip_covers():
    skip = Skip((1, 2, 5), (2, 0, 3))
    assert skip.within(1, 1, 10) == slice(10, 10)
    assert skip.within(1, 2, 10) == slice(5, 10)
    assert skip.within(1, 3, 10) == slice(0, 10)
    assert skip.within(2, 0, 10) == slice(0, 3)
    assert skip.within(2, 1, 10) == slice(0, 0)
    assert Skip((0, 0, 2), (0, 0, 4)).within(0, 0, 10) == slice(2, 4)


def test_bad_skips_are_refused():
    dealer = dealer_of(BY_NAME["shuffle"])
    with pytest.raises(BadArgument, match=r"steps must be an integer >= 1, got 0; pass the number of steps"):
        dealer.skip_steps(0)
    few = cr.Dealer(
        cr.chain(cr.Shuffle(), cr.TokenBudget(3, too_long=cr.TooLong.DROP)), cr.Table(length=[5, 9]), seed=0
    )
    with pytest.raises(BadArgument, match=r"steps must be at most the 0 left in epoch 0, got 1; go on with the next"):
        few.skip_steps(1)
    with pytest.raises(BadArgument, match=r"steps must be at most the 48 left in epoch 0, got 49"):
        dealer.skip_steps(49)
    state = dealer.state_dict()
    from croupier.core.fingerprint import digest

    state["skipped"] = [[[0, 0, -1], [0, 0, 3]]]
    state["checksum"] = digest({k: v for k, v in state.items() if k not in ("checksum", "learned")})
    with pytest.raises(BadState, match=r"state: skipped must be pairs of places in the flat order"):
        dealer.load_state_dict(state)


def test_skips_that_follow_each_other_are_one():
    skips = with_skip((), Skip((0, 0, 0), (0, 1, 2)))
    assert with_skip(skips, Skip((0, 1, 2), (1, 0, 0))) == (Skip((0, 0, 0), (1, 0, 0)),)
    assert len(with_skip(skips, Skip((0, 1, 3), (1, 0, 0)))) == 2

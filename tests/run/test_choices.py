from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadState
from croupier.run.choices import CHOSEN, OFFERED, Choices, choice_key
from croupier.run.state import with_entries


def dealer(rows=20, rank=0, world_size=1, split=None, size=4):
    table = cr.Table(length=np.arange(rows) % 7 + 1)
    plan = cr.chain(cr.Sequential(), cr.FixedSize(size))
    return cr.Dealer(plan, table, seed=1, rank=rank, world_size=world_size, split=split)


def counts(ledger):
    return ledger.ids(OFFERED), ledger.ids(CHOSEN)


@pytest.mark.parametrize(
    ("rows", "world_size", "split"),
    [
        (20, 1, None),
        (24, 3, cr.Lockstep()),
        (22, 3, cr.Lockstep()),  # the last batches are cut
        (9, 4, cr.Lockstep(few_ids=cr.FewIds.PAD)),
        (40, 2, cr.Balanced(micro_batches=2)),
        (42, 3, cr.Balanced(max_tokens=12, few_ids=cr.FewIds.PAD)),
    ],
)
def test_candidates_are_those_of_all_ranks_and_each_rank_says_the_same(rows, world_size, split):
    size = 16 if isinstance(split, cr.Balanced) else 4
    tallies, offered, real = [Choices() for _ in range(world_size)], 0, 0
    for rank, tally in enumerate(tallies):
        for deal in dealer(rows, rank, world_size, split, size):
            tally.add(deal, 1, world_size)
            offered += 0 if deal.is_padding else len(deal)
            real += not deal.is_padding
        last = deal.cursor.steps
    assert {counts(tally.ledger(last)) for tally in tallies} == {(offered, real)}
    assert offered == rows


def test_examples_that_are_padding_are_no_candidates():
    plan = cr.chain(cr.Evaluation(multiple_of=8), cr.FixedSize(4))
    tally = Choices()
    for deal in cr.Dealer(plan, cr.Table(size=10), seed=0):
        tally.add(deal, 2, 1)
    assert counts(tally.ledger(deal.cursor.steps)) == (10, 8)


def test_a_choice_counts_once_its_step_is_done():
    tally = Choices()
    deals = list(dealer(40, split=cr.Balanced(micro_batches=2), size=16))
    for deal in deals[:3]:
        tally.add(deal, 5, 1)
    assert counts(tally.ledger(0)) == (0, 0)
    assert counts(tally.ledger(1)) == (16, 10), "not the first half of the second step"
    tally.add(deals[3], 5, 1)
    assert counts(tally.ledger(2)) == (32, 20)


def test_what_was_abandoned_is_not_counted_twice():
    tally = Choices()
    deals = list(dealer())
    for start in (0, 0, 0):
        tally.begin_pass(start)
        for deal in deals[:3]:
            tally.add(deal, 1, 1)
        assert counts(tally.ledger(3)) == (12, 3)
    tally.begin_pass(3)
    tally.add(deals[3], 1, 1)
    assert counts(tally.ledger(4)) == (16, 4)
    tally.begin_pass(3)
    assert counts(tally.ledger(3)) == (12, 3)


def test_keys_differ_from_deal_to_deal_and_stay_on_another_number_of_ranks():
    alone = [choice_key(5, deal).bits for deal in dealer()]
    assert len(set(alone)) == len(alone)
    assert [choice_key(5, deal).bits for deal in dealer()] == alone
    assert choice_key(6, dealer().first()).bits != alone[0]
    ranks = [[choice_key(5, deal).bits for deal in dealer(24, rank, 3)] for rank in range(3)]
    assert [bits for step in zip(*ranks, strict=True) for bits in step] == [choice_key(5, d).bits for d in dealer(24)]
    run = dealer()
    list(run)
    assert {choice_key(5, deal).bits for deal in run}.isdisjoint(alone), "another epoch"


def test_a_state_with_more_entries_loads():
    run = dealer()
    deals = iter(run)
    next(deals)
    state = run.state_dict()
    assert with_entries(state, cr.Ledger()) == state
    more = with_entries(state, cr.Ledger.of("loop", CHOSEN, 3))
    resumed = dealer()
    resumed.load_state_dict(more)
    assert resumed.ledger.ids(CHOSEN) == 3
    assert run.ledger.ids(CHOSEN) == 0
    with pytest.raises(BadState, match="checksum"):
        resumed.load_state_dict({**more, "ledger": state["ledger"]})

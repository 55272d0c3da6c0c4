from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadTable

lengths_strategy = st.lists(st.integers(0, 40), min_size=1, max_size=60)
world_strategy = st.integers(1, 3)


def deals_of(stage, lengths, world=1, *before):
    plan = cr.chain(cr.Shuffle(), *before, stage, segment_ids=20)
    split = cr.Lockstep(few_ids=cr.FewIds.PAD)
    dealers = [
        cr.Dealer(plan, cr.Table(length=lengths), seed=0, rank=rank, world_size=world, split=split)
        for rank in range(world)
    ]
    return dealers[0], [deal for dealer in dealers for deal in dealer if not deal.is_padding]


@given(
    lengths=lengths_strategy,
    budget=st.integers(40, 120),
    most=st.one_of(st.none(), st.integers(1, 6)),
    multiple=st.integers(1, 8),
    world=world_strategy,
    grouped=st.booleans(),
)
def test_no_batch_is_over_its_budget(lengths, budget, most, multiple, world, grouped):
    stage = cr.TokenBudget(budget, max_examples=most, multiple_of=multiple)
    before = [cr.SortedWindows(8)] if grouped else []
    _, deals = deals_of(stage, lengths, world, *before)
    for deal in deals:
        longest = max(-(-lengths[i] // multiple) * multiple for i in deal)
        assert len(deal) * longest <= budget
        assert most is None or len(deal) <= most
    assert sorted(i for deal in deals for i in deal) == list(range(len(lengths)))


@given(lengths=lengths_strategy, policy=st.sampled_from([p for p in cr.TooLong if p is not cr.TooLong.REFUSE]))
def test_too_long_examples_meet_their_policy_and_the_ledger(lengths, policy):
    assume(policy is not cr.TooLong.DROP or min(lengths) <= 20)
    dealer, deals = deals_of(cr.TokenBudget(20, too_long=policy), lengths)
    over = [i for i, length in enumerate(lengths) if length > 20]
    dealt = sorted(i for deal in deals for i in deal)
    tokens = sum(lengths[i] for i in over)
    book = {entry.event: (entry.ids, entry.tokens) for entry in dealer.ledger}
    kept = [i for i in range(len(lengths)) if i not in over]
    if policy is cr.TooLong.DROP:
        assert dealt == kept
        assert book == ({"dropped as too long": (len(over), tokens)} if over else {})
        return
    if policy is cr.TooLong.SPLIT:
        pieces = [max(1, -(-length // 20)) for length in lengths]
        assert dealt == np.repeat(np.arange(len(lengths)), pieces).tolist()
        assert book == ({"dealt in pieces": (len(over), tokens)} if over else {})
        return
    assert dealt == list(range(len(lengths)))
    if policy is cr.TooLong.TRUNCATE:
        planned = {i: length for deal in deals for i, length in zip(deal, deal.columns["length"].tolist(), strict=True)}
        assert all(planned[i] == min(20, length) for i, length in enumerate(lengths))
        assert book == ({"truncated": (len(over), tokens - 20 * len(over))} if over else {})
    else:
        assert all(len(deal) == 1 for deal in deals if set(deal) & set(over))
        assert book == ({"dealt alone over the budget": (len(over), tokens)} if over else {})


def test_an_example_over_the_budget_is_refused_before_the_run():
    with pytest.raises(
        BadTable, match=r"must be <= 16, the longest that fits max_tokens=20, got 18 in row 1; raise that,"
    ):
        cr.Dealer(cr.chain(cr.Shuffle(), cr.TokenBudget(20, multiple_of=8)), cr.Table(length=[3, 18]), seed=0)


def test_when_every_example_is_dropped_the_epoch_is_empty_and_the_ledger_tells():
    plan = cr.chain(cr.Shuffle(), cr.TokenBudget(5, too_long=cr.TooLong.DROP))
    with pytest.raises(ValueError, match="epoch 0 deals no batch: token_budget: 3 ids dropped as too long"):
        list(cr.Dealer(plan, cr.Table(length=[9, 9, 9]), seed=0))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"max_tokens": 0}, "max_tokens must be an integer >= 1"),
        ({"max_tokens": 9, "max_examples": 0}, "max_examples must be an integer >= 1.*pass None for no limit"),
        ({"max_tokens": 9, "multiple_of": 0}, "multiple_of must be an integer >= 1"),
        ({"max_tokens": 7, "multiple_of": 8}, r"max_tokens must be >= multiple_of \(8\), got 7"),
        ({"max_tokens": 7, "too_long": "drop"}, "too_long must be a TooLong, got 'drop'"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.TokenBudget(**arguments)


def test_another_column_can_hold_the_lengths():
    plan = cr.chain(cr.Sequential(), cr.TokenBudget(4, length="frames"))
    deals = list(cr.Dealer(plan, cr.Table(frames=np.array([2, 2, 4])), seed=0))
    assert [list(deal) for deal in deals] == [[0, 1], [2]]
    with pytest.raises(
        BadTable, match=r"table column 'tokens' must be there, got columns 'frames'; add it: Table.tokens"
    ):
        cr.Dealer(cr.chain(cr.Sequential(), cr.TokenBudget(4, length="tokens")), cr.Table(frames=[1]), seed=0)

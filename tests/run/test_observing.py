from __future__ import annotations

import pytest

import croupier as cr
from croupier.errors import BadArgument
from croupier.run.observing import observe

PLAN = cr.chain(cr.LossWeighted(), cr.FixedSize(4), segment_ids=8)


def test_what_is_observed_is_in_the_state_by_its_segment():
    dealer = cr.Dealer(PLAN, cr.Table(size=8), seed=0)
    deal = next(iter(dealer))
    observe(dealer.program, deal, [1.0, 2.0, 3.0, 4.0], ranks_alone=1)
    reports = dealer.state_dict()["learned"]["reports"]
    assert reports["ids"].tolist() == list(deal)
    assert reports["values"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert reports["ordinals"].tolist() == [0] * 4


def test_ranks_that_cannot_exchange_are_refused():
    dealer = cr.Dealer(PLAN, cr.Table(size=8), seed=0)
    text = r"observe must be used where ranks can exchange what they observe, got 2 ranks alone; initialise torch"
    with pytest.raises(BadArgument, match=text):
        observe(dealer.program, next(iter(dealer)), [1.0] * 4, ranks_alone=2)
    assert dealer.state_dict()["learned"]["reports"]["ids"].size == 0


def test_padding_is_not_observed():
    split = cr.Balanced(micro_batches=2, few_ids=cr.FewIds.PAD)
    plan = cr.chain(cr.LossWeighted(), cr.FixedSize(1))
    dealer = cr.Dealer(plan, cr.Table(size=3), seed=0, split=split)
    padding = [deal for deal in dealer if deal.is_padding]
    assert padding
    for deal in padding:
        observe(dealer.program, deal, [1.0] * len(deal), ranks_alone=1)
    assert dealer.state_dict()["learned"]["reports"]["ids"].size == 0

from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument


def test_a_look_at_what_a_run_keeps_while_it_goes_on():
    plan = cr.chain(cr.Sequential(), cr.KeepScores((cr.Mean(),)), cr.FixedSize(2), segment_ids=2)
    dealer = cr.Dealer(plan, cr.Table(size=6), seed=0)
    versions = []
    for deal in dealer:
        dealer.observe(deal, deal.ids)
        versions.append(cr.kept_scores(dealer).version)
    assert versions == [0, 0, 1]
    assert np.isnan(cr.kept_scores(dealer).read(cr.Mean()).values).tolist() == [False] * 2 + [True] * 4


def test_a_plan_that_keeps_nothing_has_none():
    with pytest.raises(BadArgument, match=r"plan must keep something, got one that does not; add KeepScores"):
        cr.kept_scores(cr.Dealer(cr.chain(cr.LossWeighted(), cr.FixedSize(2)), cr.Table(size=4), seed=0))

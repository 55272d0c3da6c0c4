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


def trained(plan, epochs, rows=6, folder=None):
    dealer = cr.Dealer(plan, cr.Table(size=rows), seed=0)
    for _ in range(epochs):
        for deal in dealer:
            dealer.observe(deal, deal.ids + 0.5)
    return dealer


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_when_the_run_is_over_all_that_was_observed_is_in(epochs, tmp_path):
    kept = cr.KeepScores((cr.Count(), cr.Last()), artefact=tmp_path / "scores")
    dealer = trained(cr.chain(cr.Shuffle(), kept, cr.FixedSize(2)), epochs)
    state = dealer.state_dict()
    assert cr.kept_scores(dealer).read(cr.Count()).values.tolist() == [max(0, epochs - 2)] * 6
    assert cr.kept_scores(dealer, run_is_over=True).read(cr.Count()).values.tolist() == [epochs] * 6
    assert cr.kept_scores(dealer, run_is_over=True).read(cr.Count()).values.tolist() == [epochs] * 6
    assert cr.ScoreStore.load(tmp_path / "scores").read(cr.Last()).tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    for going_on in (dealer.state_dict, lambda: next(iter(dealer))):
        with pytest.raises(BadArgument, match=r"run must go on without knowing .*; read them after the last"):
            going_on()
    dealer.load_state_dict(state)
    for deal in dealer:
        dealer.observe(deal, deal.ids + 1.5)
    assert cr.kept_scores(dealer, run_is_over=True).read(cr.Count()).values.tolist() == [epochs + 1] * 6
    assert cr.kept_scores(dealer).read(cr.Last()).values.tolist() == [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]


def test_a_loader_is_as_good_as_its_dealer():
    class Loaderlike:
        dealer = trained(cr.chain(cr.Shuffle(), cr.KeepScores((cr.Mean(),)), cr.FixedSize(2)), 1)

    assert cr.kept_scores(Loaderlike()).statistics == (cr.Mean(),)
    with pytest.raises(BadArgument, match=r"run must be a Dealer or a Loader, got 3; pass the loader"):
        cr.kept_scores(3)

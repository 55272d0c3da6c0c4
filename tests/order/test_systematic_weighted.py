from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument
from statistics_of_draws import kolmogorov_smirnov


def epoch_of(weights, draws, *, seed=0, epoch=0):
    plan = cr.chain(cr.SystematicWeighted("w", epoch_samples=draws), cr.FixedSize(draws))
    dealer = cr.Dealer(plan, cr.Table(w=weights), seed=seed)
    dealer.set_epoch(epoch)
    return dealer.first()


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=30).filter(any), st.integers(1, 300), st.integers(0, 2**32))
def test_each_row_comes_its_share_rounded_down_or_up(weights, draws, seed):
    counts = np.bincount(epoch_of(weights, draws, seed=seed).ids, minlength=len(weights))
    assert counts.sum() == draws
    for weight, count in zip(weights, counts.tolist(), strict=True):
        share = Fraction(draws * weight, sum(weights))
        assert floor(share) <= count <= ceil(share)


def test_shares_that_are_whole_are_met_exactly_where_independent_draws_are_not():
    weights = np.tile([0, 1, 2, 5], 50)
    deal = epoch_of(weights, 8 * 50)
    assert np.bincount(deal.ids, minlength=200).tolist() == weights.tolist()
    plan = cr.chain(cr.Weighted("w", epoch_samples=400), cr.FixedSize(400))
    mutant = cr.Dealer(plan, cr.Table(w=weights), seed=0).first()
    assert np.bincount(mutant.ids, minlength=200).tolist() != weights.tolist()


def test_counts_are_right_on_average():
    """2,000 epochs; five standard errors of the worst of 20 rows are passed with a probability below 2e-5."""
    weights = np.random.default_rng(0).lognormal(0, 1, 20)
    plan = cr.chain(cr.SystematicWeighted("w", epoch_samples=7), cr.FixedSize(7))
    program = cr.Dealer(plan, cr.Table(w=weights), seed=0).program
    counts = sum(np.bincount(program.segment(epoch, 0).batches.indices, minlength=20) for epoch in range(2000))
    expected = 7 * weights / weights.sum()
    part = expected % 1
    assert np.all(np.abs(counts / 2000 - expected) < 5 * np.sqrt(part * (1 - part) / 2000) + 1e-9)


def test_repeats_are_spread_over_the_epoch():
    """Positions of a row with half of the draws against uniform: 2.7 is passed with a probability below 1e-6."""
    deal = epoch_of([1.0, 0.5, 0.5], 40_000)
    positions = np.flatnonzero(deal.ids == 0)
    assert kolmogorov_smirnov((positions + 0.5) / 40_000) < 2.7
    assert np.all(np.diff(np.sort(deal.ids)) >= 0)
    assert kolmogorov_smirnov(np.arange(20_000) / 40_000) > 2.7, "the unshuffled mutant deals row 0 first"


def test_probabilities_travel_with_the_ids():
    deal = epoch_of([3.0, 1.0, 0.0], 8)
    assert deal.columns["probability"][deal.ids == 0] == pytest.approx(0.75)
    assert deal.columns["importance_weight"][deal.ids == 1] == pytest.approx(2.0)


def test_bad_arguments_are_refused():
    with pytest.raises(BadArgument, match=r"epoch_samples must be an integer >= 1 and <= 2147483647, got 2147483648"):
        cr.SystematicWeighted("w", epoch_samples=2**31)
    with pytest.raises(BadArgument, match=r"pass epoch_samples for so large a table"):
        cr.SystematicWeighted("w").epoch_size(cr.Table(size=2**33), 0)

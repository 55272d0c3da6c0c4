from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import croupier as cr
from croupier.core.keeping import Kept
from croupier.core.score_layout import ScoreLayout
from croupier.errors import BadArgument, BadTable


def kept_of(losses, statistic):
    layout = ScoreLayout((statistic,))
    records = np.zeros(losses.size, layout.record)
    layout.write(records, np.arange(losses.size), losses.astype(np.float32)[:, None])
    return Kept([(layout, records)])


losses_of_pairs = arrays(np.float64, st.integers(2, 40), elements=st.integers(1, 50).map(float))


@given(losses_of_pairs, st.floats(0.2, 3), st.floats(0.2, 3))
def test_after_one_loss_a_pair_the_verdicts_are_those_of_bad_pairs(losses, noisy, faulty):
    """Losses of which both ways keep every digit."""
    own = cr.BadPairs(1, noisy, faulty)
    seen = own.observe(np.zeros(losses.size, np.float32), np.arange(losses.size), losses.astype(np.float32))
    ours = cr.KeptBadPairs(cr.Mean(), 1, noisy, faulty).verdicts(kept_of(losses, cr.Mean()))
    theirs = own.verdicts(seen.values)
    assert np.array_equal(ours.is_noisy, theirs.is_noisy)
    assert np.array_equal(ours.is_faulty, theirs.is_faulty)
    assert np.array_equal(ours.weights, theirs.weights)


def test_pairs_not_yet_observed_weigh_1():
    losses = np.array([1.0, 1.25] * 12 + [9.0, np.nan])
    verdicts = cr.KeptBadPairs(cr.Ema(0.5), 1).verdicts(kept_of(losses, cr.Ema(0.5)))
    assert np.flatnonzero(verdicts.is_faulty).tolist() == [24]
    assert verdicts.weights[25] == 1.0


def test_mismatched_pairs_of_a_run_are_held_down_after_the_warm_up():
    stages = cr.KeepScores((cr.Ema(0.5),)), cr.KeptBadPairs(cr.Ema(0.5), 2), cr.FixedSize(10)
    dealer = cr.Dealer(cr.chain(cr.Shuffle(), *stages, segment_ids=50), cr.Table(size=100), seed=0)
    rng = np.random.default_rng(0)
    for epoch in range(4):
        for deal in dealer:
            weights = deal.columns["pair_weight"]
            if epoch < 2:
                assert weights.tolist() == [1.0] * 10
            else:
                assert ((weights < 0.5) == (deal.ids < 4)).all()
            dealer.observe(deal, np.where(deal.ids < 4, 6.0, 1.0) + rng.uniform(0, 0.5, 10))
    assert dealer.ledger.ids("held down as faulty") == 8


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((cr.Mean(), 0), r"warmup_epochs must be an integer >= 1, got 0"),
        ((cr.Count(), 1), r"statistic must be Last, Mean, Variance or Ema, got Count.*judge pairs by their losses"),
        ((cr.Forgotten(), 1), r"statistic must be Last, Mean, Variance or Ema"),
        ((cr.Mean(), 1, 0.0), r"noisy_deviations must be a number above 0"),
        ((cr.Mean(), 1, 2.0, -1), r"faulty_deviations must be a number above 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.KeptBadPairs(*arguments)


def test_a_column_of_the_table_is_not_written_over():
    plan = cr.chain(cr.Shuffle(), cr.KeepScores((cr.Mean(),)), cr.KeptBadPairs(cr.Mean(), 1), cr.FixedSize(2))
    with pytest.raises(BadTable, match=r"pair_weight"):
        cr.Dealer(plan, cr.Table(pair_weight=np.ones(4)), seed=0)

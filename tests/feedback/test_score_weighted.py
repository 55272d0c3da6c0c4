from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.core.keeping import Kept
from croupier.core.score_layout import ScoreLayout
from croupier.errors import BadArgument
from rank_games import Ranks


def plan_of(stage, observed, draws, rows, statistic=None):
    """The stage's plan where these (row, value) pairs were observed."""
    layout = ScoreLayout((statistic or stage.statistic,))
    records = np.zeros(rows, layout.record)
    ids, values = (np.array(part) for part in zip(*observed, strict=True))
    layout.write(records, ids.astype(np.int64), values.astype(np.float32)[:, None])
    context = cr.Context(table=cr.Table(size=rows), key=cr.Key(2), kept=Kept([(layout, records)], 5))
    return stage.plan(cr.Batches.of(np.arange(draws)), context)


def stated(weights, share):
    return (1 - share) * weights / weights.sum() + share / weights.size


def test_draws_follow_the_statistic():
    """Standardised chi-square over 50 rows; 6 is passed with a probability below 1e-6."""
    means = np.random.default_rng(0).exponential(size=50)
    out = plan_of(cr.ScoreWeighted(cr.Mean(), 0.2), [*enumerate(means - 0.1), *enumerate(means + 0.1)], 200_000, 50)
    counts = np.bincount(out.indices, minlength=50)
    expected = stated(means, 0.2)
    chi2 = ((counts - 200_000 * expected) ** 2 / (200_000 * expected)).sum()
    assert abs(chi2 - 49) / np.sqrt(98) < 6
    assert np.allclose(out.columns["probability"], expected[out.indices], rtol=5e-3)
    assert set(out.columns["score_version"].tolist()) == {5}
    shifted = np.roll(expected, 1)
    assert (((counts - 200_000 * shifted) ** 2 / (200_000 * shifted)).sum() - 49) / np.sqrt(98) > 6, "off by one"


@pytest.mark.parametrize(("unseen", "first"), [(None, 4.0), (0.0, 0.0), (1.0, 1.0), (9.0, 9.0)])
def test_rows_that_were_not_observed_count_as_told(unseen, first):
    out = plan_of(cr.ScoreWeighted(cr.Last(), 0.5, unseen), [(1, 4.0), (2, -3.0), (3, 1.0)], 1000, 4)
    expected = stated(np.array([first, 4.0, 0.0, 1.0]), 0.5)
    assert np.allclose(out.columns["probability"], expected[out.indices], rtol=5e-3)
    assert out.ledger.ids("drawn before any observation") == np.count_nonzero(out.indices == 0)


@pytest.mark.parametrize(("unseen", "first"), [(None, 2.0), (0.0, 0.0), (1.0, 1.0)])
def test_a_count_of_0_is_one_that_was_not_observed(unseen, first):
    out = plan_of(cr.ScoreWeighted(cr.Count(), 0.5, unseen), [(1, 4.0), (1, 4.0), (2, 1.0)], 1000, 3)
    expected = stated(np.array([first, 2.0, 1.0]), 0.5)
    assert np.allclose(out.columns["probability"], expected[out.indices], rtol=5e-3)
    assert out.ledger.ids("drawn before any observation") == np.count_nonzero(out.indices == 0)


def test_before_any_observation_and_where_all_are_0_draws_are_uniform():
    for observed, rows in ([(0, 0.0), (1, -1.0)], 2), ([(0, np.nan)], 5):
        out = plan_of(cr.ScoreWeighted(cr.Ema(0.9)), observed, 50, rows)
        assert np.allclose(out.columns["importance_weight"], 1.0)


def test_never_learnt_counts_as_the_most_forgotten():
    observed = [(0, 1), (0, 0), (0, 1), (0, 0), (1, 0), (2, 1)]  # forgotten twice, never right, always right
    out = plan_of(cr.ScoreWeighted(cr.Forgotten(), 0.5), observed, 500, 3)
    assert np.allclose(out.columns["probability"], stated(np.array([2.0, 2.0, 0.0]), 0.5)[out.indices], rtol=5e-3)
    larger = plan_of(cr.ScoreWeighted(cr.Forgotten(), 0.5, 8.0), observed, 500, 3)
    assert np.allclose(larger.columns["probability"], stated(np.array([2.0, 8.0, 0.0]), 0.5)[larger.indices], rtol=5e-3)
    alone = plan_of(cr.ScoreWeighted(cr.Forgotten(), 0.5), [(1, 0)], 500, 3)
    assert np.allclose(alone.columns["probability"], 1 / 3)


@pytest.mark.parametrize("world_size", [2, 4])
@pytest.mark.parametrize("save_at", [2, 5, 9])
def test_runs_that_read_what_they_keep_resume_bit_for_bit_on_any_number_of_ranks(save_at, world_size):
    def dealer_of(rank, of=1):
        stages = cr.ScoreWeighted(cr.Variance()), cr.KeepScores((cr.Variance(),), half=True), cr.FixedSize(4)
        return cr.Dealer(cr.chain(*stages, segment_ids=32), cr.Table(size=96), seed=1, rank=rank, world_size=of)

    def dealt_by(ranks, save_at=None):
        seen = []

        def observed(deal):
            seen.extend(zip(deal.ids.tolist(), deal.columns["probability"].tolist(), strict=True))
            return np.sin(deal.ids) * (1 + deal.epoch)

        return seen, ranks.train(observed, 3, save_at)

    whole, _ = dealt_by(Ranks(1, dealer_of))
    assert len(set(whole)) > 96, "weights change"
    first, state = dealt_by(ranks := Ranks(world_size, lambda rank: dealer_of(rank, world_size)), save_at)
    assert ranks.dealers[0].program.memory.learns
    resumed = Ranks(1, dealer_of)
    resumed.dealers[0].load_state_dict(state)
    assert first + dealt_by(resumed)[0] == whole


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("loss",), r"statistics must be Last, Mean, Variance, Count, Ema or Forgotten, got 'loss'"),
        ((cr.Mean(), 0.0), r"uniform_share must be a number in \(0, 1\], got 0.0"),
        ((cr.Mean(), 0.5, -1.0), r"unseen must be in \[0, 2\*\*64\), got -1.0"),
        ((cr.Mean(), 0.5, float("nan")), r"unseen must be in \[0, 2\*\*64\)"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.ScoreWeighted(*arguments)

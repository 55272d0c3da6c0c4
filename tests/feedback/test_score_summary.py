from __future__ import annotations

import numpy as np

import croupier as cr
from croupier.feedback.score_summary import ForgottenSummary, StatisticSummary


def test_counts_of_a_run_are_those_of_its_folder(tmp_path):
    kept = cr.KeepScores((cr.Last(), cr.Forgotten()), artefact=tmp_path / "scores")
    dealer = cr.Dealer(cr.chain(cr.Sequential(), kept, cr.FixedSize(4), segment_ids=8), cr.Table(size=16), seed=0)
    for epoch in range(4):
        for deal in dealer:
            right = (deal.ids + epoch * (deal.ids < 3)) % 3 == 0  # rows 0 to 2 come and go, of the others each third is
            dealer.observe(deal, {"loss": deal.ids, "correct": right})
    summary = cr.score_summary(cr.kept_scores(dealer))
    assert cr.score_summary(cr.ScoreStore.load(tmp_path / "scores")) == summary
    assert summary.version == 6
    assert summary.rows == 16
    assert summary.never_observed == {"loss": 0, "correct": 0}
    last, forgotten = summary.statistics
    assert last == StatisticSummary(cr.Last(), 7.5, (0.0, 3.75, 7.5, 11.25, 15.0))
    assert (forgotten.forgotten, forgotten.never_learnt, forgotten.unforgettable) == (2, 8, 6)
    assert "Forgotten(signal='correct'): 2 rows forgotten, 8 never learnt, 6 unforgettable" in str(summary)


def test_before_any_observation_there_is_nothing_to_say():
    store = cr.ScoreStore(5, (cr.Mean("margin"), cr.Forgotten()), half=True)
    summary = cr.score_summary(store)
    assert summary.never_observed == {"margin": 5, "correct": 5}
    assert summary.statistics == (
        StatisticSummary(cr.Mean("margin"), None, None), ForgottenSummary(cr.Forgotten(), 0, 0, 0)
    )  # fmt: skip
    assert str(summary).startswith("5 rows at version 0\nmargin: 5 rows never observed")


def test_levels_leave_out_what_was_not_observed():
    store = cr.ScoreStore(1000, (cr.Mean(),))
    store.update(np.arange(10), np.arange(10.0))
    (mean,) = cr.score_summary(store).statistics
    assert (mean.mean, mean.levels) == (4.5, (0.0, 2.25, 4.5, 6.75, 9.0))

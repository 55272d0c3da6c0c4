from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument, BadTable

ROWS = 8


def dealer_of(*stages, table=None):
    kept = cr.KeepScores((cr.Last("margin"), cr.Mean()))
    plan = cr.chain(cr.Shuffle(), *stages, kept, cr.FixedSize(2), segment_ids=4)
    return cr.Dealer(plan, table or cr.Table(size=ROWS), seed=0)


def test_what_was_observed_two_segments_ago_comes_with_the_batch():
    dealer = dealer_of(cr.ScoreColumn(cr.Last("margin"), "aum"), cr.ScoreColumn(cr.Mean(), "loss", -1.0, name="other"))
    margins = {}
    for epoch in range(4):
        for deal in dealer:
            ordinal = dealer.program.epochs.ordinal(deal.epoch, deal.segment)
            known = max(0, ordinal - 1)
            assert set(deal.columns["aum_version"].tolist()) == {known}
            for place, row in enumerate(deal):
                seen = [value for at, value in margins.get(row, []) if at < known]
                expected = seen[-1] if seen else np.nan
                assert np.array_equal(deal.columns["aum"][place], np.float32(expected), equal_nan=True)
                assert (deal.columns["loss"][place] == -1.0) == (not seen)
            dealer.observe(deal, {"margin": deal.ids + epoch / 4, "loss": deal.ids})
            for row in deal:
                margins.setdefault(row, []).append((ordinal, row + epoch / 4))
    early = {entry.stage: entry.ids for entry in dealer.ledger if entry.event == "dealt before any observation"}
    assert early["score_column"] == early["other"] > 0


@pytest.mark.parametrize(("unseen", "expected"), [(None, 0.0), (-1.0, -1.0)])
def test_a_count_of_0_is_one_that_was_not_observed(unseen, expected):
    dealer = dealer_of(cr.ScoreColumn(cr.Count("margin"), unseen=unseen))
    assert dealer.first().columns["score"].tolist() == [expected] * 2
    for deal in dealer:
        dealer.observe(deal, {"margin": deal.ids, "loss": deal.ids})
    assert dealer.ledger.ids("dealt before any observation") == ROWS


def test_it_reads_through_a_later_stage_as_any_column_does():
    """Batches of alike scores: the column travels with the ids."""
    dealer = dealer_of(cr.ScoreColumn(cr.Mean(), "score", unseen=0.0))
    assert dealer.first().columns["score"].dtype == np.float32


def test_columns_of_the_table_and_of_other_stages_are_not_written_over():
    with pytest.raises(BadTable, match=r"score_version.*'score_column' adds a column of that name"):
        dealer_of(cr.ScoreColumn(cr.Mean()), table=cr.Table(score_version=np.zeros(ROWS)))
    twice = dealer_of(cr.ScoreColumn(cr.Mean()), cr.ScoreColumn(cr.Last("margin"), name="again"))
    with pytest.raises(BadArgument, match=r"stages must add column 'score' once, got 'again' adds it again"):
        twice.first()
    with pytest.raises(BadArgument, match=r"column must be a name, got ''"):
        cr.ScoreColumn(cr.Mean(), "")
    with pytest.raises(BadArgument, match=r"unseen must be finite, or None, got nan; None stands for not a number"):
        cr.ScoreColumn(cr.Mean(), unseen=float("nan"))


def test_any_name_is_a_column_but_the_one_that_deals_use():
    deal = dealer_of(cr.ScoreColumn(cr.Mean(), "self", 1.0)).first()
    assert deal.columns["self"].tolist() == [1.0, 1.0]
    with pytest.raises(BadArgument, match=r"column must be a column's name, or a tuple of different ones"):
        cr.ScoreColumn(cr.Mean(), "is_padding")

from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.core.stage import Learned
from croupier.errors import BadArgument, BadTable
from statistics_of_draws import standardised_chi_square


def plan_of(stage, table, scores, draws):
    context = cr.Context(table=table, key=cr.Key(2), learned=Learned(np.asarray(scores, np.float32), version=5))
    return stage.plan(cr.Batches.of(np.arange(draws)), context)


def test_draws_follow_what_was_set_and_the_column_where_nothing_was():
    """Chi-square over 4 rows, 100,000 draws; 6 is passed with a probability below 1e-6."""
    table = cr.Table(w=[4.0, 1.0, 1.0, 2.0])
    out = plan_of(cr.LiveWeighted("w"), table, [-1.0, 3.0, 0.0, -1.0], 100_000)
    stated = np.array([4.0, 3.0, 0.0, 2.0]) / 9
    counts = np.bincount(out.indices, minlength=4)
    assert abs(standardised_chi_square(counts, 100_000 * stated)) < 6
    assert out.columns["probability"] == pytest.approx(stated[out.indices])
    assert out.columns["importance_weight"] == pytest.approx(1 / (3 * stated[out.indices]))
    assert set(out.columns["score_version"].tolist()) == {5}


def test_without_a_column_rows_begin_alike():
    out = plan_of(cr.LiveWeighted(), cr.Table(size=4), [-1.0] * 4, 10)
    assert set(out.columns["probability"].tolist()) == {0.25}


def test_what_is_set_in_a_segment_counts_two_segments_later():
    table = cr.Table(size=64)
    dealer = cr.Dealer(cr.chain(cr.LiveWeighted(), cr.FixedSize(8), segment_ids=16), table, seed=0)
    seen = []
    for _ in range(2):
        for deal in dealer:
            seen.append((deal.segment, deal.epoch, set(deal)))
            dealer.observe(deal, [float(i < 8) for i in deal])
    early = set().union(*(ids for segment, epoch, ids in seen if epoch == 0 and segment < 2))
    assert early - set(range(8))
    known = {i for _, epoch, ids in seen for i in ids if epoch == 0 and i >= 8}
    assert known
    assert not known & {i for segment, epoch, ids in seen if epoch == 1 and segment > 1 for i in ids}


def test_the_last_weight_set_for_an_id_counts():
    seen = cr.LiveWeighted().observe(np.zeros(5, np.float32), np.array([3, 1, 3]), np.array([1, 2, 7], np.float32))
    assert (seen.ids.tolist(), seen.values.tolist()) == ([1, 3], [2.0, 7.0])


def test_bad_weights_are_refused():
    with pytest.raises(BadArgument, match=r"signal must be weights >= 0, got -2.0; set 0 to leave a row out"):
        cr.LiveWeighted().check_signal(np.array([1.0, -2.0], np.float32))
    with pytest.raises(BadTable, match=r"'live weights' must have a weight above 0, got all weights 0"):
        plan_of(cr.LiveWeighted(), cr.Table(size=2), [0.0, 0.0], 3)
    with pytest.raises(BadArgument, match=r"epoch_samples must be an integer >= 1, got 0"):
        cr.LiveWeighted(epoch_samples=0)
    with pytest.raises(BadTable, match=r"'w' must hold one number a row"):
        cr.Dealer(cr.chain(cr.LiveWeighted("w"), cr.FixedSize(2)), cr.Table(w=["a", "b"]), seed=0)


def test_a_bad_weight_is_refused_when_it_is_reported():
    """Not two segments later, when it is in every checkpoint."""
    dealer = cr.Dealer(cr.chain(cr.LiveWeighted(), cr.FixedSize(4), segment_ids=8), cr.Table(size=16), seed=0)
    deals = iter(dealer)
    deal = next(deals)
    with pytest.raises(BadArgument, match=r"signal must be weights >= 0, got -1.0"):
        dealer.observe(deal, [1.0, -1.0, 1.0, 1.0])
    assert len(list(deals)) == 3
    with pytest.raises(BadTable, match=r"table column 'w' must be finite and >= 0, got -1.0 in row 0"):
        cr.Dealer(cr.chain(cr.LiveWeighted("w"), cr.FixedSize(2)), cr.Table(w=[-1.0, 2.0]), seed=0)

"""Scores kept in a run: late by two segments, the same on any number of ranks, and after any restart."""

from __future__ import annotations

import json

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument, BadState
from rank_games import Ranks

ROWS, SEGMENT, EPOCHS = 96, 32, 3
KEPT = (cr.Last(), cr.Mean("margin"), cr.Variance("margin"), cr.Ema(0.75), cr.Forgotten())


def plan(folder=None, *, half=False, statistics=KEPT):
    keep = cr.KeepScores(statistics, half=half, artefact=folder)
    return cr.chain(cr.Weighted("weight"), keep, cr.FixedSize(4), segment_ids=SEGMENT)


def table():
    return cr.Table(weight=1 + np.arange(ROWS) % 5)


def dealer_of(rank=0, world_size=1, **kept):
    return cr.Dealer(plan(**kept), table(), seed=1, rank=rank, world_size=world_size)


def signals_of(deal):
    """A training in miniature: what is observed depends on the id, and on when and where it was dealt."""
    ids = deal.ids
    margin = np.ma.masked_where((ids + deal.places) % 6 == 0, np.sin(ids) + deal.epoch)  # not always observed
    return {"loss": ids % 7 + deal.places / 64, "margin": margin, "correct": (ids + deal.places) % 3 > 0}


def trained(dealer, epochs=EPOCHS, save_at=None):
    dealt, state = 0, None
    for _ in range(epochs):
        for deal in dealer:
            dealer.observe(deal, signals_of(deal))
            dealt += 1
            if dealt == save_at:
                state = dealer.state_dict()
    return state


def scores(dealer):
    kept = cr.kept_scores(dealer)
    return [kept.read(statistic).values.tobytes() for statistic in kept.statistics]


@pytest.fixture(scope="module")
def whole():
    """What a run of one rank that was never stopped has kept, in both precisions."""
    kept = {}
    for half in (False, True):
        dealer = dealer_of(half=half)
        trained(dealer)
        kept[half] = scores(dealer)
    return kept


def test_it_holds_what_was_observed_up_to_two_segments_ago():
    dealer, seen = dealer_of(), []
    for _ in range(EPOCHS):
        for deal in dealer:
            dealer.observe(deal, signals_of(deal))
            seen.append((dealer.program.epochs.ordinal(deal.epoch, deal.segment), deal.ids, signals_of(deal)))
    kept = cr.kept_scores(dealer)
    assert kept.version == seen[-1][0] - 1
    for row in range(ROWS):
        known = [
            (loss, margin)
            for ordinal, ids, signals in seen
            for i, loss, margin in zip(ids, signals["loss"], signals["margin"], strict=True)
            if ordinal < kept.version and i == row
        ]
        margins = [float(margin) for _, margin in known if margin is not np.ma.masked]
        last, mean = (kept.at(statistic, np.array([row]))[0] for statistic in (cr.Last(), cr.Mean("margin")))
        assert np.array_equal(last, known[-1][0] if known else np.nan, equal_nan=True)
        assert np.allclose(mean, np.mean(margins) if margins else np.nan, equal_nan=True, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("world_size", [2, 4, 8])
def test_any_number_of_ranks_keeps_the_same(whole, world_size, half):
    ranks = Ranks(world_size, lambda rank: dealer_of(rank, world_size, half=half))
    ranks.train(signals_of, EPOCHS)
    assert all(scores(dealer) == whole[half] for dealer in ranks.dealers)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("save_at", [1, 7, 8, 20, 24, 25, 47, 71])
def test_a_restart_goes_on_bit_for_bit(tmp_path, whole, save_at, in_file, half):
    kept = {"half": half, "folder": tmp_path / "scores" if in_file else None}
    state = trained(dealer_of(**kept), save_at=save_at)
    cr.save_state(state, tmp_path / "state")
    resumed = dealer_of(**kept)
    resumed.load_state_dict(cr.load_state(tmp_path / "state"))
    trained(resumed, EPOCHS - save_at // 24)
    assert scores(resumed) == whole[half]


@pytest.mark.parametrize("save_at", [3, 11, 17])
@pytest.mark.parametrize("worlds", [(1, 2), (2, 4), (4, 1)])
def test_a_state_loads_on_another_number_of_ranks(tmp_path, whole, worlds, save_at):
    """With the file of rank 0 in a folder, and copies of it on the others."""
    folder = tmp_path / "scores"
    before, after = (Ranks(w, lambda rank, w=w: dealer_of(rank, w, folder=folder)) for w in worlds)
    state = before.train(signals_of, EPOCHS, save_at)
    for dealer in after.dealers:
        dealer.load_state_dict(state)
    after.train(signals_of, EPOCHS)
    assert all(scores(dealer) == whole[False] for dealer in after.dealers)
    assert cr.ScoreStore.load(folder).read(cr.Last()).tobytes() == whole[False][0]


def test_keeping_changes_no_plan():
    """Nor what can be asked of it: steps may be skipped, what was dealt is computed."""
    without = cr.Dealer(cr.chain(cr.Weighted("weight"), cr.FixedSize(4), segment_ids=SEGMENT), table(), seed=1)
    dealer = dealer_of()
    dealt = []
    for deal in dealer:
        dealer.observe(deal, signals_of(deal))
        dealt.append(list(deal))
    assert dealt == [list(deal) for deal in without]
    assert dealer.seen_before(dealt[0]).all()
    dealer.skip_steps(2)


def test_journals_are_thinned_and_recent_states_load(tmp_path, whole):
    kept = cr.ArtefactFolder(tmp_path / "scores", keep_versions=8)
    dealer = dealer_of(folder=kept)
    states = [trained(dealer, epochs=1, save_at=20) for _ in range(8)]
    assert 8 <= len(list((tmp_path / "scores").glob("journal-*"))) < 16
    resumed = dealer_of(folder=kept)
    with pytest.raises(BadState, match=r"must have the journals back to version .*load a newer state"):
        resumed.load_state_dict(states[1])
    resumed.load_state_dict(states[-1])
    trained(resumed, epochs=1)
    assert scores(resumed) == scores(dealer)


def test_several_stores_and_one_that_learns_in_a_plan(tmp_path, whole):
    stages = [
        cr.KeepScores(KEPT[:2], name="a", artefact=tmp_path / "a"),
        cr.KeepScores(KEPT[2:], name="b", half=True),
        cr.BadPairs(1),
    ]
    dealer = cr.Dealer(cr.chain(cr.Weighted("weight"), *stages, cr.FixedSize(4), segment_ids=SEGMENT), table(), seed=1)
    state = trained(dealer, save_at=30)
    assert json.dumps(state["learned"]["scores"]["a"])
    kept = cr.kept_scores(dealer)
    assert kept.statistics == KEPT
    assert [kept.read(statistic).values.tobytes() for statistic in KEPT[:2]] == whole[False][:2]
    assert [kept.read(statistic).values.tobytes() for statistic in KEPT[2:]] == whole[True][2:]


def test_a_grown_table_keeps_what_is_known_of_its_rows():
    def on(rows):
        stages = cr.Sequential(), cr.KeepScores((cr.Last(),)), cr.FixedSize(4)
        return cr.Dealer(cr.chain(*stages, segment_ids=8), cr.Table(size=rows), seed=0)

    dealer, grown = on(16), on(20)
    for _ in range(2):
        for deal in dealer:
            dealer.observe(deal, deal.ids)
    grown.load_state_dict(dealer.state_dict())
    for deal in grown:
        grown.observe(deal, deal.ids)
    assert cr.kept_scores(grown).read(cr.Last()).values[:16].tolist() == list(range(16))


@pytest.mark.parametrize(
    ("signal", "text"),
    [
        (
            {"accuracy": [1.0] * 4},
            r"signal must be of 'loss', 'margin', 'correct', got 'accuracy'; no stage of the plan",
        ),
        ({}, r"signal must name a signal, got \{\}"),
        ({"loss": [1.0] * 3}, r"signal must have one number for each of 4 ids, got \(3,\)"),
        ({"margin": [1.0, np.inf, 0.0, 0.0]}, r"signal must be finite, got inf; skip steps that overflowed"),
    ],
)
def test_bad_signals_are_refused(signal, text):
    dealer = dealer_of()
    with pytest.raises(BadArgument, match=text):
        dealer.observe(next(iter(dealer)), signal)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (
            lambda: cr.KeepScores(("el2n",)),
            r"statistics must be Last, .* or Forgotten, got 'el2n'; write Mean\(\"el2n\"\)",
        ),
        (lambda: cr.KeepScores((cr.Mean,)), r"statistics must be Last, .* or Forgotten, got <class .*; write Mean\(\)"),
        (
            lambda: cr.KeepScores(cr.Mean(), cr.Variance()),
            r"statistics must be one tuple, got Mean\(signal='loss'\), Variance\(.*; write KeepScores\(\(Mean\(\), Var",
        ),
    ],
)
def test_what_was_meant_is_said(build, text):
    with pytest.raises(BadArgument, match=text):
        build()


def test_a_stage_that_learns_must_be_given_its_loss():
    plan_of_both = cr.chain(cr.LossWeighted(), cr.KeepScores((cr.Mean("margin"),)), cr.FixedSize(4))
    dealer = cr.Dealer(plan_of_both, table(), seed=0)
    with pytest.raises(
        BadArgument, match=r"signal must have an entry 'loss' for 'loss_weighted', got \['margin'\] alone"
    ):
        dealer.observe(next(iter(dealer)), {"margin": [0.0] * 4})


def test_other_statistics_than_those_of_the_state_are_refused():
    state = trained(dealer_of(), save_at=10)
    with pytest.raises(BadState, match=r"plan.stages\[1\].half must be False as when it was saved"):
        dealer_of(half=True).load_state_dict(state)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["scores"]["keep_scores"]["columns"].pop("loss_last"),
        lambda s: s["scores"]["keep_scores"]["columns"].update(loss_last=np.zeros(3)),
        lambda s: s["scores"]["keep_scores"]["columns"].update(loss_last=np.full(ROWS, np.nan)),
        lambda s: s["reports"]["signals"].update(margin=np.zeros(3, np.float32)),
        lambda s: s["scores"].update(keep_scores=5),
    ],
)
def test_hostile_states_are_refused(change):
    state = trained(dealer_of(), save_at=20)
    change(state["learned"])
    with pytest.raises(BadState, match="state: learned"):
        dealer_of().load_state_dict(state)

"""Feedback: what a segment observed acts two segments later, on every rank, at any prefetch, after any restart."""

from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument, BadState, FeedbackTooLate

ROWS, SEGMENT = 96, 32


def plan(artefact=None):
    return cr.chain(cr.LossWeighted(artefact=artefact), cr.FixedSize(4), segment_ids=SEGMENT)


def dealer_of(rank=0, world_size=1, artefact=None):
    return cr.Dealer(plan(artefact), cr.Table(size=ROWS), seed=1, rank=rank, world_size=world_size)


def loss_of(deal):
    """A training in miniature: the loss depends on the id and on when it was dealt."""
    return (np.asarray(deal) % 7 + deal.epoch).astype(np.float32)


def facts(deal):
    return deal.ids.tolist(), deal.columns["probability"].tolist(), deal.columns["score_version"].tolist()


def trained(dealer, epochs=3, save_at=None):
    """Deal and observe; return what was dealt, and the state after `save_at` deals."""
    dealt, state = [], None
    for _ in range(epochs):
        for deal in dealer:
            dealer.observe(deal, loss_of(deal))
            dealt.append(facts(deal))
            if len(dealt) == save_at:
                state = dealer.state_dict()
    return dealt, state


def test_observations_act_from_the_segment_after_next():
    dealt, _ = trained(dealer_of(), epochs=1)
    versions = [set(version) for _, _, version in dealt]
    assert versions == [{0}] * 8 + [{0}] * 8 + [{1}] * 8
    assert all(
        probability == pytest.approx(1 / ROWS) for _, probabilities, _ in dealt[:16] for probability in probabilities
    )
    assert len(set(dealt[16][1])) > 1


def test_without_observations_nothing_changes():
    dealer = dealer_of()
    for _ in range(3):
        assert all(p == pytest.approx(1 / ROWS) for deal in dealer for p in deal.columns["probability"])


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("save_at", [1, 7, 8, 9, 16, 20, 24, 25, 40, 71])
def test_a_restart_goes_on_bit_for_bit(tmp_path, save_at, in_file):
    folder = tmp_path / "scores" if in_file else None
    dealt, state = trained(dealer_of(artefact=folder), save_at=save_at)
    resumed = dealer_of(artefact=folder)
    resumed.load_state_dict(state)
    rest, _ = trained(resumed, epochs=3 - (save_at // 24))
    assert rest == dealt[save_at:]


def test_a_state_file_holds_scores_and_reports(tmp_path):
    dealt, state = trained(dealer_of(), save_at=20)
    cr.save_state(state, tmp_path / "state")
    resumed = dealer_of()
    resumed.load_state_dict(cr.load_state(tmp_path / "state"))
    assert trained(resumed)[0][: len(dealt) - 20] == dealt[20:]


class Ranks:
    """Several ranks in one process: each exchange happens once every rank has come to it."""

    def __init__(self, world_size, artefact=None):
        self.dealers = [dealer_of(rank, world_size, artefact) for rank in range(world_size)]
        for rank, dealer in enumerate(self.dealers):
            dealer.connect(gather=lambda mine, rank=rank: self.exchange(rank, mine), agree=lambda _: None)

    def exchange(self, rank, mine):
        # The ranks run in turn, so what the others would pass is read from their memories.
        ordinals = range(100)
        return [
            mine if other == rank else [r for known in ordinals for r in dealer.program.memory._reports.get(known, [])]
            for other, dealer in enumerate(self.dealers)
        ]

    def load(self, state):
        for dealer in self.dealers:
            dealer.load_state_dict(state)

    def steps(self, epochs=1):
        for _ in range(epochs):
            for deals in zip(*self.dealers, strict=True):
                for dealer, deal in zip(self.dealers, deals, strict=True):
                    dealer.observe(deal, loss_of(deal))
                yield deals


def test_every_rank_learns_what_all_ranks_observed():
    """Two ranks deal together what one rank deals alone."""
    alone, _ = trained(dealer_of(), epochs=2)
    together = [facts(deal) for deals in Ranks(2).steps(epochs=2) for deal in deals]
    assert together == alone


@pytest.mark.parametrize("save_at", [3, 11, 17])
@pytest.mark.parametrize("worlds", [(2, 1), (1, 2), (2, 4)])
def test_a_state_of_all_ranks_loads_on_another_number(worlds, save_at):
    whole = rows_of(deal for deals in Ranks(1).steps(epochs=3) for deal in deals)
    before, after = worlds
    ranks = Ranks(before)
    steps = ranks.steps(epochs=3)
    dealt = rows_of(deal for _ in range(save_at) for deal in next(steps))
    resumed = Ranks(after)
    resumed.load(ranks.dealers[0].state_dict())
    rest = rows_of(deal for deals in resumed.steps(epochs=3) for deal in deals)
    assert (dealt + rest)[: len(whole)] == whole


def rows_of(deals):
    """What was dealt, id by id: the last batches of an epoch are cut otherwise for another number of ranks."""
    return [fact for deal in deals for fact in zip(*facts(deal), strict=True)]


def test_prefetching_past_a_segment_is_refused_with_the_fix():
    dealer = dealer_of()
    with pytest.raises(
        FeedbackTooLate, match=r"segment 2 must be planned with the observations of segment 0.*raise segment_ids"
    ):
        list(dealer.run_ahead())


def test_prefetching_within_a_segment_is_exact():
    """The sampler runs seven batches ahead of the loop, and the state is that of the loop."""
    dealt, _ = trained(dealer_of())
    for save_at in (5, 17, 30):
        dealer = dealer_of()
        seen, state = [], None
        for _ in range(3):
            ahead = []
            for deal in dealer.run_ahead():
                ahead.append(deal)
                if len(ahead) > 7:
                    state = _receive(dealer, ahead.pop(0), seen, save_at) or state
            for deal in ahead:
                state = _receive(dealer, deal, seen, save_at) or state
        assert seen == dealt
        resumed = dealer_of()
        resumed.load_state_dict(state)
        assert trained(resumed)[0][: len(dealt) - save_at] == dealt[save_at:]


def _receive(dealer, deal, seen, save_at):
    dealer.receive(deal)
    dealer.observe(deal, loss_of(deal))
    seen.append(facts(deal))
    return dealer.state_dict() if len(seen) == save_at else None


def test_a_folder_of_another_run_is_not_written_over(tmp_path):
    trained(dealer_of(artefact=tmp_path / "scores"))
    with pytest.raises(BadState, match=r"must be empty at the start of a run, got version .*load that run's state"):
        next(iter(dealer_of(artefact=tmp_path / "scores")))


def test_previewing_a_resume_leaves_the_file_alone(tmp_path):
    folder = tmp_path / "scores"
    _, state = trained(dealer_of(artefact=folder), save_at=30)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    cr.preview(plan(folder), cr.Table(size=ROWS), seed=1, world_size=2, resume=state)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("signal", "text"),
    [
        ([1.0], r"signal must have one number for each of 4 ids, got \(1,\)"),
        ([1.0, 2.0, np.nan, 1.0], "signal must be finite, got nan; skip steps that overflowed"),
    ],
)
def test_bad_signals_are_refused(signal, text):
    dealer = dealer_of()
    with pytest.raises(BadArgument, match=text):
        dealer.observe(next(iter(dealer)), signal)


def test_scores_must_be_kept_as_when_saved(tmp_path):
    _, state = trained(dealer_of(), save_at=20)
    with pytest.raises(BadState, match="learned scores must be kept as when it was saved"):
        dealer_of(artefact=tmp_path / "scores").load_state_dict(state)


def test_loading_into_a_live_dealer_is_loading_into_a_new_one():
    """Going back after a loss spike: plans made since are forgotten, though they have the versions of new ones."""
    dealer = dealer_of()
    _, state = trained(dealer, epochs=1, save_at=10)
    for deal in dealer:
        dealer.observe(deal, np.full(len(deal), 50.0))
    fresh = dealer_of()
    for each in (dealer, fresh):
        each.load_state_dict(state)
    assert trained(dealer)[0] == trained(fresh)[0]


@pytest.mark.parametrize("save_at", [2, 9, 17])
def test_a_pass_dealt_again_resumes_alike(save_at):
    """After an abandoned pass, and after set_epoch back, what is learned counts from the first segment on."""
    dealer = dealer_of()
    trained(dealer, epochs=1)
    for number, deal in enumerate(dealer):
        dealer.observe(deal, loss_of(deal))
        if number == 12:
            break
    dealer.set_epoch(0)
    dealt, state = [], None
    for deal in dealer:
        dealer.observe(deal, loss_of(deal))
        dealt.append(facts(deal))
        if len(dealt) == save_at:
            state = dealer.state_dict()
    resumed = dealer_of()
    resumed.load_state_dict(state)
    assert trained(resumed, epochs=1)[0] == dealt[save_at:]


def test_ranks_that_cannot_exchange_may_not_observe():
    dealer = dealer_of(world_size=2)
    with pytest.raises(
        BadArgument, match=r"observe must be used where ranks can exchange.*initialise torch.distributed"
    ):
        dealer.observe(next(iter(dealer)), [1.0] * 4)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update(version="x"),
        lambda s: s.update(version=-1),
        lambda s: s.update(version=1.5),
        lambda s: s.pop("reports"),
        lambda s: s.update(reports=5),
        lambda s: s["reports"].update(ids=np.array([10**6])),
        lambda s: s["reports"].update(ids=s["reports"]["ids"][:-1]),
        lambda s: s["reports"].update(places=s["reports"]["places"].astype(float)),
        lambda s: s.update(scores={"loss_weighted": np.full(ROWS, np.nan)}),
        lambda s: s.update(scores={"loss_weighted": np.ones(ROWS - 1)}),
        lambda s: s.update(scores={"loss_weighted": "zeros"}),
        lambda s: s.update(scores=[1]),
    ],
)
def test_hostile_learned_states_are_refused_and_change_nothing(change):
    whole, state = trained(dealer_of(), save_at=20)
    change(state["learned"])
    dealer = dealer_of()
    with pytest.raises(BadState, match="state: learned"):
        dealer.load_state_dict(state)
    assert trained(dealer)[0] == whole


def test_what_an_abandoned_pass_observed_counts_once():
    plan = cr.chain(cr.Sequential(), cr.KeepScores((cr.Count(),)), cr.FixedSize(2), segment_ids=2)
    dealer = cr.Dealer(plan, cr.Table(size=6), seed=0)
    for deal in dealer:
        dealer.observe(deal, np.ones(2))
        break
    for deal in dealer:
        dealer.observe(deal, np.ones(2))
    assert cr.kept_scores(dealer, run_is_over=True).read(cr.Count()).values.tolist() == [1] * 6


def test_what_is_observed_twice_or_too_late_is_refused():
    plan = cr.chain(cr.Sequential(), cr.KeepScores((cr.Count(), cr.Mean("margin"))), cr.FixedSize(2), segment_ids=2)
    dealer = cr.Dealer(plan, cr.Table(size=8), seed=0)
    deals = []
    for deal in dealer:
        deals.append(deal)
        if len(deals) == 1:
            dealer.observe(deal, np.ones(2))
            dealer.observe(deal, {"margin": np.ones(2)})
            with pytest.raises(BadArgument, match=r"observe must be told of a signal once for each deal, got the same"):
                dealer.observe(deal, np.ones(2))
    with pytest.raises(FeedbackTooLate, match=r"segment 1 was observed after .* taken in, for segment 3; observe each"):
        dealer.observe(deals[1], np.ones(2))
    dealer.observe(deals[3], np.ones(2))


@pytest.mark.parametrize("stage", [cr.LossWeighted(), cr.ImportanceSampled(), cr.BadPairs(1)])
@pytest.mark.parametrize("also", [{}, {"correct": 1.0}])
def test_a_segment_all_of_which_was_masked_is_saved_and_loaded(stage, also):
    order = () if hasattr(stage, "epoch_size") else (cr.Shuffle(),)
    kept = [cr.KeepScores((cr.Mean("correct"),))] if also else []
    plan = cr.chain(*order, stage, *kept, cr.FixedSize(4), segment_ids=8)
    dealer = cr.Dealer(plan, cr.Table(size=16), seed=0)
    deal = next(iter(dealer))
    masked = np.ma.masked_all(4, dtype=np.float32)
    dealer.observe(deal, {"loss": masked, **{name: np.full(4, value) for name, value in also.items()}})
    again = cr.Dealer(plan, cr.Table(size=16), seed=0)
    again.load_state_dict(dealer.state_dict())
    assert [d.ids.tolist() for d in again] == [d.ids.tolist() for d in list(dealer)[1:]] or also

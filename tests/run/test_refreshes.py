from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

import croupier as cr
from croupier.core.saved_arrays import SavedArrays
from croupier.errors import BadArgument, BadState, FeedbackTooLate


@dataclass(frozen=True, slots=True)
class Marked:
    """A stage that adds a number from a folder, and the number of the version."""

    name: str = "marked"
    refreshed_per_epoch: bool = False

    def load_version(self, folder, checksum, table):
        saved = SavedArrays.read(folder, "marks", checksum)
        return int(saved.arrays["mark"]), saved.checksum

    def plan(self, batches, context):
        version = context.refreshed or None
        mark, number = (version.content, version.number) if version else (0, 0)
        return batches.with_columns(
            mark=np.full(batches.indices.size, mark), number=np.full(batches.indices.size, number)
        )


def saved(tmp_path, mark):
    SavedArrays.write(tmp_path / f"m{mark}", "marks", {"mark": np.array(mark)})
    return str(tmp_path / f"m{mark}")


def run(stage=None, rank=0, world=1, inner=False):
    stages = cr.Shuffle(), cr.FixedSize(5), stage or Marked()
    plan = cr.chain(*stages, segment_ids=20)
    return cr.Dealer(plan, cr.Table(size=100), seed=0, rank=rank, world_size=world)


def marks(deals):
    return [(deal.epoch, deal.segment, int(deal.columns["mark"][0]), int(deal.columns["number"][0])) for deal in deals]


def test_a_version_holds_from_the_segment_after_next_and_on_into_later_epochs(tmp_path):
    dealer, seen = run(), []
    for epoch in range(2):
        for number, deal in enumerate(dealer):
            seen += marks([deal])
            if (epoch, number) == (0, 5):  # in segment 1
                assert dealer.adopt("marked", saved(tmp_path, 7)) == 3
            if (epoch, number) == (1, 0):
                assert dealer.adopt("marked", saved(tmp_path, 8)) == 7
    firsts = {mark: next(entry for entry in seen if entry[2] == mark) for mark in (0, 7, 8)}
    assert firsts == {0: (0, 0, 0, 0), 7: (0, 3, 7, 1), 8: (1, 2, 8, 2)}


def test_an_order_waits_for_the_next_epoch(tmp_path):
    dealer = run(Marked(refreshed_per_epoch=True))
    for number, deal in enumerate(dealer):
        assert marks([deal])[0][2] == 0
        if number == 1:
            assert dealer.adopt("marked", saved(tmp_path, 7)) == 5
        if number == 18:  # segment 4: the next epoch begins too soon, at segment 5, where 6 is the first free one
            assert dealer.adopt("marked", saved(tmp_path, 8)) == 10
    assert {entry[2] for entry in marks(list(dealer))} == {7}
    assert {entry[2] for entry in marks(list(dealer))} == {8}


@pytest.mark.parametrize("world", [1, 2])
def test_resume_in_the_middle_of_a_refresh_interval(tmp_path, world):
    first, second = saved(tmp_path, 7), saved(tmp_path, 8)
    dealers = [run(rank=rank, world=world) for rank in range(world)]
    passes = [iter(dealer) for dealer in dealers]
    for step in range(12 // world):
        for deal_pass in passes:
            next(deal_pass)
        if step == 0:
            for dealer in dealers:
                dealer.adopt("marked", first)
    for dealer in dealers:
        dealer.adopt("marked", second)  # adopted, not yet in force
    state = json.loads(json.dumps(dealers[0].state_dict()))
    rest = [list(deal_pass) + list(dealer) for deal_pass, dealer in zip(passes, dealers, strict=True)]
    assert {mark for deals in rest for _, _, mark, _ in marks(deals)} == {7, 8}
    for rank in range(world):
        resumed = run(rank=rank, world=world)
        resumed.load_state_dict(state)
        again = list(resumed) + list(resumed)
        assert marks(again) == marks(rest[rank])
        assert [deal.ids.tolist() for deal in again] == [deal.ids.tolist() for deal in rest[rank]]


def test_a_folder_that_changed_or_went_away_is_refused_on_resume(tmp_path):
    dealer = run()
    deals = iter(dealer)
    next(deals)
    folder = saved(tmp_path, 7)
    dealer.adopt("marked", folder)
    for _ in range(12):
        next(deals)
    state = dealer.state_dict()
    np.save(tmp_path / "m7" / "mark.npy", np.array(9))
    with pytest.raises(BadState, match="it is damaged: restore it"):
        run().load_state_dict(state)
    (tmp_path / "m7").rename(tmp_path / "elsewhere")
    with pytest.raises(BadState, match=r"folder .*m7 must hold marks as they were saved"):
        run().load_state_dict(state)


def test_what_holds_later_need_not_be_there_yet_to_look_at_a_state(tmp_path):
    dealer = run()
    next(iter(dealer))
    dealer.adopt("marked", saved(tmp_path, 7))
    (tmp_path / "m7").rename(tmp_path / "elsewhere")
    run().load_state_dict(dealer.state_dict())


def test_too_late_or_unknown_is_refused(tmp_path):
    dealer = run()
    ahead = dealer.run_ahead()
    while next(ahead).segment < 2:
        pass
    with pytest.raises(FeedbackTooLate, match="'marked' can be refreshed from segment 2 on, but segment 2 has been"):
        dealer.adopt("marked", saved(tmp_path, 7))
    with pytest.raises(BadArgument, match=r"adopt must name one stage of the plan that is refreshed \(marked\), got"):
        run().adopt("x", str(tmp_path))


@pytest.mark.parametrize(
    "entry", [3, [["marked"], -1, 1, "f", "c"], [["other"], 1, 1, "f", "c"], [["marked"], 1, 1, 5, "c"], [1, 2]]
)
def test_a_state_with_damaged_entries_is_refused(entry):
    dealer = run()
    program = dealer.program
    with pytest.raises(BadState, match="refreshes must be lists of a stage's path"):
        type(program.refreshes).from_list([entry], program.plan)
    with pytest.raises(BadState, match="refreshes must be lists of a stage's path"):
        type(program.refreshes).from_list(entry, program.plan)


def test_the_state_of_a_run_before_there_were_versions_still_loads():
    state = run().state_dict()
    assert state["refreshes"] == []


def test_a_nested_stage_is_named_by_its_path(tmp_path):
    plan = cr.chain(cr.Shuffle(), cr.chain(Marked(), name="inner"), cr.FixedSize(5), segment_ids=20)
    dealer = cr.Dealer(plan, cr.Table(size=100), seed=0)
    deals = iter(dealer)
    next(deals)
    dealer.adopt("inner/marked", saved(tmp_path, 7))
    assert {mark for _, _, mark, _ in marks(list(deals))} == {0, 7}

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import ClassVar

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
    if not (tmp_path / f"m{mark}").exists():
        SavedArrays.write(tmp_path / f"m{mark}", "marks", {"mark": np.array(mark)})
    return str(tmp_path / f"m{mark}")


def run(stage=None, rank=0, world=1):
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
            assert dealer.adopt("marked", saved(tmp_path, 6)) == 5
        if number == 18:  # in the last segment: the next epoch is not planned before this one is over
            assert dealer.adopt("marked", saved(tmp_path, 7)) == 5
    assert {entry[2] for entry in marks(list(dealer))} == {7}
    assert dealer.adopt("marked", saved(tmp_path, 8)) == 10
    assert {entry[2] for entry in marks(list(dealer))} == {8}


def stream(deals):
    return [
        (deal.epoch, deal.step, deal.micro_batch, deal.ids.tobytes(), *(deal.columns[name].tobytes() for name in NAMES))
        for deal in deals
    ]


NAMES = ("mark", "number")


@pytest.mark.parametrize("per_epoch", [False, True])
@pytest.mark.parametrize(
    ("segment_ids", "tail", "split"),
    [
        (10, cr.Tail.SHORT, None),
        (5, cr.Tail.CARRY, None),  # ids carried over belong to the order of the epoch before
        (100, cr.Tail.DROP, None),  # an epoch is one segment
        (10, cr.Tail.SHORT, cr.Balanced(max_tokens=3, length="length")),  # several micro-batches a step
    ],
)
def test_adopting_before_saving_after_loading_or_live_is_the_same(tmp_path, per_epoch, segment_ids, tail, split):
    """At every micro-batch of two epochs, before the first and between the epochs among them."""
    folder = saved(tmp_path, 7)
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(5, tail), Marked(refreshed_per_epoch=per_epoch), segment_ids=segment_ids)
    lengths = np.ones(26, np.int64)

    def fresh():
        return cr.Dealer(plan, cr.Table(length=lengths), seed=0, split=split)

    def onwards(dealer, deals=()):
        rest = stream(deals)
        while dealer.cursor.epoch < 3:
            rest += stream(dealer)
        return rest

    for stop in range(len(stream(fresh())) + 3):
        for ends_pass in (False, True):
            live = fresh()
            deals = (deal for _ in range(2) for deal in live)
            dealt = [next(deals) for _ in range(stop)]
            if ends_pass:
                if not dealt or live.cursor.epoch == dealt[-1].epoch:
                    continue
                live.complete()
            state = live.state_dict()
            first = live.adopt("marked", folder)
            after = live.state_dict()
            if dealt and not dealt[-1].ends_step and live.cursor.epoch_steps == 0:
                continue  # such a step begins anew after a load, so that the epoch has not begun
            loaded, adopted = fresh(), fresh()
            loaded.load_state_dict(state)
            assert loaded.adopt("marked", folder) == first
            adopted.load_state_dict(after)
            assert adopted.state_dict() == loaded.state_dict() == after
            goes_on = onwards(loaded)
            assert goes_on == onwards(adopted)
            if not dealt or dealt[-1].ends_step:
                assert goes_on == onwards(live, deals)
            assert {int.from_bytes(entry[-1][:8], "little") for entry in goes_on} >= {1}


def test_between_epochs_and_before_the_run_it_holds_from_the_first_segment(tmp_path):
    for stage in (Marked(), Marked(refreshed_per_epoch=True)):
        dealer = run(stage)
        assert dealer.adopt("marked", saved(tmp_path / stage.name / str(stage.refreshed_per_epoch), 7)) == 0
        assert {entry[2] for entry in marks(list(dealer))} == {7}
        assert dealer.adopt("marked", saved(tmp_path / stage.name / str(stage.refreshed_per_epoch), 8)) == 5
        assert {entry[2] for entry in marks(list(dealer))} == {8}


def test_a_pass_that_has_begun_counts_as_in_its_first_segment(tmp_path):
    for stage, first in ((Marked(), 2), (Marked(refreshed_per_epoch=True), 5)):
        dealer = run(stage)
        next(dealer.run_ahead())
        assert dealer.adopt("marked", saved(tmp_path / str(first), 7)) == first


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
    with pytest.raises(
        BadState,
        match=r"state: folder .*m7 must be there for stage 'marked', which plans from it, got no such folder;"
        r" restore it, or where it has moved load moved_folders\(state, \{old: new\}\)",
    ):
        run().load_state_dict(state)


def test_what_holds_later_need_not_be_there_yet_to_look_at_a_state(tmp_path):
    dealer = run()
    deals = iter(dealer)
    next(deals)
    dealer.adopt("marked", saved(tmp_path, 7))
    state = dealer.state_dict()
    expected = stream(deal for deal in deals if deal.segment < 2)
    (tmp_path / "m7").rename(tmp_path / "elsewhere")
    resumed = run()
    resumed.load_state_dict(state)
    deals = iter(resumed)
    assert stream(next(deals) for _ in range(7)) == expected
    with pytest.raises(BadState, match=r"m7 must be there for stage 'marked'"):
        next(deals)


def test_folders_are_kept_as_absolute_paths(tmp_path, monkeypatch):
    saved(tmp_path, 7)
    monkeypatch.chdir(tmp_path)
    dealer = run()
    deals = iter(dealer)
    next(deals)
    dealer.adopt("marked", "m7")
    state = dealer.state_dict()
    assert state["refreshes"][0][3] == str(tmp_path / "m7")
    monkeypatch.chdir("/")
    resumed = run()
    resumed.load_state_dict(state)
    assert stream(resumed) == stream(deals)


class Counted(Marked):
    """Counts what is read."""

    __slots__ = ()
    reads: ClassVar[list] = []

    def load_version(self, folder, checksum, table):
        self.reads.append(folder.rpartition("/")[2])
        return super().load_version(folder, checksum, table)


def test_each_folder_is_read_once_and_what_is_loaded_stays(tmp_path):
    Counted.reads.clear()
    dealer = run(Counted())
    seen = []
    for number, deal in enumerate(dealer):
        seen.append(deal)
        if number == 0:
            dealer.adopt("marked", saved(tmp_path, 7))
        if number == 9:  # segment 2, the first with 7
            dealer.adopt("marked", saved(tmp_path, 8))
            shutil.rmtree(tmp_path / "m7")
        if number == 10:
            dealer.adopt("marked", saved(tmp_path, 9))
    assert [mark for _, _, mark, _ in marks(seen)] == [0] * 8 + [7] * 8 + [9] * 4
    assert Counted.reads == ["m7", "m8", "m9"]


def test_what_is_loaded_is_dropped_once_it_is_superseded(tmp_path):
    dealer = run()
    for epoch in range(6):
        for number, _ in enumerate(dealer):
            if number % 4 == 0:
                dealer.adopt("marked", saved(tmp_path, 10 * epoch + number))
            assert len(dealer.program.refreshes._contents) <= 3


class Named(Marked):
    """Reads nothing but the folder's name."""

    __slots__ = ()

    def load_version(self, folder, checksum, table):
        mark = folder.rpartition("m")[2]
        return int(mark), mark * 32


@pytest.mark.parametrize("per_epoch", [False, True])
def test_a_thousand_adoptions_keep_the_state_below_4_kb_and_deal_alike(tmp_path, per_epoch):
    folders = [saved(tmp_path, mark) for mark in range(3)]
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(5), Named(refreshed_per_epoch=per_epoch), segment_ids=5)

    def fresh():
        return cr.Dealer(plan, cr.Table(size=10 if per_epoch else 5_000), seed=0)

    dealer, adoptions, states, dealt = fresh(), 0, [], []
    while adoptions < 1_000:
        for deal in dealer:
            dealer.adopt("marked", folders[adoptions % 3])
            adoptions += 1
            dealt.append(deal)
            if adoptions in (900, 995):
                states.append((len(dealt), dealer.state_dict()))
            assert adoptions % 100 or len(json.dumps(dealer.state_dict())) < 4096
    for size, state in states:
        resumed, again, count = fresh(), [], size
        resumed.load_state_dict(state)
        while count < adoptions:
            for deal in resumed:
                resumed.adopt("marked", folders[count % 3])
                count += 1
                again.append(deal)
        assert stream(again) == stream(dealt[size:])


def superseded(tmp_path, stage):
    """A run resumed in segment 4 of epoch 1, where its second version holds; and the same run live."""
    live = run(stage)
    deals = (deal for _ in range(3) for deal in live)
    dealt = [next(deals) for _ in range(20)]
    for number in range(17):
        if number in (0, 8):
            live.adopt("marked", saved(tmp_path, number))
        dealt.append(next(deals))
    resumed = run(stage)
    resumed.load_state_dict(live.state_dict())
    return live, resumed, dealt


def test_a_resumed_run_refuses_to_deal_again_what_its_state_says_no_more(tmp_path):
    live, resumed, dealt = superseded(tmp_path, Marked())
    assert len(resumed) == len(live) == 20  # counted, though not from the same versions
    deals = iter(resumed)
    next(deals)
    deals = iter(resumed)  # abandoned: the epoch begins anew
    with pytest.raises(BadState, match=r"refreshes must name the version of 'marked' that segment 5 of the run was"):
        next(deals)
    assert stream(deal for deal in live if deal.step < 17) == stream(dealt[20:])
    resumed.set_epoch(2)
    assert {number for _, _, _, number in marks(list(resumed))} == {2}


def test_a_resumed_run_does_not_guess_at_orders_of_epochs_long_ago(tmp_path):
    dealer = run(Marked(refreshed_per_epoch=True))
    for number in range(3):
        dealer.adopt("marked", saved(tmp_path, number))
        list(dealer)
    resumed = run(Marked(refreshed_per_epoch=True))
    resumed.load_state_dict(dealer.state_dict())
    dealer.program.segment(1, 0)
    resumed.program.segment(2, 0)
    with pytest.raises(
        BadState, match=r"got only later ones; go on from where the state was taken, or load an earlier"
    ):
        resumed.program.segment(1, 0)


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
    "entry",
    [
        3,
        [["marked"], -1, 1, "f", "c"],
        [["other"], 1, 1, "f", "c"],
        [["marked"], 1, 1, 5, "c"],
        [1, 2],
        [["marked"], 1, 2**31, "f", "c"],
        [[], 1, 1, "f", "c"],
        ["marked", 1, 1, "f", "c"],
        [["marked"], True, 1, "f", "c"],
    ],
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


def test_what_was_made_is_saved_before_it_is_adopted():
    found = cr.Mined([0], [[1]], [[0.5]], [0.9], item_count=2)
    plan = cr.chain(cr.Shuffle(), cr.MinedNegatives(1), cr.FixedSize(2))
    dealer = cr.Dealer(plan, cr.Table(query=np.zeros(4, int), item=np.zeros(4, int)), seed=0)
    with pytest.raises(BadArgument, match=r"folder must be a path, got .*; save what was made, found.save\(folder\)"):
        dealer.adopt("mined_negatives", found)

"""States: what loads, and what is refused with the reason."""

from __future__ import annotations

import contextlib
import copy
import json
import shutil
from itertools import islice

import numpy as np
import pytest
from reliability.state_runs import RUNS

import croupier as cr
from croupier.core.fingerprint import digest
from croupier.errors import BadArgument, BadState, FeedbackTooLate, TooFewIds
from croupier.run.state_versions import sealed

LENGTHS = np.random.default_rng(0).integers(1, 9, 50)


def dealer(plan=None, lengths=LENGTHS, seed=3, split=None, world_size=1):
    plan = cr.chain(cr.Shuffle(), cr.TokenBudget(20), segment_ids=16) if plan is None else plan
    return cr.Dealer(plan, cr.Table(length=lengths), seed=seed, split=split, world_size=world_size)


@pytest.fixture
def state():
    dealing = dealer()
    batches = iter(dealing)
    for _ in range(4):
        next(batches)
    return dealing.state_dict()


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (
            lambda: dealer(cr.chain(cr.Shuffle(), cr.TokenBudget(21), segment_ids=16)),
            r"plan.stages\[1\].max_tokens must be 20 as when it was saved, got 21; go on with the plan",
        ),
        (
            lambda: dealer(cr.chain(cr.Shuffle(), cr.FixedSize(3), segment_ids=16)),
            r"plan.stages\[1\] must be {'class': 'Tok",
        ),
        (
            lambda: dealer(cr.chain(cr.Shuffle(), cr.TokenBudget(20))),
            "plan.segment_ids must be 16 as when it was saved, got None",
        ),
        (lambda: dealer(seed=4), "run.seed must be 3 as when it was saved, got 4"),
        (lambda: dealer(split=cr.Balanced()), "run.split must be {'class': 'Lockstep'"),
        (lambda: dealer(lengths=LENGTHS[::-1].copy()), "table.sample.length must be"),
        (lambda: dealer(lengths=LENGTHS[:40]), "table must have at most the 40 rows of this table, got 50"),
        (lambda: dealer(lengths=LENGTHS.astype(np.int32)), r"table.columns.length\[0\] must be 'int64'.*got 'int32'"),
    ],
)
def test_a_state_of_another_run_is_refused(state, other, text):
    with pytest.raises(BadState, match=text):
        other().load_state_dict(state)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda s: s.update(croupier_state=2), "croupier_state must be <= 1, got 2; install the newer croupier"),
        (lambda s: s.update(croupier_state="1"), "croupier_state must be a version number, got '1'"),
        (lambda s: s.pop("cursor"), "it must have the fields .*it is cut off, or has been edited"),
        (lambda s: s["cursor"].update(consumed=7), "checksum must be .*the file is damaged"),
        (lambda s: _resealed(s, cursor={**s["cursor"], "segment": 9}), "cursor.segment must be < 3, got 9"),
        (
            lambda s: _resealed(s, cursor={**s["cursor"], "consumed": 10**6}),
            "cursor.consumed must be <= 16, got 1000000",
        ),
        (lambda s: _resealed(s, cursor={**s["cursor"], "anchor": 16}), "cursor.anchor must be <= consumed"),
        (lambda s: _resealed(s, cursor={**s["cursor"], "epoch": -1}), "cursor.epoch must be a whole number in range"),
    ],
)
def test_a_damaged_state_is_refused(state, change, text):
    damaged = copy.deepcopy(state)
    change(damaged)
    with pytest.raises(BadState, match=text):
        dealer().load_state_dict(damaged)


def _resealed(state, **changes):
    state.update(changes)
    state["checksum"] = digest({k: v for k, v in state.items() if k not in ("checksum", "learned")})


@pytest.mark.parametrize("what", [None, 5, "state", [], {}])
def test_what_is_no_state_is_refused(what):
    with pytest.raises(BadState, match="state: "):
        dealer().load_state_dict(what)


def test_a_refused_state_changes_nothing(state):
    whole = [list(deal) for deal in dealer()]
    dealing = dealer()
    with pytest.raises(BadState):
        dealing.load_state_dict({**state, "checksum": ""})
    assert [list(deal) for deal in dealing] == whole


def test_a_table_that_grew_finishes_its_epoch_first(state):
    grown = np.concatenate([LENGTHS, [3, 3, 3, 3]])
    rest = [list(deal) for deal in dealer()][4:]
    resumed = dealer(lengths=grown)
    resumed.load_state_dict(state)
    assert [list(deal) for deal in resumed] == rest
    assert sorted(i for deal in resumed for i in deal) == list(range(54))
    assert resumed.state_dict()["table"]["size"] == 54


@pytest.mark.parametrize("at_end", [True, False])
def test_the_length_after_growth_is_that_of_the_grown_table(at_end):
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(4))
    started = dealer(plan, lengths=LENGTHS[:10])
    for _ in started:
        if not at_end:
            break
    resumed = dealer(plan, lengths=LENGTHS)
    resumed.load_state_dict(started.state_dict())
    if not at_end:
        assert len(resumed) == 3
        list(resumed)
    assert len(resumed) == 13 == len(list(resumed))


def test_numpy_integers_are_integers_in_a_state():
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(np.int32(4)), segment_ids=np.int64(8))
    started = dealer(plan, seed=np.int64(3), split=cr.Lockstep(lanes=np.int64(1)))
    next(iter(started))
    resumed = dealer(cr.chain(cr.Shuffle(), cr.FixedSize(4), segment_ids=8), split=cr.Lockstep(lanes=1))
    resumed.load_state_dict(started.state_dict())
    assert resumed.cursor.steps == 1


def test_a_table_may_not_grow_under_carried_ids():
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(4, cr.Tail.CARRY))
    dealing = dealer(plan)
    list(dealing)
    with pytest.raises(BadState, match=r"table must keep its 50 rows under Tail.CARRY, got 51 rows; ids carried over"):
        dealer(plan, lengths=np.append(LENGTHS, 3)).load_state_dict(dealing.state_dict())


def test_lanes_of_the_start_are_kept():
    started = dealer(world_size=4)
    first = next(iter(started))
    resumed = dealer(world_size=2)
    resumed.load_state_dict(started.state_dict())
    assert resumed.program.lanes == 4
    assert len(first) + sum(len(deal) for deal in resumed) <= 50


def test_a_state_is_small(state):
    assert len(str(state)) < 4096


@pytest.mark.parametrize("accept", ["plan.stages[0].shares", [3]])
def test_accepted_changes_are_a_list_of_names(accept):
    """A bare string would be taken letter by letter, and accept nothing."""
    with pytest.raises(
        BadArgument, match=r"accept must be a list of names, got .*; write accept=\['plan.stages\[0\].sh"
    ):
        dealer().load_state_dict(dealer().state_dict(), accept=accept)


def marked_run(**arguments):
    found = cr.Mined([0], [[1]], [[0.5]], [0.9], item_count=2)
    plan = cr.chain(cr.Shuffle(), cr.MinedNegatives(1), cr.FixedSize(2), segment_ids=4)
    return cr.Dealer(plan, cr.Table(query=np.zeros(12, int), item=np.zeros(12, int)), seed=0), found


@pytest.mark.parametrize(
    ("there", "folders"),
    [
        ("new/a/v1", lambda old, new: {old / "a": new / "a"}),
        ("new/a/v1", lambda old, new: {str(old): str(new)}),
        ("new/v1", lambda old, new: {f"{old}/": new / "a", old / "a" / "v1": new / "v1", old / "a" / "v": "/x"}),
    ],
)
def test_folders_that_moved_are_found_where_they_lie(tmp_path, there, folders):
    dealing, found = marked_run()
    found.save(tmp_path / "old" / "a" / "v1")
    dealing.adopt("mined_negatives", tmp_path / "old" / "a" / "v1")
    state = dealing.state_dict()
    expected = [deal.columns["negatives"].tolist() for deal in dealing]
    (tmp_path / there).parent.mkdir(parents=True)
    (tmp_path / "old" / "a" / "v1").rename(tmp_path / there)
    resumed, _ = marked_run()
    with pytest.raises(BadState, match=r"old/a/v1 must be there for stage 'mined_negatives'.*moved_folders\(state"):
        resumed.load_state_dict(state)
    moved = cr.moved_folders(state, folders(tmp_path / "old", tmp_path / "new"))
    assert moved["refreshes"][0][3] == str(tmp_path / there)
    assert state["refreshes"][0][3] == str(tmp_path / "old" / "a" / "v1")
    resumed.load_state_dict(moved)
    assert [deal.columns["negatives"].tolist() for deal in resumed] == expected
    cr.Mined([0], [[0]], [[0.5]], [0.9], item_count=2).save(tmp_path / "other")
    with pytest.raises(BadState, match=r"other must hold the version [0-9a-f]+ that the run used"):
        resumed.load_state_dict(cr.moved_folders(state, {tmp_path / "old" / "a" / "v1": tmp_path / "other"}))


def test_a_damaged_state_is_not_sealed_by_moving_its_folders(state):
    assert cr.moved_folders(state, {"/a": "/b"}) == state
    state["cursor"]["consumed"] = 7
    with pytest.raises(BadState, match=r"checksum must be .*the file is damaged"):
        cr.moved_folders(state, {"/a": "/b"})
    with pytest.raises(BadArgument, match=r"folders must map old to new, got '/a'; write \{'/old/run': '/new/run'\}"):
        cr.moved_folders(state, "/a")


def played(run, folder, seed):
    """A run's own life, at random: adoptions, restarts, epochs."""
    rng, dealer = np.random.default_rng(seed), run.dealer(folder)
    while dealer.cursor.epoch < 60:
        for deal in dealer:
            yield dealer
            with contextlib.suppress(FeedbackTooLate):
                if run.name == "ramped" and rng.random() < 0.3:
                    dealer.adopt_batch_size(int(rng.integers(2, 9)))
                    dealer.adopt_cost(cr.Cost(int(rng.integers(1, 2**20)), int(rng.integers(0, 2**20))))
                if run.name in ("refreshed", "clustered") and rng.random() < 0.3:
                    run.act(dealer, 3, folder)
            if deal.ends_step and rng.random() < 0.05:
                state, dealer = dealer.state_dict(), run.dealer(folder)
                dealer.load_state_dict(state)
                break


@pytest.mark.parametrize("name", ["plain", "refreshed", "clustered", "ramped", "grown", "skipped"])
def test_below_4_kb_however_long_the_run(name, tmp_path):
    largest = max(len(json.dumps(dealer.state_dict())) for dealer in islice(played(RUNS[name], tmp_path, 0), 0, 800, 9))
    assert largest < 4096


@pytest.mark.parametrize("name", RUNS)
def test_a_refused_load_leaves_the_live_run_as_it_was(name, tmp_path):
    """In the middle of a pass, and whatever it has learned: refused at the first look, and at the last."""
    run = RUNS[name]
    (tmp_path / "run").mkdir()
    state = run.state(tmp_path / "run")
    expected = run.dealer(tmp_path / "run")
    expected.load_state_dict(state)
    shutil.copytree(tmp_path / "run", tmp_path / "copy", dirs_exist_ok=True)
    wanted = run.rest(expected)
    live = run.dealer(tmp_path / "copy")
    live.load_state_dict(cr.moved_folders(state, {tmp_path / "run": tmp_path / "copy"}))
    other = run.dealer(tmp_path / "other").state_dict()  # of the same run, before its first deal
    deals = iter(live)
    before = live.state_dict()["checksum"]
    for bad in (
        {},
        {**state, "checksum": ""},
        resealed(other, cursor={**other["cursor"], "consumed": 10**6}),
        resealed(other, cursor={**other["cursor"], "anchor": 1}),
        resealed(other, cursor={**other["cursor"], "epoch": 10**18}),
        resealed(other, costs=[[0, 1]]),
        resealed(other, refreshes=[[["x"], 0, 1, "/", ""]]),
        resealed(other, ledger=[["a", "b", 1]]),
        resealed(other, skipped=[[[0, 0], [0, 0, 0]]]),
        resealed(other, has_grown=2),
    ):
        with pytest.raises(BadState):
            live.load_state_dict(bad)
        assert live.state_dict()["checksum"] == before
    assert run.rest(live, deals) == wanted


def resealed(state, **changes):
    return sealed({**state, **changes})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"cursor": 3}, "cursor must be a mapping, got 3"),
        ({"run": []}, r"run must be a mapping, got \[\]"),
        ({"table": {}}, "table must have at most the 50 rows of this table, got None"),
        ({"ledger": 1}, "ledger must be a list, got 1"),
        ({"ledger": [["a", "b", 1, True]]}, "ledger must be lists of a stage, an event, ids and tokens"),
        ({"skipped": [[[0, 0, 0], [0, 0]]]}, "skipped must be pairs of places in the flat order"),
        ({"skipped": [[[0, 0, 2**63], [0, 0, 0]]]}, "skipped must be pairs of places in the flat order"),
        ({"has_grown": None}, "has_grown must be true or false, got None"),
        ({"batch_sizes": [[0, 4]]}, "batch_sizes must be none for a plan that takes none"),
        ({"costs": [[0, 1, 1]]}, "costs must be none for a split that does not balance"),
    ],
)
def test_odd_values_are_refused_by_name(state, changes, text):
    with pytest.raises(BadState, match=text):
        dealer().load_state_dict(resealed(state, **changes))


def test_an_epoch_beyond_all_reach_is_refused_at_once(state):
    far = {**state["cursor"], "epoch": 2**20 + 1}
    with pytest.raises(BadState, match=r"cursor.epoch must be <= 1048576, got 1048577"):
        dealer().load_state_dict(resealed(state, cursor=far))


def test_lanes_that_no_epoch_fills_are_refused():
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(4, cr.Tail.DROP), segment_ids=16)
    state = dealer(plan).state_dict()
    run = {**state["run"], "lanes": 2**30, "window": 2**32}
    with pytest.raises(BadState, match=r"run must have epochs that fill a step, got epoch 0 has 50 ids, fewer than"):
        dealer(plan).load_state_dict(resealed(state, run=run))


def test_a_folder_whose_name_is_no_text_can_be_saved(tmp_path):
    dealing, found = marked_run()
    place = tmp_path / "caf\udce9"
    found.save(place)
    dealing.adopt("mined_negatives", place)
    cr.save_state(dealing.state_dict(), tmp_path / "state")
    again, _ = marked_run()
    again.load_state_dict(cr.load_state(tmp_path / "state"))
    assert [list(deal) for deal in again] == [list(deal) for deal in dealing]


def test_a_ramp_and_what_is_learned_go_on_over_growth():
    ramp = cr.BatchSizeRamp([(0, 2), (20, 4)])
    plan = cr.chain(cr.Sequential(), cr.RampedSize(ramp))
    started = cr.Dealer(plan, cr.Table(size=12), seed=0)
    next(iter(started))
    grown = cr.Dealer(plan, cr.Table(size=24), seed=0)
    grown.load_state_dict(started.state_dict())
    list(grown)
    sizes = [(deal.start.samples, len(deal)) for deal in grown]
    assert sizes == [(12, 2), (14, 2), (16, 2), (18, 2), (20, 4), (24, 4), (28, 4), (32, 4)]
    assert grown.state_dict()["grown"] == [1, 12, 1]
    again = cr.Dealer(plan, cr.Table(size=30), seed=0)
    again.load_state_dict(grown.state_dict())
    assert again.program.epochs.past == (2, 36, 2)
    assert len(again.first()) == 4


def test_a_plan_that_learns_goes_on_over_growth_and_a_restart_after_it():
    plan = cr.chain(cr.LossWeighted(), cr.FixedSize(4), segment_ids=8)

    def trained(dealer, steps):
        for step, deal in enumerate(dealer, start=1):
            dealer.observe(deal, deal.ids % 5 + 0.5)
            if step == steps:
                break
        return dealer

    def grown_from(state, size):
        dealer = cr.Dealer(plan, cr.Table(size=size), seed=0)
        dealer.load_state_dict(state)
        return dealer

    begun = trained(cr.Dealer(plan, cr.Table(size=32), seed=0), 5)
    grown = grown_from(begun.state_dict(), 64)
    trained(grown, None)
    trained(grown, 7)
    resumed = grown_from(grown.state_dict(), 64)
    assert resumed.program.epochs.ordinal(1, 0) == 4
    trained(resumed, None)
    assert (resumed.cursor.epoch, resumed.cursor.samples) == (2, 32 + 64)
    trained(resumed, None)


@pytest.mark.parametrize("grown", [3, [1], [0, 0, -1], [0, 0, 2.0], ["a", 0, 0], [1, 10, 1], None])
def test_growth_that_cannot_have_been_is_refused(state, grown):
    with pytest.raises(BadState, match=r"grown must be (an epoch, and|at epoch 0 or before)"):
        dealer().load_state_dict(sealed({**state, "grown": grown}))


def test_folders_that_are_moved_are_paths(state):
    with pytest.raises(BadArgument, match=r"a folder must be a path, got 1"):
        cr.moved_folders(state, {1: "new"})


def test_more_ranks_than_ids_are_left_are_refused_as_the_state_is_loaded_and_the_advice_helps():
    table, plan = cr.Table(size=30), cr.chain(cr.Shuffle(), cr.FixedSize(4))
    run = cr.Dealer(plan, table, seed=0)
    dealt = [id_ for deal in islice(run, 6) for id_ in deal]
    saved = run.state_dict()
    text = r"6 ids are left of epoch 0, fewer than the 8 ranks; go on with at most 6 ranks until its end, or load with"
    with pytest.raises(
        TooFewIds, match=text + r" few_ids=FewIds.PAD in its Lockstep and accept=\['run.split.few_ids'\]"
    ):
        cr.Dealer(plan, table, seed=0, world_size=8).load_state_dict(saved)
    for world_size, split in ((6, None), (8, cr.Lockstep(few_ids=cr.FewIds.PAD))):
        ranks = [
            cr.Dealer(plan, table, seed=0, rank=rank, world_size=world_size, split=split) for rank in range(world_size)
        ]
        for rank in ranks:
            rank.load_state_dict(saved, accept=["run.split.few_ids"])
        rest = [deal for rank in ranks for deal in rank]
        assert sorted(dealt + [id_ for deal in rest if not deal.is_padding for id_ in deal]) == list(range(30))


def test_what_a_run_is_cannot_be_accepted_away(state):
    with pytest.raises(BadState, match=r"run.seed must be 3 as when it was saved, got 4; .* it was saved with$"):
        dealer(seed=4).load_state_dict(state, accept=["run", "run.seed"])

"""A short form of the trials of states, and that they see what they are there to see."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from reliability.state_damage import damaged_bytes, edits
from reliability.state_runs import RUNS
from reliability.states import Trials

import croupier as cr
from croupier.core import artefact, rebuilding
from croupier.run.program import Program
from croupier.run.state_versions import sealed


@pytest.mark.parametrize("name", ["learned", "refreshed"])
def test_a_short_form_holds(tmp_path, name):
    found = list(Trials(tmp_path, seed=1, each=8, names=(name,)).all())
    assert [finding.faults for finding in found] == [()] * len(found)
    assert all(finding.holds for finding in found)
    assert sum(finding.tried for finding in found[:-1]) > 80


def test_it_sees_a_load_that_changes_what_it_refuses(tmp_path, monkeypatch):
    """The fault that was there once: a state was read into the live run."""
    trials = Trials(tmp_path, seed=1, each=1, names=("learned",))
    (played,) = trials.runs
    first = cr.load_state(played.first)
    late = {**first, "cursor": {**first["cursor"], "consumed": 10**6}}
    late = sealed({name: value for name, value in late.items() if name != "learned_checksum"})
    assert trials.tried("late", "all aside", played.taken, late) == "refused"
    monkeypatch.setattr(Program, "aside", lambda self: self)
    trials.tried("late", "into the live run", played.taken, late)
    assert trials.faults["late"] == ["into the live run: AssertionError: refused, and yet the run was changed"]


def test_it_sees_an_array_in_a_folder_that_nothing_checks(tmp_path, monkeypatch):
    monkeypatch.setattr(rebuilding, "checksum_of", lambda _: "")
    monkeypatch.setattr(artefact, "checksum_of", lambda _: "")
    trials = Trials(tmp_path, seed=1, each=1, names=("learned-in-folder",))
    (played,) = trials.runs
    place = Path("scores") / "scores.f32"
    content = bytearray((played.folder / place).read_bytes())
    content[2::4] = bytes(byte ^ 0x40 for byte in content[2::4])
    trials._folder("damaged folders", played, place, ("every row made another", bytes(content)))
    assert "dealt otherwise" in trials.faults["damaged folders"][0]


def test_damage_is_all_there_is_where_the_file_is_short():
    import random

    changed = [content for what, content in damaged_bytes(bytes(30), random.Random(0), most=100)]
    assert sorted({len(content) for content in changed}) == list(range(32))
    assert all(content != bytes(30) for content in changed)
    edited = [document for _, document in edits({"a": [1]}, random.Random(0), most=10_000)]
    assert {"a": [1], "surprise": 1} in edited
    assert {} in edited
    assert {"a": []} in edited


@pytest.mark.parametrize("name", RUNS)
def test_every_state_goes_on_as_the_run_did(tmp_path, name):
    """Those that trials are made on hold what they should: not a run's first state."""
    state = RUNS[name].state(tmp_path)
    assert state["cursor"]["steps"] >= 5
    assert len(json.dumps({k: v for k, v in state.items() if k != "learned"})) < 4096
    held = {"refreshed": "refreshes", "clustered": "refreshes", "ramped": "costs", "skipped": "skipped"}
    assert name not in held or state[held[name]]
    assert name != "kept" or np.count_nonzero(state["learned"]["scores"]["keep_scores"]["columns"]["margin_mean"])

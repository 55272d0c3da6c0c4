"""States of every released version, as its own code wrote them: each loads, and deals what that version would have.

``python tests/golden/test_states.py`` writes those of a new version, once it is released; old ones stay as they are.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from reliability.state_runs import RUNS

import croupier as cr
from croupier.core.fingerprint import digest
from croupier.errors import BadState
from croupier.run import state_versions
from croupier.run.state_versions import ADDED, STATE_VERSION

FOLDER = Path(__file__).parent / "states"
PLACE = "/golden"
"""Where folders lay, as far as the states say."""
STATES = sorted(FOLDER.glob("v*.state"))


def opened(path, folder):
    """The state, its run, and a dealer for it, whose folder holds what was in it when the state was saved."""
    run = RUNS[path.stem.partition("-")[2]]
    if path.with_suffix(".files").exists():
        shutil.copytree(path.with_suffix(".files"), folder, dirs_exist_ok=True)
    return cr.load_state(path), run, run.dealer(folder)


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.stem)
def test_a_released_state_loads_and_deals_what_it_would_have(path, tmp_path):
    state, run, dealer = opened(path, tmp_path)
    dealer.load_state_dict(cr.moved_folders(state, {PLACE: tmp_path}))
    assert run.rest(dealer) == json.loads(path.with_suffix(".json").read_text())


def test_there_is_one_of_every_kind_and_they_are_small():
    assert {path.stem for path in STATES} >= {f"v{STATE_VERSION}-{name}" for name in RUNS}
    assert all(path.stat().st_size < 12_000 for path in STATES)


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.stem)
def test_a_state_of_the_next_version_is_refused(path, tmp_path):
    state, _, dealer = opened(path, tmp_path)
    before = dealer.state_dict()
    newer = {**state, "croupier_state": STATE_VERSION + 1, "more": 1}
    with pytest.raises(
        BadState, match=rf"croupier_state must be <= {STATE_VERSION}, got {STATE_VERSION + 1}; install the newer croup"
    ):
        dealer.load_state_dict(newer)
    assert dealer.state_dict()["checksum"] == before["checksum"]


@pytest.mark.parametrize("name", ["plain", "learned"])
def test_states_from_before_fields_were_added_load(name, tmp_path):
    state, run, dealer = opened(FOLDER / f"v1-{name}.state", tmp_path)
    early = {field: value for field, value in state.items() if field not in ADDED}
    early["checksum"] = digest({field: value for field, value in early.items() if field not in ("checksum", "learned")})
    dealer.load_state_dict(early)
    assert run.rest(dealer) == json.loads((FOLDER / f"v1-{name}.json").read_text())


def test_states_are_brought_up_version_by_version(tmp_path, monkeypatch):
    """A future in which version 2 counted in hundreds, and version 3 called it by another name."""
    state, _, _ = opened(FOLDER / "v1-plain.state", tmp_path)
    hundredfold = {field: value for field, value in state.items() if field != "has_grown"} | {"times_grown": 0}
    monkeypatch.setattr(state_versions, "FIELDS", {*state} - {"has_grown"} | {"rows_grown"})
    monkeypatch.setattr(state_versions, "STATE_VERSION", 3)

    def to_2(old):
        return {field: value for field, value in old.items() if field != "has_grown"} | {
            "times_grown": 100 * old["has_grown"]
        }

    def to_3(old):
        return {field: value for field, value in old.items() if field != "times_grown"} | {
            "rows_grown": old["times_grown"]
        }

    monkeypatch.setattr(state_versions, "MIGRATIONS", (to_2, to_3))
    brought = state_versions.checked_state(state)
    assert (brought["croupier_state"], brought["rows_grown"]) == (3, 0)
    second = {**hundredfold, "croupier_state": 2}
    second["checksum"] = digest({k: v for k, v in second.items() if k not in ("checksum", "learned")})
    assert state_versions.checked_state(second)["rows_grown"] == 0
    with pytest.raises(BadState, match=r"it must be a state of version 1, got KeyError: 'has_grown'; load an undam"):
        state_versions.checked_state({field: value for field, value in state.items() if field != "has_grown"})


def write(folder: Path) -> None:
    """The states of this version, into the folder of golden ones."""
    for name, run in RUNS.items():
        here = folder / name
        here.mkdir()
        state = run.state(here)
        path = FOLDER / f"v{STATE_VERSION}-{name}.state"
        cr.save_state(cr.moved_folders(state, {here: PLACE}), path)
        if any(here.iterdir()):
            shutil.copytree(here, path.with_suffix(".files"))
        dealer = run.dealer(here)
        dealer.load_state_dict(state)
        path.with_suffix(".json").write_text(json.dumps(run.rest(dealer)) + "\n")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as made:
        write(Path(made))

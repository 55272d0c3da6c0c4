"""The audit of killed runs: a sound log passes, and each kind of damage to it is found."""

from __future__ import annotations

import json
import shutil

import pytest
from reliability.kill_audit import audit_of
from reliability.killer import Killer

import croupier as cr

RUN = "weighted"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A run on two ranks, never killed."""
    folder = tmp_path_factory.mktemp("audited") / "run"
    played = Killer(seed=4).play(RUN, folder, kills=0)
    assert played.fault is None
    return folder, played.lanes


def test_a_sound_log_passes(sound):
    folder, lanes = sound
    audit = audit_of(RUN, folder, lanes)
    assert audit.faults == []
    assert set(audit.checked) == {"exactly once", "exact resume", "elastic", "equal steps", "unbiased"}


def lost_batch(deals):
    del deals[5]


def repeated_batch(deals):
    deals.insert(6, deals[5])


def other_id(deals):
    deals[7]["deal"]["ids"][0] ^= 1


def other_weight(deals):
    deals[7]["deal"]["columns"][0] = "00000000"


def other_scale(deals):
    deals[7]["deal"]["scales"][0] *= 1.001


def other_anchor(deals):
    deals[7]["deal"]["start"][4] += 1


@pytest.mark.parametrize(
    ("damage", "promise"),
    [
        (lost_batch, "equal steps|exactly once"),
        (repeated_batch, "equal steps|exactly once"),
        (other_id, "elastic"),
        (other_weight, "elastic"),
        (other_scale, "unbiased"),
        (other_anchor, "equal steps|exact resume"),
    ],
)
def test_what_is_wrong_in_a_log_is_found(sound, tmp_path, damage, promise):
    folder, lanes = sound
    shutil.copytree(folder, tmp_path / "run")
    log = tmp_path / "run" / "log-0000-0.jsonl"
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    deals = [entry for entry in entries if "deal" in entry]
    others = [entry for entry in entries if "deal" not in entry]
    damage(deals)
    log.write_text("".join(json.dumps(entry) + "\n" for entry in [others[0], *deals, *others[1:]]))
    faults = audit_of(RUN, tmp_path / "run", lanes).faults
    assert any(fault.startswith(tuple(promise.split("|"))) for fault in faults), faults


def test_a_run_that_learns_otherwise_after_its_end_is_found(sound, tmp_path):
    folder, lanes = sound
    shutil.copytree(folder, tmp_path / "run")
    earlier = sorted((tmp_path / "run").glob("checkpoint-*.state"))[0]
    cr.save_state(cr.load_state(earlier)["steps"]["loader"], tmp_path / "run" / "end.state")
    assert any("epoch after the end" in fault for fault in audit_of(RUN, tmp_path / "run", lanes).faults)

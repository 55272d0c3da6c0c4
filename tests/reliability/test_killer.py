"""Twenty kills of real processes, and their logs audited: the short form of ``python -m reliability --part kills``."""

from __future__ import annotations

import pytest
from reliability.kill_audit import audit_of
from reliability.killed_runs import RUNS
from reliability.killer import Killer

CHOSEN = ("the default plan", "balanced under a cap", "learned weights", "negatives refreshed")


@pytest.fixture(scope="module")
def killer():
    return Killer(seed=2)


@pytest.mark.parametrize("run", CHOSEN)
def test_a_run_survives_kills_at_any_instant(run, killer, tmp_path):
    played = killer.play(run, tmp_path / "run", kills=5)
    assert played.fault is None, (tmp_path / "run" / "errors.txt").read_text()[-2000:]
    audit = audit_of(run, played.folder, played.lanes)
    assert audit.faults == []
    assert audit.checked["exactly once"] >= 3
    assert audit.checked["elastic"] > 900
    assert set(RUNS[run].worlds) >= set(played.worlds)

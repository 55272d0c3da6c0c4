"""Short forms of ``python -m reliability --part same``: this interpreter, two settings, one start method."""

from __future__ import annotations

import sys

from reliability.golden_deals import deals

from reliability import same


def test_every_golden_case_is_dealt_as_it_was_released():
    found = deals()
    assert found["unequal"] == []
    assert found["equal"] > 70
    other = same._dealt(sys.executable, {"CROUPIER_NUMBA": "0", "PYTHONHASHSEED": "77"})
    assert other["hash"] == found["hash"]


def test_workers_that_are_spawned_give_the_batches_of_none():
    streams = [
        same._run([sys.executable, "-m", "reliability.worker_deals", method], {}) for method in ("none", "spawn")
    ]
    assert streams[0] == streams[1]
    assert "hash" in streams[0]


def test_what_differs_is_named():
    good, bad = {"hash": "a", "equal": 3, "unequal": []}, {"hash": "b", "equal": 2, "unequal": ["packs"]}
    finding = same._finding("settings", {"one": good, "two": bad, "three": {"error": "no NumPy"}})
    assert (finding.tried, finding.held) == (3, 1)
    assert finding.faults == ("two: ['packs']", "three: no NumPy")


def test_an_interpreter_that_is_not_there_is_not_found(monkeypatch):
    monkeypatch.setenv("CROUPIER_PYTHONS", "/there/python3.97:/here/python3.98")
    assert same._found("3.98") == "/here/python3.98"
    assert same._found("3.99") is None

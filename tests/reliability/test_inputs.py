from __future__ import annotations

import numpy as np
import pytest
from reliability.call_outcomes import called, fault_of_text
from reliability.command_inputs import fault_of, ran
from reliability.inputs import calls_finding
from reliability.public_call import Call
from reliability.public_calls import NOT_CALLED, all_calls, uncovered

import croupier as cr
from croupier.errors import BadArgument, checked_int

SAMPLE = ("FixedSize", "Selection", "Table", "KnownPositives.of", "Graph.from_edges", "Dealer.position_of")


def test_every_public_callable_is_tried_or_has_a_reason():
    assert uncovered() == []
    assert all(NOT_CALLED.values())


def test_names_of_calls_are_said_once():
    twice = {"Loader.column", "Cooldown"}  # once for each of its arguments; that of shares and that of schedules
    names = [call.name for call in all_calls() if call.name not in twice]
    assert len(set(names)) == len(names)


def test_a_sample_of_calls_takes_or_refuses_whatever_it_is_given():
    calls = [call for call in all_calls() if call.name in SAMPLE]
    found = calls_finding(calls, share=0.25, pairs=5, seed=1)
    assert found.faults == ()
    assert found.figures["refused in our words"] > 0
    assert found.figures["of these compared with the plain value"] > 0


def doubled(size):
    return 2 * checked_int("size", size, at_least=1, at_most=100, fix="pass a number")


class Said(BadArgument):
    def __init__(self, text):
        super(BadArgument, self).__init__(text)


def refuse(text, size):
    if type(size) is not int:
        raise Said(f"size must {text}, got it; mend it")
    return doubled(size)


def refuse_otherwise(size):
    if type(size) is not int:
        raise Said("bad size")
    return doubled(size)


def hang():
    while True:
        pass


def die():
    import os

    os._exit(3)


PLANTED = {
    "raises what is not ours": (lambda size: np.arange(10)[size] and doubled(size), "TypeError|IndexError"),
    "takes what it should refuse": (lambda size: 2 * int(size), "Error"),
    "takes another value": (lambda size: 2 * (size if type(size) is int else 1), "taken as"),
    "prints all of an array": (lambda size: refuse("x" * 700, size), "characters"),
    "prints escapes": (lambda size: refuse("\x1b[31m", size), "control characters"),
    "says it in other words": (refuse_otherwise, "house form"),
    "hangs": (lambda size: hang() if size is None else doubled(size), "TookTooLong"),
    "takes memory": (lambda size: np.ones(10**9).size if size is None else doubled(size), "MemoryError"),
    "dies": (lambda size: die() if size is None else doubled(size), "died or hung"),
    "warns": (lambda size: np.float32(1e38) * np.float32(1e38) if size is None else doubled(size), "RuntimeWarning"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name):
    function, text = PLANTED[name]
    found = calls_finding([Call(name, function, lambda: {"size": 3})], share=1.0, pairs=0, seed=0)
    assert any(part in " ".join(found.faults) for part in text.split("|"))
    assert not found.holds


def test_a_callable_without_fault_holds():
    assert calls_finding([Call("doubled", doubled, lambda: {"size": 3})], share=1.0, pairs=0, seed=0).holds


def test_errors_of_ours_are_told_from_others():
    assert called(lambda: cr.FixedSize(0)).refusal is not None
    assert "ZeroDivisionError" in str(called(lambda: 1 // 0).fault)
    assert fault_of_text(BadArgument("size", "be small", "\x1b[31m", "mend it")) is None


def test_commands_say_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("lengths.npy", np.arange(1, 65))
    assert fault_of(ran("preview", "lengths.npy", "--max-tokens", "128"), must_fail=False) is None
    for arguments in (["preview", "no.npy", "--max-tokens", "9"], ["preview", "lengths.npy", "--max-tokens", "x"]):
        assert fault_of(ran(*arguments), must_fail=True) is None

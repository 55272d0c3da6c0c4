"""Each argument of a call replaced by each odd value, in a process of its own that may hang, grow or die."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import random
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from reliability.call_outcomes import Outcome, called
from reliability.odd_values import POOL, Odd, same_as
from reliability.public_call import Call

__all__ = ["Tally", "tally", "tried_apart"]

OUT_OF_MEMORY = re.compile("^MemoryError|can't allocate memory")
ONE_CALL_SECONDS = 30
"""After so long without a word the process is taken for dead: a loop of compiled code hears no signal."""


@dataclass
class Tally:
    """What came of the inputs of one call."""

    name: str
    tried: int = 0
    refused: int = 0
    taken: int = 0
    compared: int = 0
    faults: list[str] = field(default_factory=list)


def tally(call: Call, *, share: float = 1.0, pairs: int = 0, seed: int = 0) -> Tally:
    """Try a call with each of its arguments made odd in turn, and with random pairs of them.

    ``share`` of the pool is tried, the same part for the same seed; other forms of the valid value always.
    """
    found, chance = Tally(call.name), random.Random(f"{seed} {call.name}")
    called(lambda: call({}))  # the first may have much to import and to compile
    valid = called(lambda: call({}))
    if valid.content is None:
        found.tried, found.faults = 1, [f"{call.name}: the valid call fails: {valid.fault or valid.refusal}"]
        return found
    plain: dict[str, Outcome] = {}
    names = [name for name in call.arguments() if name not in call.kept]
    for name in names:
        for odd in same_as(call.arguments()[name]):
            _judge(found, call, {name: odd}, lambda: valid)
        for odd in POOL:
            if share >= 1 or chance.random() < share:
                _judge(found, call, {name: odd}, _plain_outcome(call, name, odd, plain))
    for _ in range(pairs if len(names) > 1 else 0):
        chosen = chance.sample(names, 2)
        _judge(found, call, {name: chance.choice(POOL) for name in chosen}, None)
    return found


def _plain_outcome(call: Call, name: str, odd: Odd, known: dict[str, Outcome]) -> Callable[[], Outcome] | None:
    if odd.plain is None or name in call.by_kind:
        return None
    value = odd.plain()

    def outcome() -> Outcome:
        key = f"{name} {value!r}"
        if key not in known:
            known[key] = called(lambda: call({name: value}))
        return known[key]

    return outcome


def _judge(found: Tally, call: Call, odd: dict[str, Odd], plain: Callable[[], Outcome] | None) -> None:
    said = f"{call.name}({', '.join(f'{name}={one.name}' for name, one in odd.items())})"
    outcome = called(lambda: call({name: one.make() for name, one in odd.items()}))
    found.tried += 1
    is_asked_for = any(one.name.startswith(("int ", "scalar ", "range far")) for one in odd.values())
    if outcome.fault is not None and is_asked_for and OUT_OF_MEMORY.search(outcome.fault):
        found.refused += 1  # a size that a larger machine could hold, refused in the system's words
    elif outcome.fault is not None:
        found.faults.append(f"{said}: {outcome.fault}")
    elif outcome.refusal is not None:
        found.refused += 1
    else:
        found.taken += 1
        if plain is not None:
            found.compared += 1
            expected = plain()
            if expected.content != outcome.content:
                wanted = expected.content or expected.fault or expected.refusal
                found.faults.append(f"{said}: taken as {_differing(outcome.content or '', wanted or '')}")


def _differing(one: str, two: str) -> str:
    at = next((place for place, pair in enumerate(zip(one, two, strict=False)) if len(set(pair)) > 1), 0)
    low = max(0, at - 20)
    return f"{one[low : at + 60]!a}, its plain value as {two[low : at + 60]!a}"


def tried_apart(calls: Sequence[Call], **how: Any) -> Iterator[Tally]:
    """The tallies of calls, from a forked process that is begun again where one of them kills it."""
    left = list(calls)
    while left:
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_in_child, args=(left, there, how), daemon=True)
        process.start()
        there.close()
        try:
            while left and here.poll(ONE_CALL_SECONDS * 4):
                yield here.recv()
                left.pop(0)
        except (EOFError, OSError):
            pass
        process.kill()
        process.join()
        if left:
            call = left.pop(0)
            yield Tally(call.name, tried=1, faults=[f"{call.name}: the process died or hung (exit {process.exitcode})"])


def _in_child(calls: Sequence[Call], to_parent: Connection, how: dict[str, Any]) -> None:
    os.environ["CROUPIER_NUMBA"] = os.environ.get("CROUPIER_NUMBA", "0")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # Deep enough that no path of the pool leads out of it.
        deep = Path(folder, *"abcdef")
        deep.mkdir(parents=True)
        os.chdir(deep)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1):
            os.dup2(nowhere, standard)
        for call in calls:
            faulthandler.dump_traceback_later(ONE_CALL_SECONDS * 4, exit=True)
            to_parent.send(tally(call, **how))
        faulthandler.cancel_dump_traceback_later()

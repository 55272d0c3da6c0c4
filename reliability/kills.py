"""Trials: trainings of real processes are killed at random instants and go on elsewhere, and their logs are audited."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from reliability.findings import Finding, say
from reliability.kill_audit import Audit, audit_of
from reliability.killed_runs import RUNS
from reliability.killer import Killer, Played

__all__ = ["findings", "kill_runs"]

KILLS, KILLS_NIGHTLY = 40, 500
KILLS_A_RUN = 10
PROMISES = ("exactly once", "exact resume", "elastic", "equal steps", "unbiased")


def findings(*, nightly: bool, seed: int) -> Iterator[Finding]:
    """One line for kills, one for each promise checked."""
    wanted = KILLS_NIGHTLY if nightly else KILLS
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield from kill_runs(wanted, seed, Path(folder))


def kill_runs(wanted: int, seed: int, folder: Path) -> Iterator[Finding]:
    """Kill runs in turn, each to its end, until so many kills were made."""
    killer = Killer(seed)
    done: list[tuple[Played, Audit]] = []
    names = list(RUNS)
    random.Random(seed).shuffle(names)
    while sum(played.kills.total() for played, _ in done) < wanted:
        name = names[len(done) % len(names)]
        played = killer.play(name, folder / str(len(done)), kills=KILLS_A_RUN)
        audit = audit_of(name, played.folder, played.lanes)
        done.append((played, audit))
        made = sum(played.kills.total() for played, _ in done)
        verdict = "holds" if not audit.faults and played.fault is None else "DOES NOT HOLD"
        say(f"  {made:4} of {wanted} kills  {name}: {played.kills.total()} kills, ranks {played.worlds}: {verdict}")
    yield _survived(done, seed)
    for promise in PROMISES:
        faults = [f"{played.run}: {fault}" for played, audit in done for fault in audit.faults if promise in fault]
        tried = sum(audit.checked[promise] for _, audit in done)
        yield Finding(f"... {promise}: checks of the logs", tried, tried - len(faults), faults=tuple(faults))


def _survived(done: list[tuple[Played, Audit]], seed: int) -> Finding:
    kills: Counter[str] = Counter()
    for played, _ in done:
        kills += played.kills
    broken = [(played, audit) for played, audit in done if audit.faults or played.fault]
    changed = [
        (before, after) for played, _ in done for before, after in zip(played.worlds, played.worlds[1:], strict=False)
    ]
    return Finding(
        "kills survived",
        kills.total(),
        kills.total() - sum(played.kills.total() for played, _ in broken),
        {
            "of": dict(sorted(kills.items())),
            "runs played to their end": len(done),
            "kinds of run": len({played.run for played, _ in done}),
            "restarts on another number of ranks": sum(before != after for before, after in changed),
            "segments in which that number changed twice or more": sum(a.segments_with_two_changes for _, a in done),
            "files left half written": sum(len(played.half_written) for played, _ in done),
            "checkpoints damaged on purpose, refused": sum(played.damaged for played, _ in done),
            "restarts from an older checkpoint": sum(played.rolled_back for played, _ in done),
            "seed": seed,
        },
        tuple(f"{played.run} in {played.folder}: {played.fault}" for played, _ in done if played.fault),
    )

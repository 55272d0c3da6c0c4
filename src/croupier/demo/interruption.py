"""Kill one rank of a running training in the middle of an epoch, and go on with another number of ranks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from croupier.demo.corpus import Corpus
from croupier.demo.rank_process import SEED, STEPS_BETWEEN_CHECKPOINTS
from croupier.recipes import length_grouped
from croupier.run.dealer import Dealer

__all__ = ["Interruption", "interrupt_and_resume"]

PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Interruption:
    """What happened: figures of the audit, made by a process of its own from the logs alone."""

    killed_after_step: int
    ranks_before: int
    ranks_after: int
    audit: dict[str, Any]


def interrupt_and_resume(
    folder: Path, corpus: Corpus, max_tokens: int, *, ranks: tuple[int, int] = (2, 3), tick: Callable[[str], None]
) -> Interruption:
    """Start ranks, kill the last one after a checkpoint, start again on another number, audit the logs."""
    folder.mkdir(parents=True, exist_ok=True)
    corpus.save(folder / "corpus.npz")
    before, after = ranks
    middle = _middle_of_epoch(corpus, max_tokens, before)
    tick(f"training on {before} ranks")
    started = _start(folder, before, 0, max_tokens)
    log = folder / f"log-0-{before - 1}.jsonl"
    step = _wait_for_step(log, middle, started)
    os.kill(started[-1].pid, signal.SIGKILL)
    tick(f"killed rank {before - 1} after step {step}; going on with {after} ranks")
    _stop(started)
    _finish(_start(folder, after, 1, max_tokens))
    tick("auditing the logs in a process of its own")
    done = subprocess.run(
        [sys.executable, "-m", "croupier.demo.audit", str(folder), str(len(corpus))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not done.stdout:
        raise RuntimeError(f"the audit did not run: {done.stderr}")
    return Interruption(step, before, after, json.loads(done.stdout))


def _middle_of_epoch(corpus: Corpus, max_tokens: int, world_size: int) -> int:
    dealer = Dealer(length_grouped(max_tokens), corpus.table(), seed=SEED, world_size=world_size)
    steps = dealer.steps_per_epoch
    if steps <= 2 * STEPS_BETWEEN_CHECKPOINTS:
        raise RuntimeError(f"an epoch of {steps} steps is too short to be interrupted in the middle; use more texts")
    return max(STEPS_BETWEEN_CHECKPOINTS + 1, steps // 2)


def _start(folder: Path, world_size: int, generation: int, max_tokens: int) -> list[subprocess.Popen[bytes]]:
    shared = [str(world_size), str(generation), str(max_tokens)]
    with (folder / "errors.txt").open("ab") as errors:
        return [
            subprocess.Popen(
                [sys.executable, "-m", "croupier.demo.rank_process", str(folder), str(rank), *shared], stderr=errors
            )
            for rank in range(world_size)
        ]


def _wait_for_step(log: Path, wanted: int, started: list[subprocess.Popen[bytes]]) -> int:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        lines = log.read_text().splitlines() if log.exists() else []
        steps = [entry["step"] for entry in map(_entry, lines) if "step" in entry]
        if steps and steps[-1] >= wanted:
            return steps[-1]
        if any(process.poll() is not None for process in started):
            break
        time.sleep(0.02)
    _stop(started)
    raise RuntimeError(f"no rank came to step {wanted}; see {log.parent / 'errors.txt'}")


def _entry(line: str) -> dict[str, Any]:
    try:
        return json.loads(line)
    except ValueError:  # the last line of a process that is writing, or was killed writing
        return {}


def _stop(started: list[subprocess.Popen[bytes]]) -> None:
    for process in started:
        process.kill()
        process.wait()


def _finish(started: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    for process in started:
        try:
            code = process.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            code = None
        if code != 0:
            _stop(started)
            raise RuntimeError(f"a rank ended with {code} after the restart; see errors.txt in the demo's folder")

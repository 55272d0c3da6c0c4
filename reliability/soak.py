"""Trials: a training on two ranks goes on for an hour; its memory, descriptors and shared memory are watched."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from reliability.findings import Finding, say

__all__ = ["Sample", "findings", "sampled"]

SECONDS, SECONDS_NIGHTLY = 60.0, 3600.0
RANKS = 2
WARM_SHARE, LAST_SHARE = 0.2, 0.2
"""Of the time: what counts as warming up, and what the end is."""
MOST_GROWTH = 0.01
SECONDS_BETWEEN_SAMPLES = 1.0


@dataclass(frozen=True)
class Sample:
    """A process at an instant: memory that is no file's, and what it holds open."""

    seconds: float
    anonymous_kb: int
    descriptors: int
    shared_maps: int


def findings(*, nightly: bool, seed: int) -> Iterator[Finding]:
    """One line for memory, one for what stays open, one for the pace."""
    del seed  # nothing here is drawn
    seconds = SECONDS_NIGHTLY if nightly else SECONDS
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        samples = _watched(Path(folder), seconds)
        progress = [_lines(Path(folder) / f"progress-{rank}.jsonl") for rank in range(RANKS)]
        yield from _judged(samples, progress, seconds)


def sampled(pid: int, begun: float) -> Sample:
    """A process, from what Linux says about it."""
    # Not what is private: that changes with every worker that is forked and shares the pages for a while.
    anonymous = re.search(r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    if anonymous is None:
        raise ProcessLookupError(pid)
    shared = Path(f"/proc/{pid}/maps").read_text().count("/dev/shm/")
    return Sample(time.monotonic() - begun, int(anonymous[1]), len(list(Path(f"/proc/{pid}/fd").iterdir())), shared)


def _watched(folder: Path, seconds: float) -> list[list[Sample]]:
    before = _shared_files()
    begun = time.monotonic()
    ranks = [
        subprocess.Popen([sys.executable, "-m", "reliability.soaked_rank", folder, str(rank), str(RANKS), str(seconds)])
        for rank in range(RANKS)
    ]
    samples: list[list[Sample]] = [[] for _ in ranks]
    said = begun
    try:
        while all(rank.poll() is None for rank in ranks):
            time.sleep(SECONDS_BETWEEN_SAMPLES)
            for rank, taken in zip(ranks, samples, strict=True):
                try:
                    taken.append(sampled(rank.pid, begun))
                except (FileNotFoundError, ProcessLookupError, PermissionError):
                    break  # it has just ended
            if time.monotonic() - said > seconds / 12 and samples[0]:
                said = time.monotonic()
                say(f"  {samples[0][-1].seconds:5.0f} s  {samples[0][-1].anonymous_kb / 1024:.1f} MB")
        codes = [rank.wait(timeout=60) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    if any(codes):
        raise RuntimeError(f"ranks ended with {codes}")
    left = _shared_files() - before
    if left:
        raise RuntimeError(f"left in shared memory: {sorted(left)}")
    return samples


def _judged(
    samples: Sequence[Sequence[Sample]], progress: list[list[dict[str, Any]]], seconds: float
) -> Iterator[Finding]:
    growths = [_growth([one.anonymous_kb for one in taken], [one.seconds for one in taken]) for taken in samples]
    figures = {
        "seconds": seconds,
        "epochs": progress[0][-1]["epoch"],
        "memory of a rank that is no file's, MB": f"{median(one.anonymous_kb for one in samples[0]) / 1024:.1f}",
        "growth from the warm state to the end": [f"{growth:+.2%}" for growth in growths],
    }
    yield Finding("ranks whose memory is flat within 1 %", RANKS, sum(abs(g) <= MOST_GROWTH for g in growths), figures)
    opened = [_growth([one.descriptors for one in taken], [one.seconds for one in taken]) for taken in samples]
    shared = [max(one.shared_maps for one in taken) for taken in samples]
    flat = sum(growth <= 0 for growth in opened)
    most = {"descriptors, most": max(one.descriptors for one in samples[0]), "shared maps, most": max(shared)}
    yield Finding("ranks whose open descriptors do not grow, nothing left in shared memory", RANKS, flat, most)
    pace = [entry["ids_a_second"] for entry in progress[0]]
    times = [entry["seconds"] for entry in progress[0]]
    drift = {
        "ids a second": round(median(pace)),
        "drift from the warm state to the end": f"{_growth(pace, times):+.1%}",
    }
    yield Finding("seconds in which ids were dealt", len(pace), sum(rate > 0 for rate in pace), drift)


def _growth(values: Sequence[float], seconds: Sequence[float]) -> float:
    """By how much the median of the last part is above that of the first part after warming up."""
    end = seconds[-1]
    warm = [v for v, s in zip(values, seconds, strict=True) if WARM_SHARE * end <= s < (WARM_SHARE + LAST_SHARE) * end]
    last = [v for v, s in zip(values, seconds, strict=True) if s >= (1 - LAST_SHARE) * end]
    return median(last) / median(warm) - 1


def _shared_files() -> set[str]:
    place = Path("/dev/shm")
    return {path.name for path in place.iterdir()} if place.exists() else set()


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]

"""What a measurement is: contenders run in turn, medians of repetitions, a stated reach that holds or does not."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

OURS = "ours"

Better = Literal["more", "less"]
"""Which way is better; None where a ratio would say nothing."""

Samples = Mapping[str, Sequence[float]]
"""What each contender measured, by its name; an empty list for a peer that is not installed."""


@dataclass(frozen=True)
class Reach:
    """The goal of one measurement, in its unit: bounds on ours, and how many times better than named peers."""

    at_least: float | None = None
    at_most: float | None = None
    times: Mapping[str, float] = field(default_factory=dict)

    def text(self, unit: str) -> str:
        parts = [f">= {self.at_least:g} {unit}".strip()] if self.at_least is not None else []
        parts += [f"<= {self.at_most:g} {unit}".strip()] if self.at_most is not None else []
        parts += [f">= {factor:g}x {peer}" for peer, factor in self.times.items()]
        return ", ".join(parts)

    def holds(self, ours: float, ratios: Mapping[str, float | None]) -> bool | None:
        """None where no goal is stated, or where the peer it names is not installed and the rest holds."""
        met: list[bool | None] = []
        met += [ours >= self.at_least] if self.at_least is not None else []
        met += [ours <= self.at_most] if self.at_most is not None else []
        for peer, factor in self.times.items():
            ratio = ratios.get(peer)
            met.append(None if ratio is None else ratio >= factor)
        if False in met:
            return False
        return True if met and None not in met else None


@dataclass(frozen=True)
class Row:
    """One measurement; `ratio` says how many times better ours is than the peer named in `against`."""

    work: str
    ours: float | None
    unit: str
    peers: dict[str, float | None]
    ratio: float | None
    against: str | None
    reach: str
    holds: bool | None
    spread: tuple[float, float] | None
    note: str
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def row(
    work: str,
    unit: str,
    samples: Samples,
    *,
    better: Better | None,
    reach: Reach | None = None,
    against: str | None = None,
    packages: Collection[str] = (),
    note: str = "",
) -> Row:
    """Medians, the ratio against one peer (default: the best), and whether the reach holds."""
    goal = reach or Reach()
    medians = {name: statistics.median(values) if values else None for name, values in samples.items()}
    ours = medians[OURS]
    peers = {name: value for name, value in medians.items() if name != OURS}
    ratios = {name: _times_better(ours, value, better) for name, value in peers.items()}
    measured = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    named = against or (min(measured, key=measured.__getitem__) if measured else None)
    missing = [name for name, value in peers.items() if value is None]
    remarks = [note] if note else []
    remarks += [f"not installed: {', '.join(missing)}"] if missing else []
    return Row(
        work=work,
        ours=ours,
        unit=unit,
        peers=peers,
        ratio=measured.get(named) if named else None,
        against=named if named in measured else None,
        reach=goal.text(unit),
        holds=None if ours is None else goal.holds(ours, ratios),
        spread=(min(samples[OURS]), max(samples[OURS])) if len(samples[OURS]) > 1 else None,
        note="; ".join(remarks),
        versions=versions_of(("croupier", "numpy", "numba", *packages)),
    )


def interleaved(
    contenders: Mapping[str, Callable[[], float]], *, repetitions: int, once: Collection[str] = ()
) -> dict[str, list[float]]:
    """Run every contender in turn, and that several times, so that a slow spell of the machine hits all alike.

    Those named in `once` take part in the first round only. A peer that cannot be imported gets an empty list.
    """
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    absent: set[str] = set()
    for repetition in range(repetitions):
        for name, contender in contenders.items():
            if name in absent or (repetition and name in once):
                continue
            try:
                samples[name].append(contender())
            except ImportError:
                absent.add(name)
    return samples


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call, with the garbage of earlier ones out of the way."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def say(text: str) -> None:
    """A line of progress, beside the results."""
    print(text, file=sys.stderr, flush=True)


def versions_of(packages: Collection[str]) -> dict[str, str]:
    """Installed versions; packages that are not installed are left out."""
    found: dict[str, str] = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _times_better(ours: float | None, peer: float | None, better: Better | None) -> float | None:
    if better is None or ours is None or peer is None:
        return None
    above, below = (ours, peer) if better == "more" else (peer, ours)
    return above / below if below else None

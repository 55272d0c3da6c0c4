"""Shares that change as the run goes on, at given numbers of samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from croupier.errors import BadArgument, checked_int, keep_plain_numbers
from croupier.order.shares import Shares, Temperature, checked_shares

__all__ = ["Anneal", "Cooldown", "ShareSchedule", "Stages"]


@runtime_checkable
class ShareSchedule(Protocol):
    """Shares over samples dealt by the mixture since the start of the run. Implementations are frozen dataclasses."""

    def stages(self) -> Sequence[tuple[int, Shares]]:
        """From which sample on which shares hold; the first from 0, strictly increasing."""
        ...


@dataclass(frozen=True, slots=True)
class Stages:
    """Given shares from given samples on.

    Parameters
    ----------
    changes : sequence of (sample, shares)
        The first at sample 0; shares as for a :class:`Mixture`.

    Examples
    --------
    >>> schedule = Stages([(0, {"web": 0.9, "code": 0.1}), (10**9, {"web": 0.5, "code": 0.5})])
    >>> [start for start, shares in schedule.stages()]
    [0, 1000000000]
    """

    changes: Sequence[tuple[int, Any]]

    def __post_init__(self) -> None:
        if not isinstance(self.changes, (list, tuple)) or not all(
            isinstance(change, (list, tuple)) and len(change) == 2 for change in self.changes
        ):
            raise BadArgument("changes", "be pairs of sample and shares", self.changes, "write [(0, Uniform()), ...]")
        changes: list[tuple[int, Shares]] = []
        for start, shares in self.changes:
            sample = checked_int("sample of a stage", start, at_least=0, fix="pass the samples dealt before it")
            if (not changes and sample) or (changes and sample <= changes[-1][0]):
                raise BadArgument(
                    "samples of the stages", "begin at 0 and increase", [int(s) for s, _ in self.changes], "sort them"
                )
            changes.append((sample, checked_shares(f"shares from sample {sample}", shares)))
        if not changes:
            raise BadArgument("stages", "be at least one", self.changes, "write Stages([(0, Uniform())])")
        object.__setattr__(self, "changes", tuple(changes))

    def stages(self) -> Sequence[tuple[int, Shares]]:
        """As given."""
        return self.changes


@dataclass(frozen=True, slots=True)
class Cooldown:
    """A high temperature first, so that small sources are learned fast, then a lower one, against overfitting them.

    Parameters
    ----------
    switch_samples : int
        Samples dealt at the high temperature; the paper switches once, at half of the run.
    high, low : float
        Temperatures; 5 and 1 in the paper.

    Source: Li et al., "Upsample or upweight? Balanced training on heavily imbalanced datasets" (NAACL 2025), section 5.

    Examples
    --------
    >>> Cooldown(switch_samples=50_000).stages()
    ((0, Temperature(temperature=5.0)), (50000, Temperature(temperature=1.0)))
    """

    switch_samples: int
    high: float = 5.0
    low: float = 1.0

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        switch_samples = checked_int(
            "switch_samples", self.switch_samples, at_least=1, fix="pass half of the run's samples, say"
        )
        object.__setattr__(self, "switch_samples", switch_samples)
        if not Temperature(self.high).temperature >= Temperature(self.low).temperature:
            raise BadArgument("high", f"be at least low={self.low}", self.high, "swap them")

    def stages(self) -> Sequence[tuple[int, Shares]]:
        """Two stages."""
        return ((0, Temperature(self.high)), (self.switch_samples, Temperature(self.low)))


@dataclass(frozen=True, slots=True)
class Anneal:
    """A temperature that goes from one value to another in equal steps.

    Parameters
    ----------
    first, last : float
        Temperatures before and after.
    start_samples, stop_samples : int
        Between which samples it moves.
    steps : int
        Values it takes on the way: each is a stage of its own, and costs 8 bytes a source.

    Examples
    --------
    >>> [(start, shares.temperature) for start, shares in Anneal(5.0, 1.0, 100, 400, steps=3).stages()]
    [(0, 5.0), (100, 4.0), (200, 3.0), (300, 2.0), (400, 1.0)]
    """

    first: float
    last: float
    start_samples: int
    stop_samples: int
    steps: int = 32

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        for temperature in (self.first, self.last):
            Temperature(temperature)  # refuses what is none
        steps = checked_int("steps", self.steps, at_least=1, at_most=10_000, fix="pass the number of values on the way")
        object.__setattr__(self, "steps", steps)
        start_samples = checked_int(
            "start_samples", self.start_samples, at_least=0, fix="pass the samples before the first change"
        )
        object.__setattr__(self, "start_samples", start_samples)
        stop_samples = checked_int(
            "stop_samples",
            self.stop_samples,
            at_least=self.start_samples + self.steps,
            fix=f"it comes after start_samples={self.start_samples}, with a sample for each step",
        )
        object.__setattr__(self, "stop_samples", stop_samples)  # fmt: skip

    def stages(self) -> Sequence[tuple[int, Shares]]:
        """One stage a step."""
        span = self.stop_samples - self.start_samples
        stages = {0: Temperature(self.first)}
        for step in range(self.steps + 1):
            share = (step + 1) / (self.steps + 1)
            start = self.start_samples + step * span // self.steps
            stages[start] = Temperature(self.first + (self.last - self.first) * share)
        return tuple(stages.items())

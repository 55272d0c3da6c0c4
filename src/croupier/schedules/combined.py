"""Schedules made of schedules: with a warm-up before, a decay after, scaled, stretched."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from croupier.errors import checked_flag, keep_plain_numbers
from croupier.schedules.arithmetic import (
    Schedule,
    arithmetic,
    check_schedule,
    checked_duration,
    checked_fraction_of_peak,
    checked_number,
    checked_peak,
    is_number,
    operand,
)
from croupier.schedules.shapes import OneMinusSqrt, Shape, check_shape

__all__ = ["Cooldown", "Scaled", "Stretched", "Warmed"]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Cooldown:
    """Decay a running schedule from a moment on: what a branch of a WSD run does.

    Parameters
    ----------
    schedule : callable
        What runs until then.
    begins, length : number
        When on its clock the decay begins, and how long it takes.
    shape : Shape
    floor : float
        Where it ends, as a fraction of the value it began with.
    keeps_falling : bool
        Whether the schedule goes on underneath and the shape multiplies it, as timm does; else its value at ``begins``
        is held, as in the Power scheduler's paper.

    Guarantees: before ``begins`` it is the schedule itself, so a checkpoint of the run is a checkpoint of every branch.

    Examples
    --------
    >>> from croupier import schedules
    >>> running = schedules.constant(warmup=100, peak=3e-4)
    >>> branch = Cooldown(running, begins=10_000, length=1_000)
    >>> f"{branch(10_000):.1e} {branch(10_250):.1e} {branch(11_000):.1e}"
    '3.0e-04 1.5e-04 0.0e+00'
    """

    schedule: Schedule
    begins: Any
    length: Any
    shape: Shape = OneMinusSqrt()  # noqa: RUF009 - a value without state
    floor: float = 0.0
    keeps_falling: bool = False

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        object.__setattr__(
            self, "keeps_falling", checked_flag("keeps_falling", self.keeps_falling, fix="pass True or False")
        )
        check_schedule("schedule", self.schedule)
        rule, fix = "be a number", "pass a moment on the clock of the schedule"
        checked_number("begins", self.begins, rule, above=-math.inf, fix=fix)
        checked_number("length", self.length, "be a number above 0", above=0, fix="pass how long it falls")
        checked_duration("length", self.length, of=self.begins, fix="pass how long it falls")
        checked_fraction_of_peak("floor", self.floor)
        check_shape(self.shape)

    def __call__(self, now: Any) -> Any:
        """The schedule, times what the decay leaves of it."""
        namespace, clock = arithmetic(now)
        begins, length = operand(namespace, self.begins), operand(namespace, self.length)
        value = self.schedule(clock if self.keeps_falling else namespace.minimum(clock, begins))
        progress = namespace.minimum(namespace.maximum(clock - begins, 0), length) / length
        left = value * (self.floor + (1.0 - self.floor) * self.shape(progress))
        return float(left) if is_number(clock) else left


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Warmed:
    """Rise linearly from 0 to where a schedule stands after ``length``, then follow it.

    Examples
    --------
    >>> from croupier import schedules
    >>> lr = Warmed(schedules.linear(100), length=50)
    >>> [lr(now) for now in (0, 25, 50, 75)]
    [0.0, 0.25, 0.5, 0.25]
    """

    schedule: Schedule
    length: Any

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        check_schedule("schedule", self.schedule)
        checked_number("length", self.length, "be a number above 0", above=0, fix="pass how long it rises")
        checked_duration("length", self.length, of=getattr(self.schedule, "length", None), fix="pass how long it rises")

    def __call__(self, now: Any) -> Any:
        """The schedule, times the share of the warm-up that has passed."""
        namespace, clock = arithmetic(now)
        length = operand(namespace, self.length)
        share = namespace.minimum(namespace.maximum(clock, 0), length) / length
        return share * self.schedule(namespace.maximum(clock, length))


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Scaled:
    """A schedule times a factor: another learning rate, the same course."""

    schedule: Schedule
    factor: float

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        check_schedule("schedule", self.schedule)
        object.__setattr__(self, "factor", checked_peak(self.factor))

    def __call__(self, now: Any) -> Any:
        """The factor times the value."""
        return self.factor * self.schedule(now)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Stretched:
    """A schedule that takes ``by`` times as long on the same clock: regime adaptation, another budget.

    'Train longer': a batch B times as large, over B times as many samples, makes as many updates; on a clock of samples
    its schedule is ``Stretched(schedule, B)``. A fraction keeps whole moments exact.

    Source: Hoffer, Hubara & Soudry, "Train longer, generalize better" (2017), section 5.

    Examples
    --------
    >>> from croupier import schedules
    >>> small = schedules.linear(1_000)
    >>> Stretched(small, 8)(4_000) == small(500)
    True
    """

    schedule: Schedule
    by: Any

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        check_schedule("schedule", self.schedule)
        checked_number("by", self.by, "be a number above 0", above=0, fix="pass large / small")

    def __call__(self, now: Any) -> Any:
        """The value of the schedule at the moment that this one stands for."""
        namespace, clock = arithmetic(now)
        return self.schedule(clock / operand(namespace, self.by))

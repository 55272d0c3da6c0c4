"""Seesaw: part of a learning rate's decay as growth of the batch, so that the same samples take fewer steps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from croupier.errors import BadArgument, checked_int, keep_plain_numbers
from croupier.schedules.arithmetic import Schedule, arithmetic, check_schedule, checked_number, is_number
from croupier.schedules.batch_size_ramp import BatchSizeRamp

__all__ = ["Seesaw", "SeesawRate", "Seesawed"]

MONOTONE_POINTS = 4096


@dataclass(frozen=True, slots=True, weakref_slot=True)
class SeesawRate:
    """A learning rate over samples: a schedule up to its peak, then stairs, then the schedule times a factor.

    ``stairs`` are pairs of samples and the rate from then on; from ``last`` on the schedule goes on, ``factor`` times.
    """

    schedule: Schedule
    warmup: int
    stairs: tuple[tuple[int, float], ...]
    last: int
    factor: float

    def __call__(self, now: Any) -> Any:
        """The rate of a step that begins after ``now`` samples."""
        namespace, samples = arithmetic(now)
        rate = self.schedule(namespace.minimum(samples, self.warmup))
        for begin, stair in self.stairs:
            rate = namespace.where(samples >= float(begin), stair, rate)
        rate = namespace.where(samples >= float(self.last), self.factor * self.schedule(samples), rate)
        return float(rate) if is_number(samples) else rate


class Seesawed(NamedTuple):
    """A learning rate over samples, and the batch size that goes with it."""

    learning_rate: Schedule
    ramp: BatchSizeRamp


@dataclass(frozen=True, slots=True)
class Seesaw:
    """Each time a schedule has fallen by ``factor``: the batch times ``factor``, and only its root off the rate.

    Parameters
    ----------
    largest : int
        No batch above it; what is left of the decay goes into the rate alone. Below the critical batch size: beyond it
        the noise that the exchange is paid with is gone.
    factor : float
        2 in the abstract's words; the nearer to 1, the closer to the schedule, and the fewer steps.
    exponent : float
        1/2 for Adam and normalised SGD; 1 for SGD, where all of the decay goes into the batch (Smith et al. 2018).
    multiple_of : int
        Batch sizes are multiples of it: ranks times micro-batch. The rate goes by the size that comes out.

    Guarantees
    ----------
    At every change, rate / size ** exponent is what the schedule and the first size have there, whatever sizes are
    rounded to. The rate never rises after the warm-up; rate and size change at the same step.

    Source: Meterez et al., "Seesaw: accelerating training by balancing learning rate and batch size scheduling" (2025),
    algorithm 1; Smith et al., "Don't decay the learning rate, increase the batch size" (2018).

    Examples
    --------
    >>> from croupier import schedules
    >>> lr = schedules.cosine(1_000_000, warmup=10_000, peak=1e-3)
    >>> plan = Seesaw(largest=1024).of(lr, 256, length=1_000_000, warmup=10_000)
    >>> plan.ramp
    BatchSizeRamp(changes=((0, 256), (505000, 512), (670000, 1024)))
    >>> [f"{plan.learning_rate(samples):.2e}" for samples in (10_000, 505_000, 670_000, 1_000_000)]
    ['1.00e-03', '7.07e-04', '5.00e-04', '0.00e+00']
    >>> plan.ramp.steps_at(1_000_000), 1_000_000 // 256
    (2617, 3906)
    """

    largest: int
    factor: float = 2.0
    exponent: float = 0.5
    multiple_of: int = 1

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        largest = checked_int("largest", self.largest, at_least=1, fix="pass a size below the critical batch size")
        object.__setattr__(self, "largest", largest)
        multiple_of = checked_int("multiple_of", self.multiple_of, at_least=1, fix="pass ranks x micro-batch")
        object.__setattr__(self, "multiple_of", multiple_of)
        checked_number("factor", self.factor, "be a number above 1", above=1 + 1e-6, up_to=1e6, fix="2 doubles")
        checked_number("exponent", self.exponent, "be in (0, 1]", above=0, up_to=1, fix="1/2 for Adam, 1 for SGD")

    def of(self, schedule: Schedule, batch_size: int, *, length: int, warmup: int = 0) -> Seesawed:
        """The rate and the ramp for a schedule over samples, of the samples after which its peak is reached.

        Raises
        ------
        BadArgument
            The schedule rises after the warm-up, or the batch size is no multiple or above the largest.
        """
        check_schedule("schedule", schedule)
        length = checked_int("length", length, at_least=2, fix="pass the samples of the run")
        warmup = checked_int("warmup", warmup, at_least=0, at_most=length - 1, fix="pass the samples before the peak")
        batch_size = checked_int(
            "batch_size", batch_size, at_least=1, at_most=self.largest, fix="it grows up to largest"
        )
        if batch_size % self.multiple_of:
            raise BadArgument("batch_size", f"be a multiple of {self.multiple_of}", batch_size, "or change multiple_of")
        seen = [float(schedule(int(at))) for at in np.linspace(warmup, length, MONOTONE_POINTS)]
        peak = seen[0]
        if peak <= 0 or any(after > before * (1 + 1e-12) for before, after in pairwise(seen)):
            raise BadArgument(
                "schedule", f"fall from a peak at warmup={warmup} on", schedule, "pass the samples of its whole warm-up"
            )
        changes, stairs = [(0, batch_size)], list[tuple[int, float]]()
        level = 1
        while (size := self._size(batch_size, level)) <= self.largest:
            level += 1
            if size <= changes[-1][1]:  # a factor near 1 may round to the size before
                continue
            begin = _first_below(schedule, peak * batch_size / size, warmup, length)
            if begin >= length:
                break
            if begin == changes[-1][0]:  # the schedule falls by more than one factor at once
                changes.pop()
                del stairs[-1:]
            changes.append((begin, size))
            stairs.append((begin, peak * (size / batch_size) ** (self.exponent - 1)))
        if not stairs:
            return Seesawed(schedule, BatchSizeRamp([(0, batch_size)]))
        factor = (changes[-1][1] / batch_size) ** self.exponent
        rate = SeesawRate(schedule, warmup, tuple(stairs[:-1]), stairs[-1][0], factor)
        return Seesawed(rate, BatchSizeRamp(changes))

    def _size(self, batch_size: int, level: int) -> int:
        return max(1, round(batch_size * self.factor**level / self.multiple_of)) * self.multiple_of


def _first_below(schedule: Schedule, value: float, low: int, high: int) -> int:
    """The first sample after ``low`` at which a falling schedule is at most this."""
    bound = value * (1 + 1e-12)
    while low < high:
        middle = (low + high) // 2
        if schedule(middle) <= bound:
            high = middle
        else:
            low = middle + 1
    return low

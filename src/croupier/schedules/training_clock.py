"""One clock for a run: samples, tokens, steps, seconds and FLOPs, any from any, under a batch size that changes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import Any, NamedTuple, cast

from croupier.errors import BadArgument, checked_kind, keep_plain_numbers
from croupier.schedules.arithmetic import Schedule, arithmetic, check_schedule, checked_number, is_number
from croupier.schedules.batch_size_ramp import BatchSizeRamp

__all__ = ["Clock", "Moment", "OnClock", "TrainingClock", "check_clock"]


class Clock(Enum):
    """What a run is measured in."""

    SAMPLES = 0
    TOKENS = 1
    STEPS = 2
    SECONDS = 3
    FLOPS = 4


class Moment(NamedTuple):
    """One moment of a run on every clock; None on those whose rate is not known.

    Whole numbers where they come out whole, fractions where they do not, floats where a float went in.
    """

    samples: Any
    tokens: Any
    steps: Any
    seconds: Any
    flops: Any


@dataclass(frozen=True, slots=True)
class TrainingClock:
    """How the clocks of a run go together.

    Parameters
    ----------
    ramp : BatchSizeRamp or int
        Samples of a step over all ranks.
    tokens_per_sample : number, optional
        The length of a sequence, or the mean of lengths.
    flops_per_token : number, optional
        About 6 times the parameters of a transformer, forward and backward.
    seconds_per_step : number, mapping of size to number, or pairs of them, optional
        How long a step takes: any, or one of each size of the ramp.

    Guarantees
    ----------
    All conversions are inverse to each other, and exact where rates are whole numbers or fractions. Each is a line in
    every stretch of one batch size, the last of them without an end; a step under way counts as the part that is done.

    Raises
    ------
    BadArgument
        A rate that is not above 0, or a size of the ramp without a time.

    Examples
    --------
    >>> clock = TrainingClock(BatchSizeRamp([(0, 256), (1_024, 512)]), tokens_per_sample=2048)
    >>> clock.at(tokens=10**9)
    Moment(samples=Fraction(1953125, 4), tokens=1000000000, steps=Fraction(1957221, 2048), seconds=None, flops=None)
    >>> clock.at(steps=1_000).tokens
    1046478848
    """

    ramp: BatchSizeRamp | int
    tokens_per_sample: Any = None
    flops_per_token: Any = None
    seconds_per_step: Any = None
    _stretches: tuple[tuple[Moment, Moment], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        ramp = self.ramp if isinstance(self.ramp, BatchSizeRamp) else BatchSizeRamp([(0, self.ramp)])
        object.__setattr__(self, "ramp", ramp)
        if isinstance(self.seconds_per_step, Mapping):
            times = cast("Mapping[int, Any]", self.seconds_per_step)
            object.__setattr__(self, "seconds_per_step", tuple(sorted(times.items())))
        tokens = _rate("tokens_per_sample", self.tokens_per_sample)
        flops = _rate("flops_per_token", self.flops_per_token)
        if flops is not None and tokens is None:
            raise BadArgument(
                "tokens_per_sample", "be given with flops_per_token", None, "pass the length of a sequence"
            )
        # Of each stretch the moment it begins at, and what a sample adds to every clock.
        begin = Moment(0, 0, 0, 0, 0)
        stretches: list[tuple[Moment, Moment]] = []
        for before, after in zip(ramp.stretches, (*ramp.stretches[1:], None), strict=True):
            seconds = _rate("seconds_per_step", self._seconds_of(before.size))
            per_sample = Moment(
                1, tokens, Fraction(1, before.size),
                None if seconds is None else seconds / before.size,
                None if flops is None or tokens is None else flops * tokens,
            )  # fmt: skip
            begin = Moment(*(None if rate is None else at for at, rate in zip(begin, per_sample, strict=True)))
            stretches.append((begin, per_sample))
            if after is not None:
                begin = _further(begin, per_sample, after.samples - before.samples)
        object.__setattr__(self, "_stretches", tuple(stretches))

    def at(
        self, *, samples: Any = None, tokens: Any = None, steps: Any = None, seconds: Any = None, flops: Any = None
    ) -> Moment:
        """The moment at which one clock, and one only, shows this."""
        given = [(clock, value) for clock, value in zip(Clock, (samples, tokens, steps, seconds, flops), strict=True)
                 if value is not None]  # fmt: skip
        if len(given) != 1:
            names = ", ".join(clock.name.lower() for clock, _ in given) or "no clock"
            raise BadArgument("at", "be given one clock", names, "write clock.at(tokens=10**9)")
        clock, value = given[0]
        name = clock.name.lower()
        number = checked_number(name, value, "be a number of at least 0", above=-1e-300, fix="count on")
        begin, per_sample = self._stretch(clock, number)
        elapsed = (_exact(number) - begin[clock.value]) / per_sample[clock.value]
        moment = _further(begin, per_sample, elapsed)
        return Moment(*(None if value is None else _plain(value) for value in moment))

    def convert(self, now: Any, given: Clock, wanted: Clock) -> Any:
        """What one clock shows when another shows ``now``: of a number exactly, of an array as floats."""
        for argument, clock in (("given", given), ("wanted", wanted)):
            checked_kind(argument, clock, Clock, fix="pass Clock.TOKENS, say")
        if given is wanted:
            return now
        if is_number(now):
            return self.at(**{given.name.lower(): now})[self._known(wanted)]
        namespace, numbers = arithmetic(now)
        here, there = self._known(given), self._known(wanted)
        rows = [
            (begin[here], begin[there], per_sample[there] / per_sample[here]) for begin, per_sample in self._stretches
        ]
        begins, others, slopes = namespace.asarray([[float(number) for number in row] for row in rows]).T
        at = namespace.maximum(namespace.searchsorted(begins, numbers, side="right") - 1, 0)
        return others[at] + (numbers - begins[at]) * slopes[at]

    def _stretch(self, clock: Clock, value: Any) -> tuple[Moment, Moment]:
        place = self._known(clock)
        at = bisect_right(self._stretches, value, key=lambda each: each[0][place])
        return self._stretches[max(at, 1) - 1]

    def _known(self, clock: Clock) -> int:
        if self._stretches[0][0][clock.value] is None:
            rate = {Clock.TOKENS: "tokens_per_sample", Clock.SECONDS: "seconds_per_step"}.get(clock, "flops_per_token")
            raise BadArgument(
                rate, f"be known to read {clock.name.lower()}", None, f"write TrainingClock(..., {rate}=)"
            )
        return clock.value

    def _seconds_of(self, size: int) -> Any:
        given = self.seconds_per_step
        if not isinstance(given, tuple):
            return given
        times = dict(cast("tuple[tuple[int, Any], ...]", given))
        if size not in times:
            fix = "time a step of each"
            raise BadArgument("seconds_per_step", f"have the size {size} of the ramp", sorted(times), fix)
        return times[size]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class OnClock:
    """A schedule of one clock, called with another: what moves durations given in tokens to steps.

    Parameters
    ----------
    schedule : callable
    clock : TrainingClock
    reads : Clock
        What the schedule's own durations are in.
    given : Clock
        What it is called with.

    Examples
    --------
    >>> from croupier import schedules
    >>> in_tokens = schedules.linear(10**9, warmup=10**8)
    >>> clock = TrainingClock(256, tokens_per_sample=2048)
    >>> in_steps = OnClock(in_tokens, clock, reads=Clock.TOKENS, given=Clock.STEPS)
    >>> in_steps(1_000) == in_tokens(1_000 * 256 * 2048)
    True
    """

    schedule: Schedule
    clock: TrainingClock
    reads: Clock
    given: Clock

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        check_schedule("schedule", self.schedule)
        if not isinstance(self.clock, TrainingClock):
            raise BadArgument("clock", "be a TrainingClock", self.clock, "write TrainingClock(256, ...)")
        for argument, clock in (("reads", self.reads), ("given", self.given)):
            check_clock(argument, clock)
            self.clock.at(**{clock.name.lower(): 0})  # refuses a clock without a rate

    def __call__(self, now: Any) -> Any:
        """The schedule at the moment that the given clock shows."""
        return self.schedule(self.clock.convert(now, self.given, self.reads))


def check_clock(argument: str, clock: object) -> None:
    """Refuse what is no clock, its name too."""
    if not isinstance(clock, Clock):
        raise BadArgument(argument, "be a Clock", clock, "write schedules.Clock.SAMPLES, say")


def _further(begin: Moment, per_sample: Moment, samples: Any) -> Moment:
    pairs = zip(begin, per_sample, strict=True)
    return Moment(*(None if at is None else at + samples * rate for at, rate in pairs))


def _rate(argument: str, rate: Any) -> Any:
    if rate is None:
        return None
    return _exact(checked_number(argument, rate, "be a number above 0", above=0, fix="leave it out"))


def _exact(number: Any) -> Any:
    return number if isinstance(number, float) else Fraction(number)


def _plain(number: Any) -> Any:
    return number.numerator if isinstance(number, Fraction) and number.denominator == 1 else number

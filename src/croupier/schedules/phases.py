"""Phases of a schedule, and phases one after another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, cast, runtime_checkable

from croupier.errors import BadArgument, keep_plain_numbers
from croupier.schedules.arithmetic import (
    arithmetic,
    checked_fraction_of_peak,
    checked_number,
    checked_peak,
    is_number,
    operand,
)
from croupier.schedules.shapes import Linear, Shape, check_shape

__all__ = ["Decay", "HalfLife", "Hold", "InverseRoot", "Phase", "Phases", "Warmup"]

LINE = Linear()


@runtime_checkable
class Phase(Protocol):
    """A stretch of a schedule: a factor over the time since it began; after its end it holds the last one."""

    @property
    def length(self) -> Any:
        """How long, in the clock of the schedule; ``math.inf`` for the last one."""
        ...

    def __call__(self, since: Any, /) -> Any:
        """The factor of the peak, so long after the phase began."""
        ...


@dataclass(frozen=True, slots=True)
class Warmup:
    """Rise to the peak from a fraction of it, ``start``, along a shape turned upside down."""

    length: Any
    start: float = 0.0
    shape: Shape = LINE

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        _check_length(self.length)
        checked_fraction_of_peak("start", self.start)
        check_shape(self.shape)

    def __call__(self, since: Any) -> Any:
        """1 - (1 - start) shape(progress)."""
        return 1.0 - (1.0 - self.start) * self.shape(_progress(since, self.length))


@dataclass(frozen=True, slots=True)
class Hold:
    """Stay at a fraction of the peak, for ever if no length is given."""

    length: Any = math.inf
    level: float = 1.0

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        _check_length(self.length)
        checked_fraction_of_peak("level", self.level)

    def __call__(self, since: Any) -> Any:
        """The level."""
        return 0.0 * _since(since, self.length)[1] + self.level


@dataclass(frozen=True, slots=True)
class Decay:
    """Fall from the peak to a fraction of it, ``floor``, along a shape."""

    length: Any
    shape: Shape = LINE
    floor: float = 0.0

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        _check_length(self.length)
        checked_fraction_of_peak("floor", self.floor)
        check_shape(self.shape)

    def __call__(self, since: Any) -> Any:
        """Floor + (1 - floor) shape(progress)."""
        return self.floor + (1.0 - self.floor) * self.shape(_progress(since, self.length))


@dataclass(frozen=True, slots=True)
class InverseRoot:
    """Fall as (1 + t / timescale) ** -power, without an end; the inverse square root where ``power`` is 1/2.

    With a timescale as long as the warm-up before it, that is sqrt(warmup / now): the schedule of the Transformer.
    """

    timescale: Any
    power: float = 0.5
    length: Any = math.inf

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        _check_length(self.length)
        checked_number("timescale", self.timescale, "be a number above 0", above=0, up_to=math.inf, fix="the warm-up's")
        checked_number("power", self.power, "be a number above 0", above=0, up_to=1e3, fix="1/2 is the inverse root")

    def __call__(self, since: Any) -> Any:
        """(1 + t / timescale) ** -power."""
        namespace, since = _since(since, self.length)
        return (1.0 + since / operand(namespace, self.timescale)) ** -self.power


@dataclass(frozen=True, slots=True)
class HalfLife:
    """Fall to half with every ``half_life``, not below a fraction of the peak, ``floor``; without an end."""

    half_life: Any
    floor: float = 0.0
    length: Any = math.inf

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        _check_length(self.length)
        checked_number("half_life", self.half_life, "be a number above 0", above=0, up_to=math.inf, fix="pass a length")
        checked_fraction_of_peak("floor", self.floor)

    def __call__(self, since: Any) -> Any:
        """0.5 ** (t / half_life), at least the floor."""
        namespace, since = _since(since, self.length)
        return namespace.maximum(0.5 ** (since / operand(namespace, self.half_life)), self.floor)


@dataclass(frozen=True, slots=True, weakref_slot=True)  # jax.jit asks for weak references
class Phases:
    """Phases one after another: a schedule, and what the named ones return.

    Parameters
    ----------
    phases : sequence of phases
        :class:`Warmup`, :class:`Hold`, :class:`Decay`, :class:`InverseRoot`, :class:`HalfLife`, or anything with a
        ``length`` that is callable on the time since it began; only the last may be without an end. Lengths are of any
        one clock: samples, tokens, steps, seconds.
    peak : float
        What the phases' factors are of: a learning rate, or 1 where an optimizer holds it (``LambdaLR``).
    start : number
        Where on the clock the first phase begins.

    Guarantees
    ----------
    Before the start it is what the first phase begins with, after the end what the last one ends with: it does not rise
    again. A moment where two phases meet belongs to the later one. Of Python numbers exact in float64, whole numbers of
    any size; of NumPy and JAX arrays, traced ones too, an array.

    Raises
    ------
    BadArgument
        No phases, one that is not callable or has no length, or one after a phase without an end.

    Examples
    --------
    >>> lr = Phases([Warmup(10), Hold(20), Decay(10)], peak=3e-4)
    >>> [f"{lr(now):.2e}" for now in (0, 5, 10, 30, 35, 40, 99)]
    ['0.00e+00', '1.50e-04', '3.00e-04', '3.00e-04', '1.50e-04', '0.00e+00', '0.00e+00']
    """

    phases: Sequence[Phase]
    peak: float = 1.0
    start: Any = 0

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        phases = cast("object", self.phases)
        if not isinstance(phases, (list, tuple)) or not all(map(_is_phase, self.phases)):
            raise BadArgument("phases", "be phases with a length", self.phases, "write [Warmup(1000), Decay(9000)]")
        rule, fix = "be a number", "pass where on the clock it begins"
        checked_number("start", self.start, rule, above=-math.inf, fix=fix)
        if not self.phases:
            raise BadArgument("phases", "be at least one", self.phases, "write [Hold()] for a constant")
        for before, after in pairwise(self.phases):
            if before.length == math.inf:
                raise BadArgument("length", "be finite but for the last phase's", before, f"{after} would never begin")
        object.__setattr__(self, "phases", tuple(self.phases))
        object.__setattr__(self, "peak", checked_peak(self.peak))

    @property
    def length(self) -> Any:
        """How long it is: the lengths of its phases together."""
        return sum(phase.length for phase in self.phases)

    def __call__(self, now: Any) -> Any:
        """The value: the peak times the factor of the phase that the clock stands in."""
        namespace, clock = arithmetic(now)
        since, end = clock - operand(namespace, self.start), 0
        # Never a time before a phase begins: of an array's moments each phase is asked for all.
        factor = self.phases[0](namespace.maximum(since, 0))
        for before, phase in pairwise(self.phases):
            end = end + before.length
            begin = operand(namespace, end)
            factor = namespace.where(since >= begin, phase(namespace.maximum(since - begin, 0)), factor)
        return float(self.peak * factor) if is_number(clock) else self.peak * factor


def _is_phase(phase: object) -> bool:
    # A class has what its instances have, and so would pass for one.
    return isinstance(phase, Phase) and not isinstance(phase, type)


def _check_length(length: Any) -> None:
    rule = "be a number above 0"
    checked_number("length", length, rule, above=0, up_to=math.inf, fix="pass how long the phase is on your clock")


def _since(since: Any, length: Any) -> tuple[Any, Any]:
    namespace, since = arithmetic(since)
    return namespace, namespace.minimum(namespace.maximum(since, 0), operand(namespace, length))


def _progress(since: Any, length: Any) -> Any:
    namespace, since = _since(since, length)
    return since / operand(namespace, length)

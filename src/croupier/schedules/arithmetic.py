"""What schedules calculate with: Python numbers exactly, NumPy arrays, and JAX arrays under a trace."""

from __future__ import annotations

import math
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from croupier.errors import LEAST_SIZE, MOST_SIZE, BadArgument, check_function, plain_scalar, with_sizes

__all__ = [
    "NUMBERS",
    "Schedule",
    "above_zero",
    "arithmetic",
    "array_or_none",
    "check_schedule",
    "checked_duration",
    "checked_fraction_of_peak",
    "checked_number",
    "checked_peak",
    "is_number",
    "operand",
]


class Schedule(Protocol):
    """A value over a clock: ``schedule(now)``. Pure, so a resumed run goes on as it would have."""

    def __call__(self, now: Any, /) -> Any:
        """The value at one moment, or of an array of moments: a float of a number, an array of an array."""
        ...


def _where(condition: Any, chosen: Any, other: Any) -> Any:
    return chosen if condition else other


NUMBERS = SimpleNamespace(minimum=min, maximum=max, where=_where, cos=math.cos)
"""For Python numbers what an array namespace has; whole numbers stay whole, so clocks beyond 2**53 are exact."""


def is_number(now: object) -> bool:
    """Whether it is one number rather than an array: of Python, a fraction, or of NumPy with no axis."""
    if isinstance(now, np.ndarray):
        return now.ndim == 0 and now.dtype.kind in "biuf"
    return isinstance(now, (int, float, Fraction, np.integer, np.floating, np.bool_))


def arithmetic(now: Any) -> tuple[Any, Any]:
    """The namespace a clock is calculated in, and the clock, arrays of it as floats.

    Examples
    --------
    >>> namespace, now = arithmetic(2**62 + 1)
    >>> namespace.minimum(now, 2**63) - 2**62
    1
    >>> namespace, now = arithmetic(np.array([1, 2]))
    >>> namespace is np, now.dtype
    (True, dtype('float64'))
    """
    rule, fix = "be a number, or an array of them", "a cursor has several: pass cursor.samples"
    if is_number(now):
        number: Any = now.item() if hasattr(now, "item") else now
        if MOST_SIZE < abs(number) < math.inf:
            raise BadArgument("now", rule, number, fix)
        return NUMBERS, number
    if hasattr(now, "__array_namespace__") and (namespace := now.__array_namespace__()) is not np:
        return namespace, now * 1.0  # times a float, for JAX has 32 bits for an int
    numbers = array_or_none(now)
    if numbers.dtype.kind not in "biuf":
        raise BadArgument("now", rule, type(now).__name__, fix)
    return np, numbers.astype(np.float64)


def array_or_none(values: Any) -> npt.NDArray[Any]:
    """The values as an array; one of no objects where NumPy knows none, for callers that look at the kind anyway."""
    try:
        return np.zeros(0, object) if hasattr(values, "mask") else np.asarray(values)
    except (TypeError, ValueError, RuntimeError, MemoryError, OverflowError):
        return np.zeros(0, object)


def above_zero(argument: str, values: Any, *, fix: str = "pass a number, or an array of them") -> Any:
    """A number above 0, or an array of such as floats; or refuse it by name."""
    try:
        namespace, numbers = arithmetic(values)
    except BadArgument:
        raise BadArgument(argument, "be above 0", values, fix) from None
    is_above = numbers >= LEAST_SIZE if namespace is NUMBERS else bool(namespace.all(numbers >= LEAST_SIZE))
    if isinstance(numbers, bool) or not is_above:
        raise BadArgument(argument, with_sizes("be above 0", numbers), values, fix)
    return numbers


def operand(namespace: Any, number: Any) -> Any:
    """A parameter to calculate with: with arrays a float, for they know no fractions, and JAX no int beyond 32 bits."""
    return number if namespace is NUMBERS else float(number)


def checked_number(argument: str, value: Any, rule: str, *, above: float, up_to: float = MOST_SIZE, fix: str) -> Any:
    """Return a number with ``above < value <= up_to``, or refuse it by name; NaN is refused too.

    Where 0 is refused, so is what is as good as 0; a finite number has a size that can be calculated with.
    """
    number = plain_scalar(value)
    is_real = isinstance(number, (int, float, Fraction)) and not isinstance(number, bool)
    is_within = is_real and above < number <= up_to and (number <= MOST_SIZE or number == math.inf)
    if not is_within or (above == 0 and number < LEAST_SIZE):
        raise BadArgument(argument, with_sizes(rule, number), value, fix)
    return number


def checked_duration(argument: str, value: Any, *, of: Any = None, fix: str) -> Any:
    """Return how long a part of a schedule is, 0 or more, or refuse it; a part of 1 is a share, taken for a length.

    ``of`` is the length of the whole: where that is at most 1 itself, the clock counts in parts.
    """
    rule = "be a number of at least 0"
    number = checked_number(argument, value, rule, above=-math.ulp(0.0), up_to=math.inf, fix=fix)
    if 0 < number < 1 and (of is None or of > 1):
        share = f"round({value} * {'length' if of in (None, math.inf) else of})"
        raise BadArgument(argument, "be a length on the clock, not a share of it", value, f"pass {share}")
    return number


def check_schedule(argument: str, value: object) -> None:
    """Refuse what is no schedule."""
    check_function(argument, value, "be a schedule, called with the clock", fix="write schedules.cosine(10_000), say")


def checked_peak(peak: Any) -> float:
    """A finite peak above 0 as a float, or refuse it."""
    peak = checked_number("peak", peak, "be a finite number above 0", above=0, fix="pass 1 for a factor")
    return float(peak)


def checked_fraction_of_peak(argument: str, value: Any) -> float:
    """A number from 0 to 1, or refuse it."""
    fix = "it is a fraction of the peak, not a learning rate"
    return checked_number(argument, value, "be a number from 0 to 1", above=-math.ulp(0.0), up_to=1, fix=fix)

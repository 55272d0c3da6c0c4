"""What schedules calculate with: Python numbers exactly, NumPy arrays, and JAX arrays under a trace."""

from __future__ import annotations

import math
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np

from croupier.errors import BadArgument

__all__ = [
    "NUMBERS",
    "Schedule",
    "arithmetic",
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
    """Whether it is one number rather than an array: of Python, a fraction, or a NumPy scalar."""
    return isinstance(now, (int, float, Fraction, np.generic))


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
    if is_number(now):
        number: Any = now.item() if hasattr(now, "item") else now
        return NUMBERS, number
    if hasattr(now, "__array_namespace__"):
        return now.__array_namespace__(), now * 1.0  # times a float, for JAX has 32 bits for an int
    return np, np.asarray(now) * 1.0


def operand(namespace: Any, number: Any) -> Any:
    """A parameter to calculate with: with arrays a float, for they know no fractions, and JAX no int beyond 32 bits."""
    return number if namespace is NUMBERS else float(number)


def checked_number(argument: str, value: Any, rule: str, *, above: float, up_to: float, fix: str) -> Any:
    """Return a number with ``above < value <= up_to``, or refuse it by name; NaN is refused too."""
    number: Any = value.item() if hasattr(value, "item") else value  # NumPy scalars are numbers too
    is_real = isinstance(number, (int, float, Fraction)) and not isinstance(number, bool)
    if not is_real or not above < number <= up_to:
        raise BadArgument(argument, rule, value, fix)
    return number


def checked_peak(peak: Any) -> float:
    """A finite peak above 0 as a float, or refuse it."""
    checked_number("peak", peak, "be a finite number above 0", above=0, up_to=1e300, fix="pass 1 for a factor")
    return float(peak)


def checked_fraction_of_peak(argument: str, value: Any) -> float:
    """A number from 0 to 1, or refuse it."""
    fix = "it is a fraction of the peak, not a learning rate"
    return checked_number(argument, value, "be a number from 0 to 1", above=-math.ulp(0.0), up_to=1, fix=fix)

"""A schedule read off a table of values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from croupier.errors import BadArgument, keep_plain_numbers
from croupier.schedules.arithmetic import arithmetic, array_or_none, checked_number, checked_peak, is_number, operand

__all__ = ["Tabulated"]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Tabulated:
    """Values at equal distances over a length, straight lines between them; another length is another budget.

    Parameters
    ----------
    values : sequence of float, at least two
        Factors of the peak, finite and not negative: the first at 0, the last at ``length`` and after it.
    length : number
        On any clock.
    peak : float

    Examples
    --------
    >>> short, long = Tabulated([0, 1, 0.5], length=10), Tabulated([0, 1, 0.5], length=1000, peak=3e-4)
    >>> short(2.5), short(5), short(99), long(750)
    (0.5, 1.0, 0.5, 0.000225)
    """

    values: Sequence[float] = field(repr=False)
    length: Any
    peak: float = 1.0

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        values = array_or_none(self.values)
        is_real = values.ndim == 1 and values.size > 1 and values.dtype.kind in "iuf"
        if not is_real or not np.all(np.isfinite(values)) or values.min() < 0:
            raise BadArgument("values", "be two or more finite numbers, none below 0", self.values, "pass factors")
        object.__setattr__(self, "values", tuple(map(float, values)))
        checked_number("length", self.length, "be a number above 0", above=0, fix="pass how long it takes")
        object.__setattr__(self, "peak", checked_peak(self.peak))

    def __call__(self, now: Any) -> Any:
        """The peak times what the table says, between its values."""
        namespace, clock = arithmetic(now)
        length, last = operand(namespace, self.length), len(self.values) - 1
        place = namespace.minimum(namespace.maximum(clock, 0), length) / length * last
        if is_number(clock):
            if math.isnan(place):
                return math.nan
            left = min(int(place), last - 1)
            factor = self.values[left] + (place - left) * (self.values[left + 1] - self.values[left])
            return float(self.peak * factor)
        values = namespace.asarray(self.values)
        # Not a number has no place, and comes out as it is.
        left = namespace.minimum(namespace.where(place == place, place, 0.0).astype(int), last - 1)  # noqa: PLR0124
        return self.peak * (values[left] + (place - left) * (values[left + 1] - values[left]))

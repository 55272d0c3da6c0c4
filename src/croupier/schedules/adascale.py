"""AdaScale: a gain of the learning rate from the gradient's noise, and a schedule that runs in gained steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

from croupier.errors import keep_plain_numbers
from croupier.schedules.arithmetic import Schedule, check_schedule, checked_number

__all__ = ["AdaScale"]


@dataclass(frozen=True, slots=True)
class AdaScale:
    """Where an AdaScale run stands: a value, so a checkpoint of it is its three numbers.

    Parameters
    ----------
    scale : number
        How many times as large the batch is as the one that the schedule was tuned at.
    progress : float
        Steps of the small batch that the steps so far are worth; the schedule is read there.
    gain : float
        How many the last one was worth, from 1 to ``scale``; the learning rate is this times the schedule.

    The scale may change between steps: ``dataclasses.replace(state, scale=...)``. Smooth the two estimates, and not the
    gain.

    Source: Johnson et al., "AdaScale SGD: a user-friendly algorithm for distributed training" (2020), section 3.

    Examples
    --------
    >>> from croupier import schedules
    >>> state, lr = AdaScale(scale=8), schedules.linear(1000, peak=0.1)
    >>> state = state.after(variance=3.0, squared_norm=1.0)
    >>> round(state.gain, 3), round(state.progress, 3), round(state.learning_rate(lr), 4)
    (2.909, 2.909, 0.2909)
    """

    scale: float
    progress: float = 0.0
    gain: float = 1.0

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        checked_number(
            "scale", self.scale, "be a number of at least 1", above=1 - 1e-12, up_to=math.inf, fix="1 is one"
        )
        fix = "begin with 0 and 1, and go on with what after() returned"
        for argument, least, above in (("progress", 0, -math.ulp(0.0)), ("gain", 1, 1 - 1e-9)):
            rule = f"be a number of at least {least}"
            checked_number(argument, getattr(self, argument), rule, above=above, fix=fix)

    def after(self, *, variance: float, squared_norm: float) -> Self:
        """One step on.

        ``variance`` is that of the gradient of the small batch (trace of its covariance), ``squared_norm`` that of the
        true gradient, both at least 0 and one of them above.
        """
        fix = "pass the unbiased estimates, smoothed and cut at 0"
        rule, above = "be a number of at least 0", -math.ulp(0.0)
        variance = checked_number("variance", variance, rule, above=above, fix=fix)
        squared_norm = checked_number("squared_norm", squared_norm, rule, above=above, fix=fix)
        total = variance + squared_norm
        checked_number("variance + squared_norm", total, "be above 0", above=0, fix=fix)
        large = variance / self.scale + squared_norm
        checked_number("variance / scale + squared_norm", large, "be above 0", above=0, fix=fix)
        gain = float(total / large)
        return type(self)(self.scale, self.progress + gain, gain)

    def learning_rate(self, schedule: Schedule) -> Any:
        """The rate of the step under way: the gain times the small batch's schedule, a clock of its steps."""
        check_schedule("schedule", schedule)
        return self.gain * schedule(max(0.0, self.progress - self.gain))

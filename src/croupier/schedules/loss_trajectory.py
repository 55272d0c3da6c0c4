"""The loss a run will show, at any batch size, from constants fitted to small runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from croupier.errors import MOST_SIZE, BadArgument, keep_plain_numbers
from croupier.schedules.arithmetic import above_zero, checked_number
from croupier.schedules.critical_batch_size import CriticalBatchLaw, least_squares_exponent

__all__ = ["LossTrajectory"]

LEAST_POINTS = 8
HALVINGS = 200


@dataclass(frozen=True, slots=True)
class LossTrajectory:
    """The loss after some steps of size B: limit + (scale / S) ** alpha, S = steps / (1 + B_crit(loss) / B).

    Parameters
    ----------
    limit : float
        The loss of a model of this size trained for ever: (N_c / N) ** alpha_N of its parameters N, or a fit's.
    scale, alpha : float
        S_c and alpha_S: how the rest falls with the least steps.
    law : CriticalBatchLaw
        The critical batch size at a loss, in the unit that batch sizes are in.

    The loss is on both sides, for the critical batch size grows as it falls; the right side falls in the loss, so there
    is one answer, found by halving. It is for learning rates that stay at their best, after the warm-up and before a
    decay: a cool-down goes below it.

    Source: Kaplan et al., "Scaling laws for neural language models" (2020), equations 1.4 and 1.6 with section 5;
    Su et al., "Unraveling the mystery of scaling laws" (2024) fit and check them to 33B parameters. Of the latter only
    the abstract was at hand: what it says to fit, and in which order, is here; its constants are not.

    Examples
    --------
    >>> trajectory = LossTrajectory(2.0, scale=2100, alpha=0.76, law=CriticalBatchLaw(2e8, 0.21))
    >>> trajectory.loss(np.array([1_000, 10_000, 100_000]), batch_size=500_000).round(3).tolist()
    [4.268, 2.839, 2.28]
    >>> round(trajectory.steps(2.5, batch_size=500_000))
    31861
    """

    limit: float
    scale: float
    alpha: float
    law: CriticalBatchLaw

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        for argument in ("limit", "scale", "alpha"):
            value = getattr(self, argument)
            up_to = 100 if argument == "alpha" else MOST_SIZE
            checked_number(argument, value, "be a number above 0", above=0, up_to=up_to, fix="fit it: .fit(...)")
        _check_law(self.law)

    def loss(self, steps: npt.ArrayLike, batch_size: Any) -> npt.NDArray[np.float64]:
        """The loss after so many steps, float64 of their shape."""
        fix = "the loss before the first is unknown"
        pair = above_zero("steps", steps, fix=fix), above_zero("batch_size", batch_size, fix="pass a batch size")
        try:
            done, size = np.broadcast_arrays(*(np.asarray(each, float) for each in pair))
        except ValueError:
            raise BadArgument("batch_size", "be one number, or one for each of steps", batch_size, fix) from None
        low = np.full(done.shape, float(self.limit))
        high = low + 1.0
        while np.any(short := self._right_side(high, done, size) > high):
            high = np.where(short, 2 * high, high)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            above = self._right_side(middle, done, size) > middle
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        return (low + high) / 2

    def steps(self, loss: Any, batch_size: Any) -> Any:
        """How many steps to a loss above the limit."""
        loss = above_zero("loss", loss)
        batch_size = above_zero("batch_size", batch_size, fix="pass a batch size")
        if not np.all(np.asarray(loss) > self.limit):
            raise BadArgument("loss", f"be above the limit {self.limit}", loss, "a larger model has a lower limit")
        try:
            return self.scale * (loss - self.limit) ** (-1.0 / self.alpha) * (1.0 + self.law(loss) / batch_size)
        except ValueError:
            raise BadArgument("batch_size", "be one number, or one for each loss", batch_size, "pair them") from None

    def _right_side(self, loss: Any, steps: Any, batch_size: Any) -> Any:
        least = steps / (1.0 + self.law(loss) / batch_size)
        return self.limit + (self.scale / least) ** self.alpha

    @classmethod
    def fit(cls, steps: npt.ArrayLike, losses: npt.ArrayLike, *, batch_size: float, law: CriticalBatchLaw) -> Self:
        """From one small run's losses, smoothed and after the warm-up, with the law fitted before.

        For every limit the other two constants are a line through logarithms; the limit that leaves least is taken.
        Raises BadArgument where the losses do not fall to a limit above 0.
        """
        _check_law(law)
        batch_size = float(checked_number("batch_size", batch_size, "be above 0", above=0, fix="pass the run's"))
        done = np.asarray(above_zero("steps", steps, fix="log them from 1"), float)
        seen = np.asarray(above_zero("losses", losses, fix="log cross-entropies"), float)
        if done.shape != seen.shape or done.ndim != 1 or done.size < LEAST_POINTS:
            raise BadArgument(
                "losses", f"be {LEAST_POINTS} or more above 0, one for each of steps", losses, "log more of them"
            )
        least = done / (1.0 + law(seen) / batch_size)

        def left(limit: float) -> tuple[float, float, float]:
            slope, constant = least_squares_exponent(least, seen - limit)
            rest = np.log(seen - limit) - np.log(constant) - slope * np.log(least)
            return float((rest**2).sum()), slope, constant

        low, high = 0.0, float(seen.min()) * (1 - 1e-9)
        for _ in range(HALVINGS):
            third = (high - low) / 3
            if left(low + third)[0] < left(high - third)[0]:
                high -= third
            else:
                low += third
        limit = (low + high) / 2
        _, slope, constant = left(limit)
        if not slope < 0 or limit < 1e-6 * seen.min():
            raise BadArgument(
                "losses", "fall to a limit above 0", f"{seen[0]} to {seen[-1]}", "smooth, or train longer"
            )
        return cls(limit, constant ** (-1.0 / slope), -slope, law)


def _check_law(law: object) -> None:
    if isinstance(law, type) or not callable(law):
        raise BadArgument("law", "be a CriticalBatchLaw", law, "write CriticalBatchLaw.kaplan(), or fit one")

"""What a run did with its batch size and learning rate, beside what was planned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from croupier.errors import BadArgument, checked_int, checked_kind, checked_real
from croupier.report.schedule_plot import draw_schedule
from croupier.schedules.training_plan import TrainingPlan

if TYPE_CHECKING:
    from croupier.schedules.batch_size_ramp import BatchSizeRamp
    from croupier.schedules.training_clock import TrainingClock

__all__ = ["ScheduleComparison", "TakenStep", "compare_schedule"]


class TakenStep(NamedTuple):
    """One optimizer step, as it was: write one a step, ``TakenStep(loader.cursor.samples, size, rate)`` before it."""

    samples: int
    """Dealt before the step, over all ranks."""
    batch_size: int
    learning_rate: float


@dataclass(frozen=True, slots=True, eq=False)
class ScheduleComparison:
    """Planned and taken, at the samples where steps were taken: arrays of shape (steps,).

    Printed it says where they part first, and how far; ``plot`` draws both.
    """

    samples: npt.NDArray[np.int64]
    batch_size: npt.NDArray[np.int64]
    planned_batch_size: npt.NDArray[np.int64]
    learning_rate: npt.NDArray[np.float64]
    planned_learning_rate: npt.NDArray[np.float64]

    @property
    def size_parts_at(self) -> int | None:
        """Samples before the first step of another size than planned; None where there is none."""
        return _first(self.samples, self.batch_size != self.planned_batch_size)

    @property
    def rate_parts_at(self) -> int | None:
        """Samples before the first step of another learning rate, beyond rounding to float32; None without one."""
        off = np.abs(self.learning_rate - self.planned_learning_rate)
        # Not being near, rather than being off: what is no number is neither.
        return _first(self.samples, ~(off <= 1e-6 * np.maximum(np.abs(self.planned_learning_rate), 1e-30)))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "steps": int(self.samples.size),
            "samples": int(self.samples[-1] + self.batch_size[-1]),
            "size_parts_at": self.size_parts_at,
            "rate_parts_at": self.rate_parts_at,
            "steps_of_another_size": int(np.count_nonzero(self.batch_size != self.planned_batch_size)),
            "largest_rate_ratio": float(np.max(_ratio(self.learning_rate, self.planned_learning_rate))),
        }

    def __str__(self) -> str:
        told = self.to_dict()
        lines = [f"{told['steps']:,} steps, {told['samples']:,} samples"]
        for name, parts in (("batch size", self.size_parts_at), ("learning rate", self.rate_parts_at)):
            if parts is None:
                lines.append(f"{name}: as planned")
                continue
            at = int(np.searchsorted(self.samples, parts))
            taken, planned = (
                (self.batch_size, self.planned_batch_size)
                if name == "batch size"
                else (self.learning_rate, self.planned_learning_rate)
            )
            lines.append(f"{name}: not as planned from sample {parts:,} on, {taken[at]:.6g} for {planned[at]:.6g}")
        return "\n".join(lines)

    def plot(self, path: str | PathLike[str]) -> None:
        """Draw planned and taken over the samples; needs matplotlib."""
        draw_schedule(
            self.samples,
            {"batch size": (self.planned_batch_size, self.batch_size),
             "learning rate": (self.planned_learning_rate, self.learning_rate)},
            path,
        )  # fmt: skip


def compare_schedule(plan: TrainingPlan, taken: Sequence[TakenStep]) -> ScheduleComparison:
    """Compare the steps of a run with its plan.

    Parameters
    ----------
    plan : TrainingPlan
    taken : sequence of TakenStep
        In the order they were taken; those of a run that was resumed one after another.

    Raises
    ------
    BadArgument
        No steps, or samples that do not ascend: a part of the run that was logged twice, say.

    Examples
    --------
    >>> import croupier as cr
    >>> from croupier import schedules
    >>> plan = cr.TrainingPlan(cr.BatchSizeRamp([(0, 2), (4, 4)]), schedules.linear(16))
    >>> taken = [TakenStep(0, 2, 1.0), TakenStep(2, 2, 0.875), TakenStep(4, 2, 0.75), TakenStep(6, 2, 0.625)]
    >>> print(compare_schedule(plan, taken))
    4 steps, 8 samples
    batch size: not as planned from sample 4 on, 2 for 4
    learning rate: as planned
    """
    checked_kind("taken", taken, Sequence, fix="pass a list of TakenStep")
    if not isinstance(plan, TrainingPlan):
        raise BadArgument("plan", "be a TrainingPlan", plan, "write TrainingPlan(ramp, learning_rate)")
    if not len(taken) or not all(isinstance(step, tuple) and len(step) == 3 for step in taken):
        raise BadArgument("taken", "be TakenSteps, one at least", taken, "append one at every step")
    fix, rates = "log whole samples and sizes, and finite rates", list[float]()
    for step in taken:
        checked_int("taken samples", step[0], at_least=0, fix=fix)
        checked_int("taken batch size", step[1], at_least=1, fix=fix)
        rates.append(
            math.nan
            if isinstance(step[2], float) and math.isnan(step[2])
            else checked_real("taken rate", step[2], "be a number", fix=fix)
        )
    samples = np.array([step[0] for step in taken], dtype=np.int64)
    if bool((np.diff(samples) <= 0).any()):
        place = int(np.flatnonzero(np.diff(samples) <= 0)[0]) + 1
        what = f"{samples[place]} after {samples[place - 1]}"
        raise BadArgument("taken", "ascend in samples", what, "drop what was logged before a restart went back")
    ramp = cast("BatchSizeRamp", cast("TrainingClock", plan.clock).ramp)
    return ScheduleComparison(
        samples,
        np.array([step[1] for step in taken], dtype=np.int64),
        np.asarray(ramp.size_at(samples), dtype=np.int64),
        np.array(rates),
        # One by one, as in the run: a schedule of the user's own need not take arrays.
        np.array([float(plan(at)) for at in samples.tolist()]),
    )


def _first(samples: npt.NDArray[np.int64], is_off: npt.NDArray[np.bool_]) -> int | None:
    return int(samples[np.argmax(is_off)]) if bool(is_off.any()) else None


def _ratio(taken: npt.NDArray[np.float64], planned: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How many times one is the other, whichever is larger; 1 where both are 0, infinite where one is no number."""
    low, high = np.minimum(taken, planned), np.maximum(taken, planned)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(high == low, 1.0, np.where(np.isnan(high), np.inf, high / low))

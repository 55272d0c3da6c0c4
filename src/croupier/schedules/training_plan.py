"""Batch size, learning rate and what goes with them as one plan, printed before the run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from croupier.errors import BadArgument, checked_int, keep_plain_numbers
from croupier.schedules.arithmetic import Schedule, arithmetic, check_function, is_number
from croupier.schedules.batch_size_ramp import BatchSizeRamp
from croupier.schedules.kept_in_samples import KeptInSamples
from croupier.schedules.scaling_rules import ScalingRule
from croupier.schedules.seesaw import SeesawRate
from croupier.schedules.training_clock import Clock, TrainingClock, check_clock

__all__ = ["PlanRow", "PlanTable", "TrainingPlan"]


class PlanRow(NamedTuple):
    """What holds from a step on: None where the plan does not say it."""

    sample: int
    tokens: Any
    step: int
    batch_size: int
    accumulation: int
    learning_rate: float
    beta2: float | None
    weight_decay: float | None


@dataclass(frozen=True, slots=True)
class PlanTable:
    """Rows of a plan; printed they are a table, and ``to_dict`` is for JSON.

    Parameters
    ----------
    rows : tuple of PlanRow
    length : int
        Samples of the run.
    steps, steps_of_first_size : int
        Steps of the run, and what it would take with the first batch size throughout.
    described : str
        The plan.
    """

    rows: tuple[PlanRow, ...]
    length: int
    steps: int
    steps_of_first_size: int
    described: str

    def __str__(self) -> str:
        shown = [place for place in range(len(PlanRow._fields)) if any(row[place] is not None for row in self.rows)]
        lines = [[PlanRow._fields[place].replace("_", " ") for place in shown]]
        lines += [[_shown(row[place]) for place in shown] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        less = 1 - self.steps / self.steps_of_first_size
        text.append(f"{self.length:,} samples in {self.steps:,} steps, {less:.1%} fewer than with the first batch size")
        return "\n".join(text)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings; fractions of a token become floats."""
        rows = [
            {name: value if value is None or isinstance(value, (int, float)) else float(value)
             for name, value in row._asdict().items()}
            for row in self.rows
        ]  # fmt: skip
        totals = {"length": self.length, "steps": self.steps, "steps_of_first_size": self.steps_of_first_size}
        return {"plan": self.described, **totals, "rows": rows}


@dataclass(frozen=True, slots=True, weakref_slot=True)
class TrainingPlan:
    """A batch size that changes, and a learning rate and settings that follow it. Itself a schedule over samples.

    Parameters
    ----------
    clock : TrainingClock or BatchSizeRamp
        The ramp, and how samples, tokens and steps go together.
    learning_rate : callable
        Any schedule; with :class:`Seesaw` the one it returns, and no rule.
    reads : Clock
        The clock that the schedule's durations are in. ``Clock.STEPS`` is refused where the batch size changes: its
        steps would mean different amounts of data, which is the fault of many a resumed run.
    rule : callable, optional
        Factor of the rate at a batch size, 1 at the size it was tuned at: :class:`SqrtScaling` and others.
    optimizer : KeptInSamples, optional
        Betas and weight decay at the size they were tuned at.

    The table counts a run without ends of epochs; where a step may not reach over one, each cuts it short, and the run
    takes as many more steps.

    Guarantees: a function of the samples dealt, so that it is the same after every restart, on any number of ranks.

    Examples
    --------
    >>> from croupier import schedules
    >>> ramp = BatchSizeRamp([(0, 256), (100_000, 1024)])
    >>> plan = TrainingPlan(
    ...     ramp, schedules.cosine(1_000_000, warmup=10_000, peak=3e-4), rule=schedules.SqrtScaling(256),
    ...     optimizer=KeptInSamples(256, beta2=0.999, weight_decay=0.1),
    ... )
    >>> print(plan.table(1_000_000, world_size=8, micro_batch=32, lines=2))
     sample   step  batch size  accumulation  learning rate  beta2  weight decay
          0      0         256             1              0  0.999           0.1
    100,096    391       1,024             4      0.0005878  0.996           0.2
    499,456    781       1,024             4      0.0003053  0.996           0.2
    999,168  1,269       1,024             4      1.046e-09  0.996           0.2
    1,000,000 samples in 1,269 steps, 67.5% fewer than with the first batch size
    """

    clock: TrainingClock | BatchSizeRamp
    learning_rate: Schedule
    reads: Clock = Clock.SAMPLES
    rule: ScalingRule | None = None
    optimizer: KeptInSamples | None = None

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        if not isinstance(cast("object", self.clock), (TrainingClock, BatchSizeRamp)):
            fix = "write BatchSizeRamp([(0, 256)])"
            raise BadArgument("clock", "be a TrainingClock or a BatchSizeRamp", self.clock, fix)
        if isinstance(self.clock, BatchSizeRamp):
            object.__setattr__(self, "clock", TrainingClock(self.clock))
        check_clock("reads", self.reads)
        if self.reads is Clock.STEPS and len(self._ramp.stretches) > 1:
            raise BadArgument(
                "reads", "be another clock than steps where the batch size changes", self.reads,
                "give the schedule its durations in samples: clock.at(steps=...).samples",
            )  # fmt: skip
        self._clock.at(**{self.reads.name.lower(): 0})  # refuses a clock without a rate
        check_function("learning_rate", self.learning_rate, "be callable", fix="write schedules.constant(peak=3e-4)")
        if self.rule is not None:
            check_function("rule", self.rule, "be callable", fix="write schedules.SqrtScaling(tuned_at=256), say")
            if isinstance(self.learning_rate, SeesawRate):
                fix = "its rate goes by the batch size already"
                raise BadArgument("rule", "be left out with the rate of Seesaw", self.rule, fix)
        if self.optimizer is not None and not isinstance(self.optimizer, KeptInSamples):
            fix = "write KeptInSamples(256, beta2=0.95)"
            raise BadArgument("optimizer", "be KeptInSamples", type(self.optimizer).__name__, fix)

    @property
    def _clock(self) -> TrainingClock:
        return cast("TrainingClock", self.clock)

    @property
    def _ramp(self) -> BatchSizeRamp:
        return cast("BatchSizeRamp", self._clock.ramp)

    def __call__(self, now: Any) -> Any:
        """The learning rate of a step that begins after ``now`` samples: the schedule's, times the rule's factor."""
        rate = self.learning_rate(self._clock.convert(now, Clock.SAMPLES, self.reads))
        if self.rule is None:
            return rate
        moment = arithmetic(now)[1]
        if is_number(now):
            if not abs(moment) < math.inf:
                raise BadArgument("now", "be a number of samples", now, "pass cursor.samples")
            moment = int(moment)
        return rate * self.rule(self._ramp.size_at(moment))

    def row(self, step: int, *, world_size: int = 1, micro_batch: int | None = None) -> PlanRow:
        """What holds at a step. Refuses a batch size that ranks and micro-batches do not divide."""
        step = checked_int("step", step, at_least=0, fix="pass an optimizer step")
        sample = self._ramp.samples_at(step)
        size = self._ramp.size_at(sample)
        world_size = checked_int("world_size", world_size, at_least=1, fix="pass a whole number")
        if micro_batch is not None:
            micro_batch = checked_int("micro_batch", micro_batch, at_least=1, fix="pass a whole number")
        micro = size // world_size if micro_batch is None else micro_batch
        if not micro or size % (world_size * micro):
            raise BadArgument(
                "batch size", f"be a multiple of world_size x micro_batch = {world_size} x {micro}",
                f"{size} from sample {sample}", "change the ramp, or the micro-batch",
            )  # fmt: skip
        tokens, accumulation = self._clock.at(samples=sample).tokens, size // (world_size * micro)
        told = (sample, tokens, step, size, accumulation, float(self(sample)))
        if self.optimizer is None:
            return PlanRow(*told, None, None)
        kept = self.optimizer.at(size, 1.0 if self.rule is None else self.rule(size))
        return PlanRow(*told, kept.beta2, kept.weight_decay)

    def table(
        self, length: int, *, world_size: int = 1, micro_batch: int | None = None, lines: int = 10
    ) -> PlanTable:  # fmt: skip
        """The plan over so many samples: a row where the batch size changes, and ``lines`` equal parts besides."""
        ramp = self._ramp
        length = checked_int("length", length, at_least=1, fix="pass the samples of the run")
        lines = checked_int("lines", lines, at_least=1, at_most=10_000, fix="pass a whole number")
        steps = ramp.steps_at(length)
        at = {ramp.steps_at(length * line // lines) for line in range(lines + 1)}
        at |= {stretch.steps for stretch in ramp.stretches if stretch.steps <= steps}
        rows = tuple(self.row(step, world_size=world_size, micro_batch=micro_batch) for step in sorted(at))
        return PlanTable(rows, length, steps, max(1, length // ramp.stretches[0].size), repr(self))


def _shown(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return "" if value is None else f"{float(value):.4g}"

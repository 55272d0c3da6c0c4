"""Schedules over any clock, called with odd ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from croupier import schedules
from croupier.schedules import BatchSizeRamp, Clock, Decay, Hold, Phases, TrainingClock, TrainingPlan, Warmup
from reliability.public_call import Call, built, method

__all__ = ["calls"]

MOMENTS = (0, 3, 50, 99, 100, 1000)


def calls() -> Iterator[Call]:
    yield from _named()
    yield from _parts()
    yield from _rules()
    yield from _clocks()


def at_moments(schedule: Any) -> Any:
    return [schedule(now) for now in MOMENTS], schedule(np.array(MOMENTS))


def line() -> Any:
    return schedules.linear(100, warmup=10)


def _named() -> Iterator[Call]:
    common = {"warmup": 10, "peak": 0.5, "floor": 0.25}
    named: dict[str, dict[str, Any]] = {
        "constant": {"warmup": 10, "peak": 0.5},
        "linear": {"length": 100, **common},
        "cosine": {"length": 100, **common},
        "polynomial": {"length": 100, "power": 2.0, **common},
        "rex": {"length": 100, "a": 0.5, **common},
        "exponential": {"half_life": 20, **common},
        "inverse_sqrt": {"warmup": 10, "timescale": 20, "peak": 0.5},
        "warmup_stable_decay": {"length": 100, "decay": 20, "shape": schedules.Linear(), **common},
        "cosine_with_restarts": {"length": 100, "cycles": 3, "growth": 2, **common},
        "one_cycle": {"length": 100, "rise": 0.25, "start": 0.125, "floor": 0.25, "peak": 0.5,
                      "shape": schedules.Linear()},
    }  # fmt: skip
    for name, arguments in named.items():
        function = getattr(schedules, name)
        yield Call(f"schedules.{name}", function, lambda arguments=arguments: dict(arguments), at_moments)
    yield Call(
        "schedules.power", schedules.power,
        lambda: {"law": schedules.PowerLaw(16, 4), "length": 100, "warmup": 10, "decay": 20,
                 "shape": schedules.Linear()}, at_moments,
    )  # fmt: skip
    yield method("Phases.__call__", line, lambda: {"now": 50})
    yield method("Tabulated.__call__", lambda: schedules.Tabulated([0, 1, 0.5], 10), lambda: {"now": 5})
    yield method("PowerLaw.__call__", lambda: schedules.PowerLaw(16, 4), lambda: {"now": 50})
    yield method("Cosine.__call__", schedules.Cosine, lambda: {"progress": 0.5})


def _parts() -> Iterator[Call]:
    yield built(lambda: schedules.Cooldown(line(), 50, 20, schedules.Linear(), 0.25), at_moments)
    yield built(lambda: schedules.Scaled(line(), 0.5), at_moments)
    yield built(lambda: schedules.Stretched(line(), 2), at_moments)
    yield built(lambda: schedules.Warmed(line(), 20), at_moments)
    yield built(lambda: Phases([Warmup(10), Hold(20), Decay(10)], 0.5, 3), at_moments)
    for make in (
        lambda: Warmup(10, 0.25), lambda: Hold(10, 0.5), lambda: Decay(10, schedules.Cosine(), 0.25),
        lambda: schedules.HalfLife(10, 0.25, 50), lambda: schedules.InverseRoot(10, 0.5, 50),
    ):  # fmt: skip
        yield built(make, lambda phase: at_moments(Phases([phase])))
    for make in (
        schedules.Cosine, lambda: schedules.Exponential(2, True), schedules.Linear, schedules.OneMinusSqrt,
        schedules.OneMinusSquare, lambda: schedules.Polynomial(2.0), lambda: schedules.Rex(0.5),
    ):  # fmt: skip
        yield built(make, lambda shape: at_moments(Phases([Decay(100, shape)])))
    yield built(lambda: schedules.PowerLaw(16, 4, 0.5, 2.0, -0.5), at_moments)
    yield Call(
        "Tabulated", schedules.Tabulated, lambda: {"values": [0.0, 1.0, 0.5], "length": 100, "peak": 0.5}, at_moments
    )
    yield Call(
        "refine", schedules.refine, lambda: {"norms": np.full(105, 3.0), "power": 2.0, "smoothing": 0.25},
        lambda found: found.values,
    )  # fmt: skip
    yield method(
        "Refinement.schedule", lambda: schedules.refine(np.full(105, 3.0), power=2),
        lambda: {"length": 100, "peak": 0.5, "despite_doubts": True}, use=at_moments,
    )  # fmt: skip


def _rules() -> Iterator[Call]:
    for make in (
        lambda: schedules.LinearScaling(32.0), lambda: schedules.SqrtScaling(32.0),
        lambda: schedules.NoiseScaling(32.0, 512.0), lambda: schedules.SurgeScaling(32.0, 512.0),
    ):  # fmt: skip
        yield built(make, lambda rule: (rule(64), rule(np.array([32, 64]))))
        yield method(f"{type(make()).__name__}.__call__", make, lambda: {"size": 64})
    yield built(lambda: schedules.AdaScale(8.0, 2.0, 1.5))
    yield method("AdaScale.after", lambda: schedules.AdaScale(8), lambda: {"variance": 3.0, "squared_norm": 1.0})
    yield method("AdaScale.learning_rate", lambda: schedules.AdaScale(8), lambda: {"schedule": line()})
    yield Call("rescaled_beta", schedules.rescaled_beta, lambda: {"beta": 0.5, "ratio": 4.0})
    yield Call("rescaled_momentum", schedules.rescaled_momentum, lambda: {"momentum": 0.25, "ratio": 2.0})
    yield Call("half_life_samples", schedules.half_life_samples, lambda: {"beta": 0.5, "batch_size": 256.0})
    yield built(lambda: schedules.KeptInSamples(256, 0.5, 0.75, 0.875), lambda kept: kept.at(1024))
    yield method("KeptInSamples.at", lambda: schedules.KeptInSamples(256, 0.5), lambda: {"size": 1024.0, "rate": 2.0})
    yield built(
        lambda: schedules.Seesaw(64, 2.0, 0.5, 4), lambda seesaw: seesaw.of(line(), 16, length=100, warmup=10).ramp
    )
    yield method(
        "Seesaw.of", lambda: schedules.Seesaw(64),
        lambda: {"schedule": line(), "batch_size": 16, "length": 100, "warmup": 10}, use=lambda found: found.ramp,
    )  # fmt: skip
    law = schedules.CriticalBatchLaw(2e8, 0.25)
    yield built(lambda: law, lambda made: made(3.0))
    yield method("CriticalBatchLaw.__call__", lambda: law, lambda: {"loss": 3.0})
    yield Call(
        "CriticalBatchLaw.fit", schedules.CriticalBatchLaw.fit,
        lambda: {"losses": [3.0, 2.5, 2.0], "sizes": [64.0, 128.0, 256.0]},
    )  # fmt: skip
    sizes = np.array([64.0, 256.0, 1024.0, 4096.0])
    fit = schedules.CriticalBatchSize.fit(sizes, steps=1000 * (1 + 2048 / sizes))
    yield Call(
        "CriticalBatchSize.fit", schedules.CriticalBatchSize.fit,
        lambda: {"sizes": sizes, "steps": 1000 * (1 + 2048 / sizes)},
    )  # fmt: skip
    yield method("CriticalBatchSize.steps", lambda: fit, lambda: {"batch_size": 256.0})
    yield method("CriticalBatchSize.samples", lambda: fit, lambda: {"batch_size": 256.0})
    yield method("CriticalBatchSize.batch_size", lambda: fit, lambda: {"more_samples": 0.5})
    trajectory = schedules.LossTrajectory(2.0, 2100.0, 0.75, law)
    yield built(lambda: trajectory, lambda made: made.loss([1000, 10_000], 512))
    yield method("LossTrajectory.loss", lambda: trajectory, lambda: {"steps": [1000, 10_000], "batch_size": 512})
    yield method("LossTrajectory.steps", lambda: trajectory, lambda: {"loss": 2.5, "batch_size": 512})
    steps = np.arange(1, 60) * 100
    yield Call(
        "LossTrajectory.fit", schedules.LossTrajectory.fit,
        lambda: {"steps": steps, "losses": trajectory.loss(steps, 512), "batch_size": 512.0, "law": law},
    )  # fmt: skip


def _clocks() -> Iterator[Call]:
    ramp = BatchSizeRamp([(0, 16), (100, 32)])
    yield built(lambda: ramp, lambda made: (made.size_at(50), made.steps_at(500), made.samples_at(20)))
    for way, given in (("size_at", "samples"), ("steps_at", "samples"), ("samples_at", "steps")):
        yield method(f"BatchSizeRamp.{way}", lambda: ramp, lambda given=given: {given: 50})
    yield Call(
        "BatchSizeRamp.linear", BatchSizeRamp.linear,
        lambda: {"start": 16, "stop": 64, "increment": 16, "over_samples": 1000},
    )  # fmt: skip
    yield Call(
        "BatchSizeRamp.geometric", BatchSizeRamp.geometric,
        lambda: {"start": 16, "stop": 64, "factor": 2, "over_samples": 1000},
    )  # fmt: skip
    clock = TrainingClock(ramp, 4, 100, 0.5)
    yield built(lambda: clock, lambda made: (made.at(samples=500), made.at(steps=9)))
    yield method("TrainingClock.at", lambda: clock, lambda: {"samples": 500})
    yield method(
        "TrainingClock.convert", lambda: clock, lambda: {"now": 500, "given": Clock.SAMPLES, "wanted": Clock.TOKENS}
    )
    yield built(lambda: schedules.OnClock(line(), clock, Clock.TOKENS, Clock.STEPS), at_moments)
    yield method(
        "OnClock.__call__", lambda: schedules.OnClock(line(), clock, Clock.TOKENS, Clock.STEPS), lambda: {"now": 5}
    )
    plan = TrainingPlan(ramp, line(), Clock.SAMPLES, schedules.SqrtScaling(16), schedules.KeptInSamples(16, 0.5))
    yield built(lambda: plan, lambda made: str(made.table(1000, lines=2)))
    yield method("TrainingPlan.__call__", lambda: plan, lambda: {"now": 50})
    yield method("TrainingPlan.row", lambda: plan, lambda: {"step": 5, "world_size": 2, "micro_batch": 4})
    yield method(
        "TrainingPlan.table", lambda: plan, lambda: {"length": 1000, "world_size": 2, "micro_batch": 4, "lines": 3},
        use=str,
    )  # fmt: skip

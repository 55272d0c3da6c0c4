"""Stages that learn, scores, gradient noise and controllers of the batch size."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np

import croupier as cr
from reliability.public_call import Call, built, deals, method

__all__ = ["calls"]

FIXED = cr.FixedSize(4)
NORMS = {"groups": 4.0, "whole": 1.75, "group_samples": 8.0, "samples": 32.0}
KEPT = cr.KeepScores((cr.Ema(0.9), cr.Mean(), cr.Last()))


def calls() -> Iterator[Call]:
    yield from _stages()
    yield from _scores()
    yield from _noise()
    yield from _sizes()


def learned(order: Any) -> Any:
    return deals(order, FIXED)


def row_stage(stage: Any) -> Any:
    return deals(cr.Shuffle(), stage, FIXED)


def kept(statistic: Any) -> Any:
    return row_stage(cr.KeepScores((statistic,)))


def _stages() -> Iterator[Call]:
    yield built(lambda: cr.BadPairs(1), row_stage)
    yield built(lambda: cr.HardBatches(4, 0.5), deals)
    yield built(cr.ImportanceSampled, learned)
    yield built(lambda: cr.KeepScores((cr.Mean(), cr.Count())), row_stage)
    yield built(lambda: cr.KeptBadPairs(cr.Mean(), 1), lambda stage: deals(cr.Shuffle(), KEPT, stage, FIXED))
    yield built(cr.LossWeighted, learned)
    yield built(lambda: cr.ScoreColumn(cr.Last(), "difficulty", 0.5), lambda s: deals(cr.Shuffle(), KEPT, s, FIXED))
    yield built(lambda: cr.ScoreWeighted(cr.Ema(0.9), 0.1, 0.5), lambda stage: deals(stage, KEPT, FIXED))
    for make in (cr.Count, lambda: cr.Ema(0.5, "el2n"), cr.Forgotten, cr.Last, cr.Mean, cr.Variance):
        yield built(make, kept)
    yield built(lambda: cr.ArtefactFolder("scores", 9), _losses_in)


def _losses_in(folder: Any) -> Any:
    return learned(cr.LossWeighted(artefact=folder))[1]


def store() -> cr.ScoreStore:
    made = cr.ScoreStore(5, (cr.Mean(), cr.Ema(0.75)))
    made.update([3, 1], [2.0, 1.0])
    return made


def _read(made: cr.ScoreStore) -> Any:
    return made.read(cr.Mean()), made.at(cr.Ema(0.75), np.array([3]))


def _scores() -> Iterator[Call]:
    yield Call(
        "ScoreStore", cr.ScoreStore, lambda: {"rows": 5, "statistics": (cr.Mean(),), "half": False, "folder": None},
        lambda made: made.read(cr.Mean()),
    )  # fmt: skip
    yield method("ScoreStore.update", store, lambda: {"ids": [3, 1, 3], "values": [2.0, 1.0, 4.0]}, use=_read)
    yield method("ScoreStore.read", store, lambda: {"statistic": cr.Mean()})
    yield method("ScoreStore.at", store, lambda: {"statistic": cr.Mean(), "ids": [3, 0]})
    yield Call("ScoreStore.go_back", _gone_back, lambda: {"version": 1, "checksum": None})
    yield Call("ScoreStore.load", _load_store, lambda: {"folder": "store"})
    yield method("Kept.read", lambda: store().kept, lambda: {"statistic": cr.Mean()})
    yield method("Kept.at", lambda: store().kept, lambda: {"statistic": cr.Mean(), "ids": np.array([3, 0])})
    yield Call("score_summary", cr.score_summary, lambda: {"scores": store()}, str)
    yield Call("importance_gain", cr.importance_gain, lambda: {"scores": [2.0, 1.0, 5.0]})
    yield built(lambda: cr.GainTest(96, 32, 0.9, 1.5), lambda test: (test.threshold, test.is_on))
    yield method("GainTest.after", lambda: cr.GainTest(96, 32), lambda: {"gain": 1.5})
    yield Call(
        "controlled_mean", cr.controlled_mean,
        lambda: {"values": [1.0, 2.0, 4.0], "weights": [1.0, 0.5, 2.0], "controls": [0.5, -1.0, 0.25],
                 "coefficients": [0.5]},
    )  # fmt: skip


def _gone_back(version: Any, checksum: Any) -> Any:
    shutil.rmtree("kept", ignore_errors=True)
    made = cr.ScoreStore(5, (cr.Mean(),), folder="kept")
    made.update([3], [2.0])
    known = made.version
    made.update([3], [4.0])
    made.go_back(version, known[1] if checksum is None else checksum)
    return made.read(cr.Mean())


def _load_store(folder: Any) -> Any:
    shutil.rmtree("store", ignore_errors=True)
    cr.ScoreStore(5, (cr.Mean(),), folder="store").flush()
    return cr.ScoreStore.load(folder).read(cr.Mean())


def noise() -> cr.GradientNoise:
    made = cr.GradientNoise(half_life_samples=1e5)
    for factor in (1.0, 1.5, 0.5):
        made.observe(cr.GradientNorms(**{**NORMS, "groups": 4.0 * factor}, inner=cr.InnerProducts(2.0, 1.0), loss=2.0))
    return made


def estimate() -> Any:
    return noise().estimate


def _noise() -> Iterator[Call]:
    yield Call("GradientNoise", cr.GradientNoise, lambda: {"half_life_samples": 1e5}, lambda made: made.state_dict())
    yield method(
        "GradientNoise.observe", noise, lambda: {"norms": cr.GradientNorms(**NORMS, inner=cr.InnerProducts(2.0, 1.0),
                                                                          loss=2.0), "elapsed_samples": 32.0},
        use=lambda made: made.state_dict(),
    )  # fmt: skip
    yield method("GradientNoise.load_state_dict", noise, lambda: {"state": noise().state_dict()})
    yield Call("GradientNorms", cr.GradientNorms, lambda: {**NORMS, "inner": cr.InnerProducts(2.0, 1.0), "loss": 2.0})
    yield Call(
        "GradientNorms.of_groups", cr.GradientNorms.of_groups,
        lambda: {"squared_norms": [3.0, 5.0, 4.0, 4.0], "whole": 1.75, "samples": 8, "weights": [1.0, 1.0, 1.0, 1.0],
                 "loss": 2.0},
    )  # fmt: skip
    yield Call(
        "GradientNorms.from_dict", cr.GradientNorms.from_dict, lambda: {"values": cr.GradientNorms(**NORMS).to_dict()}
    )
    yield method("NoiseEstimate.noise_interval", estimate, lambda: {"confidence": 0.95})
    yield Call("StepTimes", cr.StepTimes, lambda: {"packed": True}, len)
    yield Call("StepTimes.add", _added, lambda: {"lengths": [3, 5, 1], "seconds": 0.5})
    yield method(
        "CostFit.seconds", lambda: cr.CostFit(1.0, 2.0, 0.5, (0.1, 0.1, 0.1), 0.1, 20),
        lambda: {"tokens": [3, 5], "squares": [9, 25]},
    )  # fmt: skip


def _added(lengths: Any, seconds: Any) -> Any:
    times = cr.StepTimes()
    for step in range(20):
        times.add(np.full(1 + step % 4, 100 + 50 * (step % 5)), 0.01 + 1e-4 * step)
    times.add(lengths, seconds)
    return str(times.fit())


def policy(made: Any) -> Any:
    controller = cr.BatchSizeController(made, quantum=4, most=64)
    return controller.decide(estimate(), cr.HeldSize(16)), made.wanted(estimate(), 0.95)


def _sizes() -> Iterator[Call]:
    yield built(lambda: cr.NoiseScale(1.0), policy)
    yield built(lambda: cr.LeastEfficiency(8.0, 0.5), policy)
    yield built(lambda: cr.CoupledSize(0.1), policy)
    yield built(lambda: cr.NormTest(0.5), policy)
    yield built(lambda: cr.AsPublished(cr.NormTest(0.5)), policy)
    yield built(lambda: cr.InnerProductTest(0.5), policy)
    yield built(lambda: cr.OrthogonalityTest(0.5), policy)
    yield built(lambda: cr.AugmentedTest(0.5, 0.5), policy)
    yield built(lambda: cr.ResizePace(2.0, 1.0, 4, 2, 0.95), lambda pace: policy_with(pace=pace))
    yield built(
        lambda: cr.BatchSizeController(cr.NoiseScale(), 4, 64, 8),
        lambda controller: controller.decide(estimate(), cr.HeldSize(16)),
    )
    yield method("BatchSizeController.decide", controller, lambda: {"estimate": estimate(), "held": cr.HeldSize(16)})
    yield method("BatchSizeController.is_due", controller, lambda: {"held": cr.HeldSize(16)})
    yield method("NoiseScale.wanted", cr.NoiseScale, lambda: {"estimate": estimate(), "confidence": 0.95})
    yield method("NormTest.published", lambda: cr.NormTest(0.5), lambda: {"norms": cr.GradientNorms(**NORMS)})
    yield Call("adadagrad", cr.adadagrad, lambda: {"test": cr.NormTest(0.5), "quantum": 4, "most": 64, "test_steps": 2})
    yield Call(
        "what_if", cr.what_if,
        lambda: {"log": [cr.GradientNorms(**NORMS)] * 3, "controllers": {"a": controller()}, "start": 16,
                 "half_life_samples": 1e5},
    )  # fmt: skip


def controller() -> cr.BatchSizeController:
    return cr.BatchSizeController(cr.NoiseScale(), 4, 64)


def policy_with(pace: Any) -> Any:
    made = cr.BatchSizeController(cr.NoiseScale(), 4, 64, pace=pace)
    return made.decide(estimate(), cr.HeldSize(16))

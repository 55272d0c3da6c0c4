"""AdAdaGrad on Fashion-MNIST: batches that grow as the gradient's noise asks, ``python -m benchmarks.adadagrad``.

``--quick``: one seed and a quarter of the time; ``--json FILE``. Results, as they came out, in ``adadagrad.md``.

Batches that grow are to reach the accuracy of small fixed ones in fewer optimizer steps and less time. AdaGrad at one
learning rate throughout, as published. Every arm trains for the same time: processor seconds of one thread, tests of
the batch size included, evaluations not.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import croupier as cr
from benchmarks.fashion_mnist import fashion_mnist
from benchmarks.harness import say, versions_of
from croupier.torch import GradientStatistics, per_sample_norms

LEARNING_RATE = 0.05
"""The best of .01, .02, .05 and .1 for fixed batches of 8, on a seed of its own."""
START, MOST, QUANTUM = 8, 8192, 8
MICRO = 256
"""Samples that a backward pass takes at most: as if no more fitted."""
HALF_LIFE = 8_000
TARGETS = (0.85, 0.86, 0.87)


@dataclass(frozen=True)
class Arm:
    """How large batches are: fixed, or by a controller that is told of micro-batches or of single samples."""

    name: str
    size: int = START
    controller: cr.BatchSizeController | None = None
    per_sample: bool = False
    rate_by_root: bool = False
    """Whether the learning rate follows the root of the size, which is not AdAdaGrad's."""


@dataclass
class Run:
    """What one training did, at each evaluation."""

    arm: str
    seed: int
    samples: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)

    def until(self, target: float) -> tuple[int, float] | None:
        """Steps and seconds until the mean accuracy of three evaluations was there."""
        smooth = np.convolve(self.accuracy, np.ones(3) / 3, mode="valid")
        there = np.flatnonzero(smooth >= target)
        return (self.steps[there[0] + 2], self.seconds[there[0] + 2]) if there.size else None


def arms() -> list[Arm]:
    """Fixed sizes; the published rule at the papers' settings; the corrected one."""
    pace = cr.ResizePace(growth=2.0, dwell_samples=1_000, confidence=0.95)
    found = [Arm(f"fixed {size}", size) for size in (8, 64, 512)]
    for eta in (0.1, 0.5):
        published = cr.adadagrad(cr.NormTest(eta), quantum=QUANTUM, most=MOST)
        found.append(Arm(f"published, eta {eta}", controller=published, per_sample=True))
    for eta in (2.0, 1.0):
        corrected = cr.BatchSizeController(cr.NormTest(eta), QUANTUM, MOST, pace=pace)
        found.append(Arm(f"corrected, eta {eta}", controller=corrected))
        found.append(Arm(f"eta {eta}, rate by root", controller=corrected, rate_by_root=True))
    return found


class Images:
    """The data as tensors."""

    def __init__(self) -> None:
        self.train, self.test = ((self.of(images), torch.from_numpy(labels)) for images, labels in fashion_mnist())

    @staticmethod
    def of(images: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(images).view(-1, 1, 28, 28) - 0.286


def network() -> nn.Module:
    """Two convolutions and a layer, 9,234 parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(16 * 49, 10),
    )  # fmt: skip


def loss_of(model: Any, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return cross_entropy(model(inputs), targets)


def train(arm: Arm, data: Images, seed: int, *, budget: float, every: float) -> Run:
    """One run, evaluated every so many seconds; the same seed gives every arm the same weights and order."""
    torch.manual_seed(seed)
    model = network()
    optimizer = torch.optim.Adagrad(model.parameters(), lr=LEARNING_RATE)
    by_groups = arm.controller is not None and not arm.per_sample
    seen = GradientStatistics(model) if by_groups else None
    noise, held = cr.GradientNoise(HALF_LIFE), cr.HeldSize(arm.size)
    run, done, steps, seconds = Run(arm.name, seed), 0, 0, 0.0
    quanta = quanta_of(seed)
    while seconds < budget:
        start = process_time()
        ids = torch.from_numpy(np.concatenate([next(quanta) for _ in range(held.size // QUANTUM)]))
        batch = tuple(part[ids] for part in data.train)
        norms = None
        if arm.controller is not None and arm.per_sample and arm.controller.is_due(held):
            norms = per_sample_norms(model, loss_of, batch, chunk_samples=64)
        optimizer.zero_grad()
        if arm.rate_by_root:
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * (len(ids) / START) ** 0.5
        # Two groups at least, where groups are what is measured.
        parts = max(2 if by_groups else 1, -(-len(ids) // MICRO))
        sizes = [len(part) for part in ids.tensor_split(parts)]
        for inputs, targets in zip(*(part.split(sizes) for part in batch), strict=True):
            (loss_of(model, inputs, targets) * (len(targets) / len(ids))).backward()
        if seen is not None:
            norms = seen.measure(sizes)
        optimizer.step()
        noise.observe(norms)
        if arm.controller is not None:
            held = arm.controller.decide(noise.estimate, held)
        done, steps, before = done + len(ids), steps + 1, seconds
        seconds += process_time() - start
        if norms is not None and by_groups:
            run.log.append(norms.to_dict())
        if seconds // every > before // every:
            evaluate(run, model, data, done, steps, seconds, len(ids))
    return run


def quanta_of(seed: int) -> Iterator[np.ndarray]:
    """Ids, a quantum at a time, epoch after epoch."""
    dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(QUANTUM)), cr.Table(size=60_000), seed=seed)
    while True:
        for deal in dealer:
            yield deal.ids


@torch.no_grad()
def evaluate(run: Run, model: nn.Module, data: Images, samples: int, steps: int, seconds: float, size: int) -> None:
    inputs, targets = data.test
    run.samples.append(samples)
    run.steps.append(steps)
    run.seconds.append(seconds)
    run.sizes.append(size)
    run.accuracy.append(float((model(inputs).argmax(1) == targets).float().mean()))


def study(data: Images, seeds: Sequence[int], *, budget: float, every: float = 1.0) -> list[Run]:
    """Every arm for every seed."""
    found: list[Run] = []
    for seed in seeds:
        for arm in arms():
            found.append(train(arm, data, seed, budget=budget, every=every))
            last = found[-1]
            ended = f"{last.samples[-1]:9,} samples {last.steps[-1]:7,} steps  accuracy {last.accuracy[-1]:.3f}"
            say(f"seed {seed}  {arm.name:20} {ended}  size {last.sizes[-1]}")
    return found


def what_others_would_do(run: Run) -> Mapping[str, list[int]]:
    """Sizes at the quarters of a run that was logged, for other policies on the same gradients."""
    log = [cr.GradientNorms.from_dict(line) for line in run.log]
    policies: dict[str, Any] = {
        "norm test, eta 1 (the noise scale)": cr.NormTest(1.0),
        "norm test, eta 0.5": cr.NormTest(0.5),
        "half the efficiency of 8": cr.LeastEfficiency(8, 0.5),
        "norm test, eta 0.5, as published": cr.AsPublished(cr.NormTest(0.5)),
    }
    controllers = {name: cr.BatchSizeController(policy, QUANTUM, MOST) for name, policy in policies.items()}
    sizes = cr.what_if(log, controllers, start=START, half_life_samples=HALF_LIFE)
    places = [len(log) * quarter // 4 - 1 for quarter in (1, 2, 3, 4)]
    return {name: chosen[places].tolist() for name, chosen in sizes.items()}


def show(runs: Sequence[Run]) -> None:
    """Medians over seeds."""
    names = list(dict.fromkeys(run.arm for run in runs))
    columns = "".join(f"{f'steps, s to {target:.0%}':>20}" for target in TARGETS)
    print(f"{'':22}{'samples':>10}{'steps':>8}{'accuracy':>10}{'size':>12}{columns}")
    for name in names:
        mine = [run for run in runs if run.arm == name]
        accuracy = [statistics.fmean(run.accuracy[-3:]) for run in mine]
        ends = [statistics.median(getattr(run, end)[-1] for run in mine) for end in ("samples", "steps", "sizes")]
        cells = [_until([run.until(target) for run in mine]) for target in TARGETS]
        print(
            f"{name:22}{ends[0]:10,.0f}{ends[1]:8,.0f}{statistics.fmean(accuracy):10.3f}{ends[2]:12,.0f}"
            + "".join(f"{cell:>20}" for cell in cells)
        )
    logged = next((run for run in runs if run.log), None)
    if logged is not None:
        print(f"\nOn the gradients of one run ({logged.arm}), sizes at its quarters:")
        for name, sizes in what_others_would_do(logged).items():
            print(f"  {name:38}{sizes}")


def _until(found: Sequence[tuple[int, float] | None]) -> str:
    there = [each for each in found if each is not None]
    if len(there) < len(found):
        return f"{len(there)} of {len(found)} did"
    return f"{statistics.median(s for s, _ in there):.0f}, {statistics.median(t for _, t in there):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adadagrad", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    seeds, budget = ([1], 8.0) if arguments.quick else ([1, 2, 3], 32.0)
    runs = study(Images(), seeds, budget=budget)
    show(runs)
    if arguments.json:
        report = {"versions": versions_of(("croupier", "numpy", "torch")), "runs": [asdict(run) for run in runs]}
        arguments.json.write_text(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()

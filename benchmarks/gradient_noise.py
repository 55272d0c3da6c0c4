"""The gradient noise scale against known truth, and what is taken for it: ``python -m benchmarks.gradient_noise``.

SGD on a bowl, ``|x|**2 / 2`` in 100 dimensions, whose samples' gradients have independent unit noise. The gradient's
mean is known at every step, so the truth is: the trace over the mean of ``|G|**2`` along the way.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import croupier as cr
from benchmarks.harness import OURS, Reach, Row, row
from benchmarks.table import print_table

Float64 = npt.NDArray[np.float64]

DIMENSION = 100
RATE = 0.1
"""SGD with it ends where ``|G|**2`` is RATE / (2 - RATE) of the noise of a step: a noise scale of 19 batches."""
WINDOW_STEPS = 100
"""Of the moving mean of ratios, as loggers keep one: a decay of 0.99."""


@dataclass(frozen=True)
class Trajectory:
    """A run: squared norms by step, and what successive steps say."""

    group_samples: int
    samples: int
    groups: Float64
    whole: Float64
    true: Float64
    successive: Float64
    """Shape (steps - 1, 2): <g, g before>, and half of |g - g before|**2."""


def trajectories(steps: int, *, runs: int, seed: int, groups: int = 2, group_samples: int = 4) -> list[Trajectory]:
    """SGD from where it ends up, so that the truth does not drift; several runs at once."""
    rng = np.random.default_rng(seed)
    samples = groups * group_samples
    place = rng.normal(size=(runs, DIMENSION)) * np.sqrt(RATE / (2 - RATE) / samples)
    before = np.zeros((runs, DIMENSION))
    seen = np.empty((steps, 5, runs))
    for step in range(steps):
        gradients = place + rng.normal(size=(groups, runs, DIMENSION)) / np.sqrt(group_samples)
        mean = gradients.mean(0)
        seen[step] = [
            (gradients**2).sum(2).mean(0), (mean**2).sum(1), (place**2).sum(1),
            (mean * before).sum(1), ((mean - before) ** 2).sum(1) / 2,
        ]  # fmt: skip
        before, place = mean, place - RATE * mean
    return [
        Trajectory(group_samples, samples, *seen[:, :3, run].T.copy(), seen[1:, 3:, run]) for run in range(runs)
    ]  # fmt: skip


def estimates(run: Trajectory) -> Mapping[str, float]:
    """The noise scale in samples: the truth, ours, and others."""
    noise = cr.GradientNoise(half_life_samples=1e12)
    log = [
        cr.GradientNorms(groups, whole, run.group_samples, run.samples)
        for groups, whole in zip(run.groups.tolist(), run.whole.tolist(), strict=True)
    ]
    for norms in log:
        noise.observe(norms)
    ratios = np.array([norms.noise_trace / norms.gradient_squared for norms in log])
    moving = 0.0
    for count, ratio in enumerate(ratios, start=1):
        moving += (ratio - moving) * max(1 / count, 1 / WINDOW_STEPS)
    trace = noise.estimate.noise_trace
    product, apart = run.successive.mean(0)
    return {
        "truth": float(DIMENSION / run.true.mean()),
        "ours": noise.estimate.noise_scale,
        "mean of ratios": float(ratios.mean()),
        "moving mean of ratios": float(moving),
        "uncorrected": float(trace / run.whole.mean()),
        "successive steps": float(run.samples * apart / product),
        "steps below 0": float(np.mean([norms.gradient_squared < 0 for norms in log])),
    }


def rows(*, quick: bool) -> Iterator[Row]:
    """How far each is from the truth, the median over runs."""
    found = [estimates(run) for run in trajectories(8000, runs=5 if quick else 20, seed=0)]
    for name in ("mean of ratios", "moving mean of ratios", "uncorrected", "successive steps"):
        off = {OURS: "ours", name: name}
        samples = {
            contender: [100 * abs(each[key] / each["truth"] - 1) for each in found] for contender, key in off.items()
        }
        values = sorted(each[name] for each in found)
        yield row(
            f"gradient noise scale of 152 by 8,000 steps of 2 groups of 4, against {name}", "% off", samples,
            better="less", reach=Reach(at_most=10, times={name: 10}),
            note=f"{name}: {values[0]:.0f} to {values[-1]:.0f}",
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gradient_noise", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    found = [estimates(run) for run in trajectories(8000, runs=5 if quick else 20, seed=0)]
    for name in found[0]:
        values = sorted(each[name] for each in found)
        print(f"{name:24} median {statistics.median(values):8.2f}   from {values[0]:9.2f} to {values[-1]:9.2f}")
    print_table(list(rows(quick=quick)))


if __name__ == "__main__":
    main()

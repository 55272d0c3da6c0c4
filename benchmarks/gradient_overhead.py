"""What measuring gradients and deciding on a batch size adds to a step: ``python -m benchmarks.gradient_overhead``.

Processor time of one thread, the two kinds of step in turn, so that what else the machine does hits both alike.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import croupier as cr
from benchmarks.harness import OURS, Reach, Row, row
from benchmarks.table import print_table
from croupier.torch import GradientStatistics, agreed_integers

MICRO_BATCHES = 4


@dataclass(frozen=True)
class Work:
    """A model, micro-batches for it, and its loss."""

    name: str
    make: Callable[[], nn.Module]
    inputs: torch.Tensor
    targets: torch.Tensor


class Decoder(nn.Module):
    """Two layers of a transformer, that is 27 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(256, 128)
        layer = nn.TransformerEncoderLayer(128, 4, 256, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(128, 256)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(self.embed(tokens))).transpose(1, 2)


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 49, 10),
    )  # fmt: skip


def works() -> list[Work]:
    torch.manual_seed(0)
    return [
        Work("convolutions on 28 x 28, micro-batches of 64", convolutional, torch.randn(64, 1, 28, 28),
             torch.randint(0, 10, (64,))),
        Work("2 transformer layers, micro-batches of 8 x 128 tokens", Decoder, torch.randint(0, 256, (8, 128)),
             torch.randint(0, 256, (8, 128))),
    ]  # fmt: skip


def added(work: Work, steps: int) -> tuple[float, float]:
    """Milliseconds of a bare step, and how many percent a measured one takes more: medians."""
    kinds = [stepper(work, is_measured=is_measured) for is_measured in (False, True)]
    taken: list[list[float]] = [[], []]
    order = np.random.default_rng(0)
    for _ in range(steps):
        # Which comes first is drawn: a step finds the caches as the one before has left them.
        for kind in order.permutation(2).tolist():
            taken[kind].append(processor_seconds(kinds[kind]))
    bare, measured = (statistics.median(times[3:]) for times in taken)
    return 1e3 * bare, 100 * (measured / bare - 1)


def stepper(work: Work, *, is_measured: bool) -> Callable[[], None]:
    torch.manual_seed(1)
    model = work.make()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    seen = GradientStatistics(model) if is_measured else None
    noise = cr.GradientNoise(half_life_samples=10_000)
    samples = len(work.inputs)
    controller = cr.BatchSizeController(cr.NormTest(0.5), quantum=samples, most=2**20)
    held = cr.HeldSize(samples * MICRO_BATCHES)

    def step() -> None:
        nonlocal held
        for _ in range(MICRO_BATCHES):
            (cross_entropy(model(work.inputs), work.targets) / MICRO_BATCHES).backward()
        if seen is not None:
            noise.observe(seen.measure([samples] * MICRO_BATCHES))
            held = cr.HeldSize(*agreed_integers(lambda: controller.decide(noise.estimate, held)))
        optimizer.step()
        optimizer.zero_grad()

    return step


def processor_seconds(step: Callable[[], None]) -> float:
    start = time.process_time()
    step()
    return time.process_time() - start


def rows(*, quick: bool) -> Iterator[Row]:
    """A row for each model."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for work in works():
        milliseconds, percent = added(work, 40 if quick else 150)
        yield row(
            f"gradients measured and a size decided, {MICRO_BATCHES} micro-batches a step: {work.name}", "% more",
            {OURS: [percent]}, better=None, reach=Reach(at_most=3), packages=("torch",),
            note=f"{milliseconds:.1f} ms a step",
        )  # fmt: skip
    torch.set_num_threads(threads)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gradient_overhead", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    print_table(list(rows(quick=parser.parse_args().quick)))


if __name__ == "__main__":
    main()

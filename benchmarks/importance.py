"""Importance and hard examples on Fashion-MNIST: how much variance is saved, and whether it saves seconds.

Run ``python -m benchmarks.importance`` (``--quick``: one seed; ``--json FILE``). Results, as they came out, in
``importance.md``.

Two questions, apart. *Variance*: of the gradient of one draw, weighted so that it is unbiased, under each way of
drawing, at points of one plain training; exact, by each example's gradient norm. *Seconds*: processor time of the
training loop, of one thread and without the evaluations, and optimizer steps, until the loss on 10,000 training images
is down to a target; and test accuracy at the end of an equal time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from torch.nn import functional

import croupier as cr
from benchmarks.fashion_mnist import fashion_mnist
from croupier.torch import hardest, importance_sample, last_layer_bound, percentile_sample

BATCH, CANDIDATES, HIDDEN = 64, 192, 256
LEARNING_RATE, MOMENTUM = 0.05, 0.9
BUDGET_SECONDS = 20.0
TARGETS = (0.30, 0.25, 0.20)
CHECK_SECONDS = 0.5
WATCHED = slice(0, 10_000)


class Task:
    """The data, as tensors, and a network of one hidden layer."""

    def __init__(self, seed: int) -> None:
        (images, labels), (tests, answers) = fashion_mnist()
        self.images, self.labels = torch.from_numpy(images) - 0.286, torch.from_numpy(labels)
        self.tests, self.answers = torch.from_numpy(tests) - 0.286, torch.from_numpy(answers)
        torch.manual_seed(seed)
        self.model = torch.nn.Sequential(torch.nn.Linear(784, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 10))
        self.optimizer = torch.optim.SGD(self.model.parameters(), LEARNING_RATE, MOMENTUM)

    def step(self, ids: np.ndarray, weights: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Train on these rows; the logits and the losses."""
        rows = torch.tensor(ids)
        labels = self.labels[rows]
        logits = self.model(self.images[rows])
        losses = functional.cross_entropy(logits, labels, reduction="none")
        self.optimizer.zero_grad()
        (losses if weights is None else losses * weights).mean().backward()
        self.optimizer.step()
        return logits.detach(), losses.detach()

    @torch.no_grad()
    def logits(self, ids: np.ndarray) -> torch.Tensor:
        return self.model(self.images[torch.tensor(ids)])

    @torch.no_grad()
    def training_loss(self) -> float:
        return float(functional.cross_entropy(self.model(self.images[WATCHED]), self.labels[WATCHED]))

    @torch.no_grad()
    def accuracy(self) -> float:
        return float((self.model(self.tests).argmax(1) == self.answers).float().mean())

    @torch.no_grad()
    def norms_and_bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of all training rows: the squared norm of the gradient, the bound of the last layer, the loss."""
        first, _, last = self.model
        hidden = first(self.images).relu()
        logits = last(hidden)
        errors = logits.softmax(1)
        errors[torch.arange(len(errors)), self.labels] -= 1
        below = errors @ last.weight * (hidden > 0)
        squares = errors.square().sum(1) * (hidden.square().sum(1) + 1)
        squares += below.square().sum(1) * (self.images.square().sum(1) + 1)
        losses = functional.cross_entropy(logits, self.labels, reduction="none")
        return squares.double().numpy(), last_layer_bound(logits, self.labels).double().numpy(), losses.double().numpy()

    def mean_square(self) -> float:
        """The squared norm of the gradient over all rows."""
        self.model.zero_grad()
        functional.cross_entropy(self.model(self.images), self.labels).backward()
        return sum(float(parameter.grad.square().sum()) for parameter in self.model.parameters())


# Arms: each yields after every optimizer step.


def from_plan(order: Any, *, by_bound: bool = False, weighted: bool = True) -> Callable[[Task, int], Iterator[None]]:
    """A stage deals; what it learns by is reported."""

    def arm(task: Task, seed: int) -> Iterator[None]:
        plan = order if hasattr(order, "delta") else cr.chain(order, cr.FixedSize(BATCH), segment_ids=4096)
        plan = cr.chain(plan, segment_ids=4096) if hasattr(order, "delta") else plan
        dealer = cr.Dealer(plan, cr.Table(size=60_000), seed=seed)
        while True:
            for deal in dealer:
                weights = deal.columns.get("importance_weight") if weighted else None
                logits, losses = task.step(deal.ids, None if weights is None else torch.tensor(weights).float())
                if dealer.program.memory.learns:
                    scores = last_layer_bound(logits, task.labels[torch.tensor(deal.ids)]) if by_bound else losses
                    dealer.observe(deal, scores.numpy())
                yield

    return arm


def among_candidates(choose: Callable[..., Any], candidates: int) -> Callable[[Task, int], Iterator[None]]:
    """A batch of candidates is scored by a forward pass; 64 of them are trained on."""

    def arm(task: Task, seed: int) -> Iterator[None]:
        dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(candidates)), cr.Table(size=60_000), seed=seed)
        steps = 0
        while True:
            for deal in dealer:
                choice = choose(task, deal.ids, cr.Key(seed).child("choice", steps))
                task.step(deal.ids[choice.places.numpy()], getattr(choice, "weights", None))
                steps += 1
                yield

    return arm


def where_it_pays(task: Task, seed: int) -> Iterator[None]:
    """64 of 192 by the bound, with replacement, while the published test is on; else uniform ones, unscored."""
    dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(CANDIDATES)), cr.Table(size=60_000), seed=seed)
    test, steps = cr.GainTest(CANDIDATES, BATCH), 0
    while True:
        for deal in dealer:
            if test.is_on:
                bound = last_layer_bound(task.logits(deal.ids), task.labels[torch.tensor(deal.ids)])
                key = cr.Key(seed).child("choice", steps)
                choice = importance_sample(bound, BATCH, key, uniform_share=0.0, replacement=True)
                task.step(deal.ids[choice.places.numpy()], choice.weights)
            else:
                logits, _ = task.step(deal.ids[:BATCH])  # in random order already
                bound = last_layer_bound(logits, task.labels[torch.tensor(deal.ids[:BATCH])])
            test = test.after(cr.importance_gain(bound))
            steps += 1
            yield


def by_bound(task: Task, ids: np.ndarray, key: cr.Key) -> Any:
    return importance_sample(last_layer_bound(task.logits(ids), task.labels[torch.tensor(ids)]), BATCH, key)


def by_loss(task: Task, ids: np.ndarray) -> torch.Tensor:
    return functional.cross_entropy(task.logits(ids), task.labels[torch.tensor(ids)], reduction="none")


ARMS = {
    "uniform (Shuffle)": from_plan(cr.Shuffle()),
    "LossWeighted": from_plan(cr.LossWeighted()),
    "ImportanceSampled, bound": from_plan(cr.ImportanceSampled(), by_bound=True),
    "ImportanceSampled, bound, no weights (biased)": from_plan(cr.ImportanceSampled(), by_bound=True, weighted=False),
    "64 of 192 by the bound": among_candidates(by_bound, CANDIDATES),
    "64 of 192 by the bound where GainTest is on": where_it_pays,
    "64 of 128 by percentile, weighted": among_candidates(
        lambda task, ids, key: percentile_sample(by_loss(task, ids), 0.5, key), 128
    ),
    "hardest 64 of 192 (biased)": among_candidates(lambda task, ids, _: hardest(by_loss(task, ids), BATCH), CANDIDATES),
    "HardBatches, half (biased)": from_plan(cr.HardBatches(BATCH, 0.5)),
}


def timed(name: str, seed: int) -> dict[str, Any]:
    """Seconds until each target, steps made and accuracy at the end of the budget."""
    task = Task(seed)
    steps, spent, checked = 0, 0.0, 0.0
    reached: dict[float, tuple[float, int]] = {}
    began = process_time()
    for _ in ARMS[name](task, seed):
        steps += 1
        spent += process_time() - began
        if spent >= checked + CHECK_SECONDS:
            checked = spent
            loss = task.training_loss()
            reached |= {
                target: (round(spent, 2), steps) for target in TARGETS if loss <= target and target not in reached
            }
        if spent >= BUDGET_SECONDS:
            break
        began = process_time()
    return {"reached": reached, "steps": steps, "accuracy": task.accuracy(), "loss": task.training_loss()}


def variances(seed: int) -> list[dict[str, float]]:
    """The variance of one weighted draw's gradient under each way of drawing, over that of a uniform one."""
    task, arm, out = Task(seed), None, []
    arm = from_plan(cr.Shuffle())(task, seed)
    stale = np.ones(60_000)
    for epoch in range(6):
        squares, bounds, losses = task.norms_and_bounds()
        mean = task.mean_square()
        uniform = squares.mean() - mean
        ways = {"loss": losses, "bound": bounds, "gradient norm": np.sqrt(squares), "bound of an epoch before": stale}
        row = {"epoch": float(epoch), "tau of the bound": cr.importance_gain(bounds)}
        for way, scores in ways.items():
            for share in (0.0, 0.1):
                p = (1 - share) * scores / scores.sum() + share / scores.size
                drawn = squares > 0
                with np.errstate(divide="ignore"):  # a score of 0 for a gradient above it: no finite variance
                    second = (squares[drawn] / p[drawn]).sum() / scores.size**2
                row[f"{way}, {share}"] = float((second - mean) / uniform)
        out.append(row)
        stale = bounds
        for _ in range(60_000 // BATCH):
            next(arm)
    return out


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--json", type=Path)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    found = {"variance": variances(0), "seconds": {}}
    for row in found["variance"]:
        print("  ".join(f"{name} {value:.3f}" for name, value in row.items()), flush=True)
    for seed in range(1 if given.quick else 2):
        for name in ARMS:
            result = timed(name, seed)
            found["seconds"].setdefault(name, []).append(result)
            print(seed, name, result, flush=True)
    for name, results in found["seconds"].items():
        reached = [
            " / ".join("{} s, {}".format(*r["reached"][target]) if target in r["reached"] else "-" for r in results)
            for target in TARGETS
        ]
        accuracy = " / ".join(f"{100 * r['accuracy']:.2f}" for r in results)
        losses = " / ".join(f"{r['loss']:.3f}" for r in results)
        steps = " / ".join(str(r["steps"]) for r in results)
        print("| ".join([f"{name:50}", *(f"{text:20}" for text in reached), accuracy, losses, steps]))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

"""Batches that grow while the gradient's noise asks for it, under AdaGrad.

Lau, Liu, Kolar, "AdAdaGrad: adaptive batch size schemes for adaptive gradient methods" (2024, arXiv 2402.11215): a test
after each step says at which size the batch's gradient would be near enough to the true one; the batch grows to it and
never shrinks. The learning rate stays as it is.

Here the batch grows by accumulation: the plan deals micro-batches of one size, and the controller's integer says how
many make an optimizer step. Ours: the test's bias is removed (``cr.adadagrad`` is the published rule), norms are those
of micro-batches, which cost next to nothing; single samples are looked at only for the inner-product tests, one test in
so many steps; and everything that decides is in the checkpoint. A rate that follows the root of the size did better on
Fashion-MNIST (``benchmarks/adadagrad.md``).
"""

from collections.abc import Iterator
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

import croupier as cr
from croupier.torch import Accumulated, BatchSampler, GradientStatistics, Loader, agreed_integers, per_sample_norms


def loss_of(model: Any, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean loss of a batch."""
    return cross_entropy(model(inputs), targets)


class GrowingBatches:
    """A training whose batch size a controller decides.

    ``by_samples`` looks at single samples, and only where a test is due: needed for the inner-product tests.
    """

    def __init__(
        self,
        model: nn.Module,
        loader: Loader,
        controller: cr.BatchSizeController,
        *,
        start: int,
        by_samples: bool = False,
    ) -> None:
        self.model, self.controller, self.by_samples = model, controller, by_samples
        self.optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
        self.seen, self.noise = GradientStatistics(model), cr.GradientNoise(half_life_samples=5_000)
        self.held = cr.HeldSize(start)
        self.steps = Accumulated(loader, lambda: self.held.size // controller.quantum)

    def epoch(self) -> Iterator[tuple[int, float]]:
        """The samples and the loss of each optimizer step."""
        for step in self.steps:
            norms = self._norms_of_samples(step) if self.by_samples else None
            loss = 0.0
            for micro in step:
                scaled = loss_of(self.model, *micro.batch) * micro.loss_scale
                scaled.backward()
                loss += float(scaled.detach())
            of_groups = self.seen.measure(step)  # before clipping, and before an unscale_
            if self.by_samples:  # not every step is observed
                untested = self.held.size * (self.held.untested_steps + 1)
                self.noise.observe(norms, elapsed_samples=untested)
            else:
                self.noise.observe(of_groups)
            decided = agreed_integers(lambda: self.controller.decide(self.noise.estimate, self.held))
            self.held = cr.HeldSize(*decided)
            self.optimizer.step()
            self.optimizer.zero_grad()
            yield sum(len(micro.deal) for micro in step), loss

    def _norms_of_samples(self, step: list[Any]) -> cr.GradientNorms | None:
        if not self.controller.is_due(self.held):
            return None
        batch = tuple(torch.cat(parts) for parts in zip(*(micro.batch for micro in step), strict=True))
        return per_sample_norms(self.model, loss_of, batch, with_inner=True) if len(batch[0]) >= 4 else None

    def state_dict(self) -> dict[str, Any]:
        """Take it after a step."""
        parts = {name: getattr(self, name).state_dict() for name in ("model", "optimizer", "noise", "steps")}
        return {**parts, "held": list(self.held)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on bit for bit."""
        for name in ("model", "optimizer", "noise", "steps"):
            getattr(self, name).load_state_dict(state[name])
        self.held = cr.HeldSize(*state["held"])


def digits(controller: cr.BatchSizeController, *, seed: int = 0, **settings: Any) -> GrowingBatches:
    """1,797 pictures of digits, dealt in the controller's quanta, and a network of one hidden layer."""
    images, labels = load_digits(return_X_y=True)
    dataset = list(zip(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels), strict=True))
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(controller.quantum))
    loader = Loader(dataset, BatchSampler(plan, cr.Table(size=len(dataset)), seed=seed))
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return GrowingBatches(model, loader, controller, start=2 * controller.quantum, **settings)


if __name__ == "__main__":
    torch.set_num_threads(1)
    corrected = cr.BatchSizeController(cr.NormTest(eta=1.0), quantum=4, most=512)
    augmented = cr.BatchSizeController(
        cr.AugmentedTest(theta=0.9, nu=2.0), quantum=4, most=512, pace=cr.ResizePace(confidence=0.9)
    )
    for name, controller, settings in (
        ("norm test, corrected", corrected, {}),
        ("norm test, as published", cr.adadagrad(cr.NormTest(eta=1.0), quantum=4, most=512), {}),
        ("augmented inner product, corrected", augmented, {"by_samples": True}),
    ):
        training = digits(controller, **settings)
        epochs = [list(training.epoch()) for _ in range(4)]
        print(name, "| steps an epoch:", *map(len, epochs), "| sizes:", *(epoch[-2][0] for epoch in epochs), end=" ")
        print("| last loss:", round(sum(loss for _, loss in epochs[-1]) / len(epochs[-1]), 3))

"""Train on adversarial examples that are made while the step before is computed, from the weights before that step.

Source: Liu et al., "Concurrent adversarial learning for large-batch training" (ConAdv, ICLR 2022, 2106.00221): making
an adversarial example takes a gradient of its own, and waiting for it would double the time of a step. So it is taken
at stale weights, by others, in parallel. Of the paper the abstract and reviews were read; ours: one step of the sign
of the gradient, half of the loss on each kind, no batch norm of its own for adversarial examples, a thread for workers.

What makes it simple is a plan: the next batch is known while this one is trained. And it is the same run however fast
the thread is: batch t is attacked at the weights before update t - 1, also after a restart, for these are in the state.
"""

import copy
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import croupier as cr

Data = tuple[Tensor, Tensor]


def attacked(model: nn.Module, inputs: Tensor, labels: Tensor, size: float) -> Tensor:
    """Inputs moved by ``size`` in every coordinate, in the direction that raises the loss."""
    inputs = inputs.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(model(inputs), labels), inputs)
    return (inputs + size * gradient.sign()).detach()


class Adversary:
    """Attacks the batch to come beside the training of the present one."""

    def __init__(self, model: nn.Module, size: float) -> None:
        self.model, self.size = model, size
        # A model of its own: one whose weights are swapped for a call must not be in use elsewhere.
        self.other = copy.deepcopy(model).requires_grad_(requires_grad=False).eval()
        self.stale: dict[str, Tensor] | None = None

    def over(self, dealer: cr.Dealer, data: Data) -> Iterator[tuple[cr.Deal, Tensor]]:
        """The deals of an epoch, each with its adversarial inputs; update the weights before asking for the next."""
        with ThreadPoolExecutor(max_workers=1) as maker:
            deals = dealer.run_ahead()
            coming = self._begun(maker, next(deals, None), data)
            while coming is not None:
                deal, made = coming
                self.stale = self._weights()
                coming = self._begun(maker, next(deals, None), data)
                dealer.receive(deal)
                yield deal, made.result()
            dealer.complete()

    def state_dict(self) -> dict[str, Any]:
        """The weights that the batch to come is attacked at."""
        return {} if self.stale is None else self.stale

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with those."""
        self.stale = {name: weight.clone() for name, weight in state.items()} or None

    def _weights(self) -> dict[str, Tensor]:
        return {name: weight.detach().clone() for name, weight in self.model.state_dict().items()}

    def _begun(
        self, maker: ThreadPoolExecutor, deal: cr.Deal | None, data: Data
    ) -> tuple[cr.Deal, Future[Tensor]] | None:
        weights = self._weights() if self.stale is None else self.stale
        return None if deal is None else (deal, maker.submit(self._made, weights, data[0][deal], data[1][deal]))

    def _made(self, weights: dict[str, Tensor], inputs: Tensor, labels: Tensor) -> Tensor:
        self.other.load_state_dict(weights)
        return attacked(self.other, inputs, labels, self.size)


def step(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, made: Tensor, labels: Tensor) -> None:
    """Update by clean and adversarial inputs alike."""
    optimizer.zero_grad()
    cross_entropy(model(torch.cat([inputs, made])), torch.cat([labels, labels])).backward()
    optimizer.step()


def digits() -> tuple[Data, Data]:
    """1,500 images of 8 x 8 to train on, and 297."""
    images, labels = load_digits(return_X_y=True)
    inputs, labels = torch.from_numpy(images / 16).float(), torch.from_numpy(labels)
    return (inputs[:1500], labels[:1500]), (inputs[1500:], labels[1500:])


def accuracies(model: nn.Module, data: Data, size: float) -> tuple[float, float]:
    """On clean inputs, and on those attacked at these very weights."""
    inputs, labels = data
    found = [model(each).argmax(dim=1) == labels for each in (inputs, attacked(model, inputs, labels, size))]
    return found[0].double().mean().item(), found[1].double().mean().item()


def begun(seed: int) -> tuple[cr.Dealer, nn.Module, torch.optim.Optimizer]:
    """A dealer of the training images, and what is trained."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(150)), cr.Table(size=1500), seed=seed)
    return dealer, model, torch.optim.Adam(model.parameters(), lr=0.01)


if __name__ == "__main__":
    torch.set_num_threads(1)
    data, held_out = digits()
    for name, size in {"without": 0.0, "concurrent": 0.1}.items():
        dealer, model, optimizer = begun(seed=0)
        adversary = Adversary(model, size)
        for _ in range(20):
            for deal, made in adversary.over(dealer, data):
                step(model, optimizer, data[0][deal], made, data[1][deal])
        clean, under_attack = accuracies(model, held_out, size=0.1)
        print(f"{name}: accuracy {clean:.3f}, under attack {under_attack:.3f}")

"""Train with large batches: rates of each layer by a library, batch norm over ghosts, a rate that follows the batch.

- You, Gitman, Ginsburg, "Large batch training of convolutional networks" (LARS, 1708.03888); You et al., "Large batch
  optimization for deep learning" (LAMB, ICLR 2020, 1904.00962): a layer's step is in proportion to its weights' norm.
  Both are in pytorch_optimizer (4.1.0 of 2026 was read; torch_optimizer has been still since 2021, timm has them too).
  Its ``Lamb`` has the weight decay inside the ratio, as in the paper, only with ``weight_decouple=False``; and without
  ``adam_debias=True`` its first step is ten times as long as asked, for half of the bias correction is then applied.
- Hoffer, Hubara, Soudry, "Train longer, generalize better" (NeurIPS 2017, 1705.08741): batch norm over ghost batches,
  the rate times the root of the batch (LARS: times the batch), and as many epochs more as keep the number of steps.

Ours: ghosts have one size whatever the batch is, so that statistics mean the same while it grows; a rest of less than
half a ghost joins the last one, and running statistics move by rows: a batch of four ghosts is as four batches.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import batch_norm, cross_entropy

import croupier as cr

LAMB: dict[str, Any] = {"weight_decouple": False, "adam_debias": True}
LARS: dict[str, Any] = {"momentum": 0.9, "trust_coefficient": 0.02}  # of the paper's networks: 0.001


def ghost_sizes(rows: int, ghost: int) -> list[int]:
    """Of the parts that a batch is cut into: each as asked but the last, which has a half to one and a half of that."""
    whole, rest = divmod(rows, ghost)
    if not whole:
        return [rows]
    return [ghost] * (whole - 1) + ([ghost + rest] if 2 * rest < ghost else [ghost, rest])


class Ghost(nn.Module):
    """A batch norm, of any dimensions, whose statistics are those of parts of a batch."""

    def __init__(self, norm: nn.Module, rows: int) -> None:
        super().__init__()
        if norm.momentum is None or not norm.track_running_stats:
            raise ValueError("norm must have running statistics with a momentum, for these move by the rows of a ghost")
        self.norm, self.rows = norm, rows

    def forward(self, inputs: Tensor) -> Tensor:
        """As the norm where it does not train."""
        if not self.training:
            return self.norm(inputs)
        return torch.cat([self._of(part) for part in inputs.split(ghost_sizes(len(inputs), self.rows))])

    def _of(self, part: Tensor) -> Tensor:
        norm = self.norm
        momentum = 1 - (1 - norm.momentum) ** (len(part) / self.rows)
        statistics = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        return batch_norm(part, *statistics, training=True, momentum=momentum, eps=norm.eps)


def ghosted(model: nn.Module, rows: int) -> nn.Module:
    """The model with every batch norm in it so wrapped."""
    for name, child in model.named_children():
        is_norm = isinstance(child, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d))
        setattr(model, name, Ghost(child, rows) if is_norm else ghosted(child, rows))
    return model


def groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Vectors, biases and norms, have neither decay nor a rate of their own."""
    of_kind = [[p for p in model.parameters() if (p.ndim > 1) == is_matrix] for is_matrix in (True, False)]
    return [
        {"params": of_kind[0], "weight_decay": weight_decay},
        {"params": of_kind[1], "weight_decay": 0.0, "adam": True},  # what Lamb calls a ratio of 1; others pass it over
    ]


@dataclass(frozen=True, slots=True)
class Rate:
    """Up in a line, then down as a power of what is left: of samples, so that no batch changes what it means."""

    peak: float
    warm_up_samples: int
    run_samples: int
    power: float = 2.0

    def __call__(self, samples: int) -> float:
        """After so many samples."""
        left = max(0.0, 1 - samples / self.run_samples)
        return self.peak * min(1.0, (samples + 1) / self.warm_up_samples) * left**self.power


def scaled(rate: float, batch: int, base_batch: int, power: float) -> float:
    """A rate found at one batch, for another: power 1/2 for Adam and LAMB, 1 for SGD and LARS."""
    return rate * (batch / base_batch) ** power


def train(dealer: cr.Dealer, data: tuple[Tensor, Tensor], model: nn.Module, optimizer: Any, rate: Rate) -> None:
    """An epoch."""
    for deal in dealer:
        for group in optimizer.param_groups:
            group["lr"] = rate(deal.start.samples)
        optimizer.zero_grad()
        cross_entropy(model(data[0][deal]), data[1][deal]).backward()
        optimizer.step()


def trial(batch: int, peak: float, make: Callable[[list[dict[str, Any]]], Any], seed: int = 0) -> float:
    """Accuracy on 297 digits after 20 epochs of 1,500, with ghosts of 25 rows."""
    images, labels = load_digits(return_X_y=True)
    inputs, labels = torch.from_numpy(images / 16).float(), torch.from_numpy(labels)
    torch.manual_seed(seed)
    layers = (nn.Linear(64, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
    model = ghosted(nn.Sequential(*layers), rows=25)
    optimizer, rate = make(groups(model, weight_decay=1e-3)), Rate(peak, 3_000, 30_000)
    dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(batch)), cr.Table(size=1500), seed=seed)
    for _ in range(20):
        train(dealer, (inputs, labels), model, optimizer, rate)
    with torch.no_grad():
        return (model.eval()(inputs[1500:]).argmax(dim=1) == labels[1500:]).double().mean().item()


if __name__ == "__main__":
    import pytorch_optimizer as library

    torch.set_num_threads(1)
    print(f"SGD, batch 25: {trial(25, 0.1, lambda g: torch.optim.SGD(g, momentum=0.9)):.3f}")
    for batch in (250, 750):
        print(f"SGD, batch {batch}: {trial(batch, 0.1, lambda g: torch.optim.SGD(g, momentum=0.9)):.3f}", end=", ")
        peak = scaled(0.1, batch, 25, power=1.0)
        print(
            f"rate times {batch // 25}: {trial(batch, peak, lambda g: torch.optim.SGD(g, momentum=0.9)):.3f}", end=", "
        )
        print(f"LARS {trial(batch, peak, lambda g: library.LARS(g, **LARS)):.3f}", end=", ")
        print(f"LAMB {trial(batch, scaled(0.01, batch, 25, 0.5), lambda g: library.Lamb(g, **LAMB)):.3f}")

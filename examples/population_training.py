"""Train a population whose worst members take over from the best and vary their rates; then replay what was found.

Source: Jaderberg et al., "Population based training of neural networks" (1711.09846). After every turn the last quarter
by score copies weights and rates of a member drawn from the first quarter (exploit), and multiplies each rate by 1.2 or
0.8, or draws it anew (explore; one time in four, as Ray Tune does by default). Here members begin with equal weights.

The schedule that won is made of turns of several members. Ours: its data can be had again, so that a run alone, on one
member's hardware, ends with the same weights bit for bit. Where the data stand after an exploit is a choice:

- one stream for all: the position is that of the whole population, and copying it changes nothing. Members are compared
  on the same batches, which are fetched once: each member rewinds to where the turn began.
- a stream a member: each keeps its own position, as one whose worker is not told to load another's; a lineage changes
  streams where it was copied, and its turns say which.

``population_on_ray.py`` has Ray Tune choose instead, for many workers.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import croupier as cr
from croupier.torch import BatchSampler, Loader, Rewindable

Turn = tuple[int, dict[str, float]]
"""The stream whose batches a member trained on, and the rates it did so with."""


@dataclass
class Member:
    """A model that trains; ``rates`` are entries of the optimizer's groups, ``turns`` how it came to its weights."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Callable[[nn.Module, Any], Tensor]
    rates: dict[str, float]
    turns: list[Turn] = field(default_factory=list)

    def train(self, stream: int, batches: Iterable[Any]) -> None:
        """A turn; what dropout draws depends on which one it is alone."""
        self.turns.append((stream, dict(self.rates)))
        torch.manual_seed(len(self.turns))
        for group in self.optimizer.param_groups:
            group.update(self.rates)
        for batch in batches:
            self.optimizer.zero_grad()
            self.loss(self.model, batch).backward()
            self.optimizer.step()

    def saved(self) -> dict[str, Any]:
        """A copy, plain enough for ``torch.load(weights_only=True)``."""
        model, optimizer = self.model.state_dict(), self.optimizer.state_dict()
        return deepcopy({"model": model, "optimizer": optimizer, "rates": self.rates, "turns": self.turns})

    def load(self, saved: Mapping[str, Any]) -> None:
        """All of what another member is."""
        mine = deepcopy(dict(saved))
        self.model.load_state_dict(mine["model"])
        self.optimizer.load_state_dict(mine["optimizer"])
        self.rates, self.turns = mine["rates"], mine["turns"]


@dataclass(frozen=True, slots=True)
class Evolution:
    """Who takes over from whom, and with which rates; ``ranges`` are the lowest and the highest of each rate."""

    ranges: Mapping[str, tuple[float, float]]
    quantile: float = 0.25
    resample_probability: float = 0.25
    factors: tuple[float, float] = (1.2, 0.8)
    seed: int = 0

    def drawn(self, generator: np.random.Generator) -> dict[str, float]:
        """New rates, even on a scale of logarithms."""
        return {name: float(np.exp(generator.uniform(*np.log(ends)))) for name, ends in self.ranges.items()}

    def explored(self, rates: Mapping[str, float], generator: np.random.Generator) -> dict[str, float]:
        """Each rate times a factor, or drawn anew."""
        new = self.drawn(generator)
        for name, rate in rates.items():
            factor = self.factors[generator.integers(2)]
            if generator.random() >= self.resample_probability:
                new[name] = rate * factor
        return new

    def __call__(self, members: Sequence[Member], scores: Sequence[float], turn: int) -> None:
        """Let the last take over from the first."""
        generator = np.random.default_rng((self.seed, turn))
        ranked = np.argsort(scores, kind="stable")
        few = min(int(np.ceil(len(members) * self.quantile)), len(members) // 2)
        for worst in ranked[:few]:
            best = members[generator.choice(ranked[-few:])]
            members[worst].load(best.saved())
            members[worst].rates = self.explored(best.rates, generator)


def evolve(
    members: Sequence[Member],
    streams: Sequence[Rewindable],
    score: Callable[[nn.Module], float],
    evolution: Evolution,
    turns: int,
    steps: int,
) -> Member:
    """The member with the best score in the end; its ``turns`` are the schedule. One stream for all, or one each."""
    scores: list[float] = []
    for turn in range(turns):
        if turn:
            evolution(members, scores, turn)
        marks = [stream.mark() for stream in streams]
        for number, member in enumerate(members):
            shared = number % len(streams)
            streams[shared].rewind(marks[shared])
            member.train(shared, islice(streams[shared], steps))
        for stream, mark in zip(streams, marks, strict=True):
            stream.release(mark)
        scores = [score(member.model) for member in members]
    return members[int(np.argmax(scores))]


def replay(turns: Sequence[Turn], member: Member, streams: Sequence[Rewindable], steps: int) -> None:
    """Train one member, as new, by a schedule that was found, on streams as new."""
    for trained_on, rates in turns:
        member.rates = dict(rates)
        for number, stream in enumerate(streams):
            batches = islice(stream, steps)
            if number == trained_on:
                member.train(number, batches)
            deque(batches, maxlen=0)  # those that others trained on


def digits(rates: dict[str, float]) -> Member:
    """A small network for handwritten digits."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9)
    return Member(model, optimizer, lambda model, batch: cross_entropy(model(batch[0]), batch[1]), dict(rates))


def digits_stream(seed: int = 0) -> Rewindable:
    """1,500 of them in batches of 25."""
    images, labels = (torch.from_numpy(part)[:1500] for part in load_digits(return_X_y=True))
    data = torch.utils.data.TensorDataset(images.float() / 16, labels)
    sampler = BatchSampler(cr.chain(cr.Shuffle(), cr.FixedSize(25)), cr.Table(size=1500), seed=seed)
    return Rewindable(Loader(data, sampler, generator=torch.Generator()))


def digits_score(model: nn.Module) -> float:
    """Minus the loss on the 297 others."""
    images, labels = (torch.from_numpy(part)[1500:] for part in load_digits(return_X_y=True))
    with torch.no_grad():
        loss = cross_entropy(model.eval()(images.float() / 16), labels).item()
    model.train()
    return -loss if np.isfinite(loss) else -np.inf


if __name__ == "__main__":
    torch.set_num_threads(1)
    evolution, generator = Evolution({"lr": (1e-4, 1.0), "weight_decay": (1e-5, 1e-1)}), np.random.default_rng(0)
    first = [evolution.drawn(generator) for _ in range(8)]
    for seeds in ([0], range(8)):
        best = evolve([digits(rates) for rates in first], [*map(digits_stream, seeds)], digits_score, evolution, 10, 60)
        alone = digits({})
        replay(best.turns, alone, [*map(digits_stream, seeds)], 60)
        same = all(map(torch.equal, best.model.state_dict().values(), alone.model.state_dict().values()))
        print(f"{len(seeds)} streams: loss {-digits_score(best.model):.3f}, replayed alone the same: {same}; rates:")
        print(*(f"{rates['lr']:.3f}" for _, rates in best.turns))
    for rates in first:
        constant = digits(rates)
        replay([(0, rates)] * 10, constant, [digits_stream()], 60)
        print(f"rate {rates['lr']:.3f} all along: loss {-digits_score(constant.model):.3f}")

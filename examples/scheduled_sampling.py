"""Scheduled sampling where it must help: answers that are best copied from the answer before, as long as it is true.

A hidden side, left or right, changes now and then. Each row is a noisy sight of it, then the side, then the next sight,
and so on: what imitation learning calls a copycat (Wen et al., "Fighting copycat agents in behavioral cloning from
observation histories", NeurIPS 2020). Given the true answers, even the best predictor says what was said before; left
alone, it says its first answer to the end. Those who learn from their own answers have to add up what they see.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import croupier as cr
from self_generated_tokens import NO_LABEL, Batch, InverseSigmoid, Linear, greedy, interleaved, scheduled

SIDES, CHANGE, RIGHT_SIGHT = 24, 0.05, 0.75
ROWS, BATCH_ROWS, PASSES = 2048, 64, 8

Schedule = Callable[[int], float]


class Reader(nn.Module):
    """A causal model of a few thousand weights."""

    def __init__(self, tokens: int = 4, width: int = 24) -> None:
        super().__init__()
        self.embed, self.reads = nn.Embedding(tokens, width), nn.GRU(width, width, batch_first=True)
        self.says = nn.Linear(width, tokens)

    def forward(self, tokens: Tensor, is_there: Tensor) -> Tensor:
        """Filling stands at the end, where a causal model does not see it."""
        return self.says(self.reads(self.embed(tokens))[0])


def copycat(rows: int, seed: int) -> Tensor:
    """Sights 0 and 1, each followed by the side, 2 or 3, shape (rows, 2 SIDES)."""
    rng = np.random.default_rng(seed)
    changes = rng.random((rows, SIDES)) < np.where(np.arange(SIDES), CHANGE, 0.5)
    sides = np.cumsum(changes, axis=1) % 2
    sights = sides ^ (rng.random((rows, SIDES)) >= RIGHT_SIGHT)
    return torch.from_numpy(np.stack([sights, sides + 2], axis=2).reshape(rows, -1))


def as_batch(rows: Tensor, ids: list[int]) -> Batch:
    """Sights are given, sides are answers."""
    is_answer = (torch.arange(rows.shape[1]) % 2 == 1).expand(len(ids), -1)
    return Batch(ids, rows[ids], torch.ones_like(is_answer), is_answer)


def loss_of(model: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
    """A mean over labels, as models of transformers take it."""
    logits = model(inputs["input_ids"], inputs["attention_mask"])[:, :-1]
    return cross_entropy(logits.flatten(0, 1), inputs["labels"][:, 1:].flatten(), ignore_index=NO_LABEL)


@torch.no_grad()
def accuracies(model: nn.Module, rows: Tensor) -> tuple[float, float]:
    """Of the likeliest answers: given the true ones before, and given its own."""
    batch = as_batch(rows, list(range(len(rows))))
    found = [
        interleaved(model, batch, batch.is_answer, torch.zeros(rows.shape), greedy, passes) for passes in (1, SIDES)
    ]
    said = [(one == rows)[batch.is_answer].double().mean().item() for one in found]
    return said[0], said[1]


def train(
    dealer: cr.Dealer, rows: Tensor, model: nn.Module, optimizer: torch.optim.Optimizer, true_share: Schedule
) -> Iterator[cr.Deal]:
    """An epoch; the states of dealer, model and optimizer are all that a restart needs."""
    for deal in dealer:
        batch, share, key = as_batch(rows, deal), true_share(deal.cursor.samples), cr.Key(0).child(deal.epoch)
        inputs = scheduled(model, batch, share, key, greedy, PASSES) if share < 1 else batch.inputs(batch.tokens)
        optimizer.zero_grad()
        loss_of(model, inputs).backward()
        optimizer.step()
        yield deal


if __name__ == "__main__":
    torch.set_num_threads(1)
    rows, held_out = copycat(ROWS, seed=0), copycat(512, seed=1)
    plan, table = cr.chain(cr.Shuffle(), cr.FixedSize(BATCH_ROWS)), cr.Table(size=ROWS)
    arms = {"teacher forcing": Linear(least=1.0, slope=0.0, unit=1), "own tokens": InverseSigmoid(4, 2 * BATCH_ROWS)}
    for name, true_share in arms.items():
        torch.manual_seed(0)
        dealer, model = cr.Dealer(plan, table, seed=0), Reader()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(2):
            samples = [deal.cursor.samples for deal in train(dealer, rows, model, optimizer, true_share)][-1]
            given, alone = accuracies(model, held_out)
            print(f"{name}, {samples} samples: accuracy {given:.3f} given true answers, {alone:.3f} alone")

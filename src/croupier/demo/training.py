"""Train one small language model on one plan, and say how long it took and how good it got."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu

from croupier.batch.sorted_windows import SortedWindows
from croupier.batch.token_budget import TokenBudget
from croupier.core.chain import Chain, chain
from croupier.demo.corpus import VOCABULARY, Corpus
from croupier.order.sequential import Sequential
from croupier.torch.batch_sampler import BatchSampler
from croupier.torch.loader import Loader

__all__ = ["LanguageModel", "Texts", "Trained", "pad", "token_losses", "train"]


class LanguageModel(nn.Module):
    """Predict the next token with a few dilated causal convolutions: its cost is that of the padded tokens."""

    def __init__(self, width: int = 48, layers: int = 4) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, width, padding_idx=0)
        nn.init.normal_(self.embed.weight, std=0.1)
        self.layers = nn.ModuleList(nn.Conv1d(width, width, 2, dilation=2**layer) for layer in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Token numbers (b, t) to logits (b, t, vocabulary)."""
        hidden = self.embed(tokens).transpose(1, 2)
        for layer, convolve in enumerate(self.layers):
            hidden = hidden + gelu(convolve(nn.functional.pad(hidden, (2**layer, 0))))
        return self.norm(hidden.transpose(1, 2)) @ self.embed.weight.T


class Texts(torch.utils.data.Dataset[torch.Tensor]):
    """A corpus as a map-style dataset."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus

    def __len__(self) -> int:
        return len(self.corpus)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self.corpus[index])


def pad(texts: list[torch.Tensor]) -> torch.Tensor:
    """Pad to the longest of the batch, as any collate function does."""
    return nn.utils.rnn.pad_sequence(texts, batch_first=True)


def token_losses(model: LanguageModel, tokens: torch.Tensor) -> torch.Tensor:
    """The loss of each real token after the first, flat: padding is computed, as everywhere, and then left out."""
    logits, targets = model(tokens[:, :-1]), tokens[:, 1:]
    losses = cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1), reduction="none")
    return losses[targets.reshape(-1) > 0]


@dataclass(frozen=True, slots=True)
class Trained:
    """What one training cost and gave."""

    seconds: float
    steps: int
    examples: int
    tokens: int
    padded_tokens: int
    held_out_loss: float

    @property
    def padding(self) -> float:
        """Share of the computed tokens that was padding."""
        return 1.0 - self.tokens / self.padded_tokens


def train(
    plan: Chain, corpus: Corpus, held_out: Corpus, *, epochs: int, seed: int, tick: Callable[[int], None]
) -> Trained:
    """Train on a plan for some epochs; every plan sees the same examples, from the same initial weights.

    ``tick`` is called with the examples of each step; evaluation is not part of the time.
    """
    torch.manual_seed(seed)
    model = LanguageModel()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    loader = Loader(Texts(corpus), BatchSampler(plan, corpus.table(), seed=seed, rank=0, world_size=1), collate_fn=pad)
    total_steps = len(loader) * epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=6e-3, total_steps=total_steps + 64)
    steps = examples = tokens = padded_tokens = 0
    start = time.perf_counter()
    for _ in range(epochs):
        for batch in loader:
            optimizer.zero_grad(set_to_none=True)
            token_losses(model, batch).mean().backward()
            optimizer.step()
            schedule.step()
            steps += 1
            examples += len(loader.deal)
            tokens += int(loader.deal.columns["length"].sum())
            padded_tokens += batch.numel()
            tick(len(loader.deal))
    seconds = time.perf_counter() - start
    return Trained(seconds, steps, examples, tokens, padded_tokens, held_out_loss(model, held_out))


@torch.no_grad()
def held_out_loss(model: LanguageModel, corpus: Corpus) -> float:
    """Mean loss per token of texts the model has not seen."""
    plan = chain(Sequential(), SortedWindows(2**14, shuffle_batches=False), TokenBudget(16_384))
    loader = Loader(Texts(corpus), BatchSampler(plan, corpus.table(), seed=0, rank=0, world_size=1), collate_fn=pad)
    losses = torch.cat([token_losses(model, batch) for batch in loader])
    return float(np.mean(losses.numpy(), dtype=np.float64))

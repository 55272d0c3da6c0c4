"""Train on a model's own tokens: as context that the truth is interleaved with, or as a wrong answer to correct.

Source: Cen et al., "Bridging the training-inference gap in LLMs by leveraging self-generated tokens" (TMLR 2025,
2410.14655). From the abstract: Batch-Scheduled Sampling chooses at random between the truth and the model's own token
as context, offline; Reference-Answer-based Correction trains the model to correct what it generated. Our reading, for
no more could be read: labels stay the truth; passes; and answers that were right are kept, so that they are not undone.
Schedules: Bengio et al., "Scheduled sampling" (NeurIPS 2015, 1506.03099), here of samples, and so of no counter.

A token of a context is own by a draw of (key, id, position): on any rank and after any restart the same. A pass turns
all own tokens of a batch into what the model says to the context of the pass before (Duckworth et al., "Parallel
scheduled sampling", 1906.04331); after n passes the first n of each row are what generating one by one gives. The
model may be one of some time ago, and then contexts may be made beforehand: that is what offline means.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

import croupier as cr

Model = Callable[[Tensor, Tensor], Tensor]  # causal: tokens and which of them are there, both (b, t), to (b, t, v)
Pick = Callable[[Tensor, Tensor], Tensor]  # logits (b, t, v) and draws in [0, 1) to tokens, both (b, t)
NO_LABEL = -100


@dataclass(frozen=True, slots=True)
class Linear:
    """The share of true tokens max(least, first - slope i), for i = samples / unit; unit was the batch in the paper."""

    least: float
    slope: float
    unit: int
    first: float = 1.0

    def __call__(self, samples: int) -> float:
        """The share after so many samples: ``share(dealer.cursor.samples)``."""
        return max(self.least, self.first - self.slope * samples / self.unit)


@dataclass(frozen=True, slots=True)
class Exponential:
    """k**i, for k < 1."""

    k: float
    unit: int

    def __call__(self, samples: int) -> float:
        """The share after so many samples."""
        return self.k ** (samples / self.unit)


@dataclass(frozen=True, slots=True)
class InverseSigmoid:
    """k / (k + exp(i / k)), for k >= 1: one half at i = k ln k; written so that no i overflows."""

    k: float
    unit: int

    def __call__(self, samples: int) -> float:
        """The share after so many samples."""
        return 0.5 - 0.5 * math.tanh(0.5 * (samples / self.unit / self.k - math.log(self.k)))


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows (b, t) of tokens, filled up at the end: which are there, and which are answers, that a model generates."""

    ids: Sequence[int]
    tokens: Tensor
    is_there: Tensor
    is_answer: Tensor

    @classmethod
    def of(cls, ids: Sequence[int], contexts: Sequence[Tensor], answers: Sequence[Tensor], pad: int = 0) -> "Batch":
        """From what each row begins with and what follows, of any lengths: a correction begins with a first answer."""
        kinds = [torch.tensor([1] * len(c) + [2] * len(a)) for c, a in zip(contexts, answers, strict=True)]
        rows = [torch.cat(pair) for pair in zip(contexts, answers, strict=True)]
        kind = pad_sequence(kinds, batch_first=True)
        return cls(ids, pad_sequence(rows, batch_first=True, padding_value=pad), kind > 0, kind == 2)

    def inputs(self, context: Tensor) -> dict[str, Tensor]:
        """What models of transformers take, who shift labels themselves: no label on context and filling."""
        labels = self.tokens.masked_fill(~self.is_answer, NO_LABEL)
        return {"input_ids": context, "attention_mask": self.is_there.long(), "labels": labels}

    def draws(self, key: cr.Key) -> Tensor:
        """A number in [0, 1) for every token."""
        places = np.asarray(self.ids)[:, None] * 2**24 + np.arange(self.tokens.shape[1])
        return torch.from_numpy((cr.draws(key.bits, places.ravel()) >> np.uint64(11)).reshape(places.shape) / 2.0**53)


def greedy(logits: Tensor, _draws: Tensor) -> Tensor:
    """The likeliest."""
    return logits.argmax(dim=-1)


def sampled(logits: Tensor, draws: Tensor) -> Tensor:
    """Each with its probability, by these draws."""
    passed = logits.double().softmax(dim=-1).cumsum(dim=-1) <= draws[..., None]
    return passed.sum(dim=-1).clamp(max=logits.shape[-1] - 1)


@torch.no_grad()
def interleaved(model: Model, batch: Batch, is_own: Tensor, draws: Tensor, pick: Pick, passes: int) -> Tensor:
    """The context (b, t) with the model's own tokens where ``is_own``, after so many passes or where none changes."""
    context = batch.tokens
    for _ in range(passes):
        own = pick(model(context, batch.is_there)[:, :-1], draws[:, 1:])
        ahead = torch.where((is_own & batch.is_answer)[:, 1:], own, batch.tokens[:, 1:])
        before, context = context, torch.cat([batch.tokens[:, :1], ahead], dim=1)
        if torch.equal(before, context):
            break
    return context


def scheduled(
    model: Model, batch: Batch, true_share: float, key: cr.Key, pick: Pick = sampled, passes: int = 1
) -> dict[str, Tensor]:
    """A batch whose answers are own tokens in the context, but for a share, and the truth in the labels."""
    is_own = batch.draws(key.child("own")) >= true_share
    return batch.inputs(interleaved(model, batch, is_own, batch.draws(key.child("token")), pick, passes))


def generated(model: Model, ids: Sequence[int], contexts: Sequence[Tensor], length: int) -> list[Tensor]:
    """A greedy answer of so many tokens to each context; a model's own ``generate`` is faster."""
    batch = Batch.of(ids, contexts, [torch.zeros(length, dtype=torch.long)] * len(contexts))
    own = interleaved(model, batch, batch.is_answer, torch.zeros(batch.tokens.shape), greedy, length)
    return [row[is_answer] for row, is_answer in zip(own, batch.is_answer, strict=True)]

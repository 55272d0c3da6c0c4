"""How good batches are, computed from ids and lengths alone: the same for ours and for every peer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Epoch:
    """The batches of one epoch as dealt: batch ``b`` is ``ids[offsets[b]:offsets[b + 1]]``."""

    ids: Int64
    offsets: Int64

    @classmethod
    def of(cls, batches: Iterable[Sequence[int]]) -> Epoch:
        """From a list of lists of ids, as samplers give them."""
        listed = list(batches)
        ids = np.fromiter((i for batch in listed for i in batch), dtype=np.int64)
        return cls(ids, np.cumsum([0, *map(len, listed)]))

    @property
    def sizes(self) -> Int64:
        return np.diff(self.offsets)


@dataclass(frozen=True)
class BatchFacts:
    """Examples, tokens and longest example of each batch, in the order dealt."""

    examples: Int64
    tokens: Int64
    longest: Int64

    @classmethod
    def of(cls, epoch: Epoch, lengths: npt.NDArray[np.integer]) -> BatchFacts:
        dealt = lengths[epoch.ids].astype(np.int64)
        starts = epoch.offsets[:-1]
        return cls(epoch.sizes, np.add.reduceat(dealt, starts), np.maximum.reduceat(dealt, starts))

    @property
    def padded(self) -> Int64:
        """Tokens of each batch with padding to its longest."""
        return self.examples * self.longest


def padding_percent(facts: BatchFacts) -> float:
    """Padding among all tokens computed: a ratio of sums, not a mean of ratios."""
    return 100 * (1 - float(facts.tokens.sum() / facts.padded.sum()))


def fill(facts: BatchFacts, max_tokens: int) -> float:
    """How much of the budget the mean batch uses, padding included."""
    return float(facts.padded.mean() / max_tokens)


def adjacent_correlation(epochs: Iterable[BatchFacts], lanes: int = 1) -> float:
    """Pearson correlation of the mean length of a step with that of the next, a step being `lanes` batches.

    Pairs are pooled over the epochs; a last incomplete step is left out, and no pair spans two epochs.
    """
    before: list[Float64] = []
    after: list[Float64] = []
    for facts in epochs:
        steps = len(facts.examples) // lanes
        tokens = facts.tokens[: steps * lanes].reshape(steps, lanes).sum(axis=1)
        means = tokens / facts.examples[: steps * lanes].reshape(steps, lanes).sum(axis=1)
        before.append(means[:-1])
        after.append(means[1:])
    return float(np.corrcoef(np.concatenate(before), np.concatenate(after))[0, 1])


def re_pairing(first: Epoch, second: Epoch) -> float:
    """How much likelier two ids batched together are together again in the next epoch than under random batches."""
    batch_then, batch_now = _batch_of_each_id(first), _batch_of_each_id(second)
    both = (batch_then >= 0) & (batch_now >= 0)
    batch_then, batch_now = batch_then[both], batch_now[both]
    again = _pairs(batch_then * (batch_now.max() + 1) + batch_now) / _pairs(batch_then)
    by_chance = _pairs(batch_now) / (batch_now.size * (batch_now.size - 1) / 2)
    return again / by_chance


def _batch_of_each_id(epoch: Epoch) -> Int64:
    found = np.full(epoch.ids.max() + 1, -1, dtype=np.int64)
    found[epoch.ids] = np.repeat(np.arange(epoch.sizes.size), epoch.sizes)
    return found


def _pairs(groups: Int64) -> float:
    counts = np.unique(groups, return_counts=True)[1]
    return float((counts * (counts - 1)).sum() / 2)

"""Count what steps are made of: sizes, padded sizes, shapes, and who meets whom again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from croupier.batch.shapes import Shapes
from croupier.core.batches import Batches, Int64
from croupier.core.split import Bounded, Share
from croupier.run.program import Program
from croupier.run.walk import Step
from croupier.split.balanced_packed import BalancedPacked

__all__ = ["ShareCounts", "adjacent_correlation", "count_shares", "re_pairing"]


@runtime_checkable
class _Packing(Protocol):
    max_tokens: int
    packs: int


@runtime_checkable
class _HasShapes(Protocol):
    @property
    def shapes(self) -> Shapes: ...


@dataclass(frozen=True, slots=True)
class ShareCounts:
    """One entry for each share (step, rank, micro-batch), in the order dealt; int64 arrays of shape (s,)."""

    step: Int64
    rank: Int64
    examples: Int64
    tokens: Int64
    cost: Int64
    """By what the split balances by; padded tokens where it does not."""
    rows: Int64
    """Of the padded tensors: as many as examples, or packs, or as the fixed shape has."""
    longest: Int64
    """Padded length of a row by column of lengths, shape (s, d)."""

    @property
    def padded(self) -> Int64:
        """Tokens with padding."""
        return self.rows * self.longest.sum(axis=1)

    def per_step(self, values: Int64) -> Int64:
        """Sum over ranks and micro-batches."""
        return np.bincount(self.step, weights=values).astype(np.int64)

    def shapes(self) -> int:
        """Different padded shapes."""
        return np.unique(np.column_stack([self.rows, self.longest]), axis=0).shape[0]

    def rank_imbalance(self) -> float:
        """Mean over steps of the largest rank's cost over the mean rank's: 1.0 is perfectly even."""
        return self._over_mean(self._by_rank().max(axis=1))

    def rank_imbalance_bound(self, least_largest: Sequence[int]) -> float:
        """The same of what the largest rank of each step cannot be below."""
        return self._over_mean(np.array(least_largest, dtype=np.float64))

    def _over_mean(self, largest: npt.NDArray[np.float64]) -> float:
        means = self._by_rank().mean(axis=1)
        return float((largest[means > 0] / means[means > 0]).mean()) if (means > 0).any() else 1.0

    def _by_rank(self) -> npt.NDArray[np.float64]:
        ranks, steps = int(self.rank.max()) + 1, int(self.step.max()) + 1
        totals = np.bincount(self.step * ranks + self.rank, weights=self.cost, minlength=steps * ranks)
        return totals.astype(np.float64).reshape(steps, ranks)


def count_shares(program: Program, steps: Iterable[Step], world_size: int, multiple_of: int = 1) -> ShareCounts:
    """Count every share of these steps; lengths rounded up to a multiple as the plan's budget does."""
    pack_tokens = next((stage.max_tokens for _, stage in program.plan.leaves() if isinstance(stage, _Packing)), None)
    if program.split.batches_per_step(2) == 1:
        pack_tokens = None  # the split cuts packs into shares of its own
    is_packed = isinstance(program.split, BalancedPacked)
    shapes = next((stage.shapes for _, stage in program.plan.leaves() if isinstance(stage, _HasShapes)), None)
    counted: list[tuple[int, ...]] = []
    for number, step in enumerate(steps):
        lengths = None if not program.lengths else np.column_stack([step.batches.columns[n] for n in program.lengths])
        for rank in range(world_size):
            for share in step.split.share(step.batches, world_size, rank).mine:
                priced = step.split.cost_of(_rows_of(step.batches, share)) if isinstance(step.split, Bounded) else -1
                if lengths is None:
                    examples = step.batches.indices[share.rows].size
                    counted.append((number, rank, examples, examples, max(priced, examples), examples, 1))
                    continue
                mine = lengths[share.rows]
                rows, longest = mine.shape[0], (-(-mine.max(axis=0) // multiple_of) * multiple_of).tolist()
                if pack_tokens is not None:
                    packs = step.batches.columns.get("pack")
                    rows, longest = (1 if packs is None else np.unique(packs[share.rows]).size), [pack_tokens]
                elif shapes is not None:
                    shape = int(step.batches.columns["shape"][share.rows][0])
                    rows, longest = shapes.examples[shape], list(shapes.lengths[shape])
                tokens = int(mine.sum())
                if is_packed:
                    rows, longest = 1, [tokens]
                padded = rows * sum(longest)
                counted.append((number, rank, mine.shape[0], tokens, padded if priced < 0 else priced, rows, *longest))
    table = np.array(counted, dtype=np.int64).reshape(len(counted), -1)
    step_of, rank_of, examples_of, tokens_of, costs, rows_of = (np.ascontiguousarray(column) for column in table.T[:6])
    return ShareCounts(step_of, rank_of, examples_of, tokens_of, costs, rows_of, table[:, 6:])


def _rows_of(batch: Batches, share: Share) -> Batches:
    columns = {name: values[share.rows] for name, values in batch.columns.items()}
    ids = batch.indices[share.rows]
    return Batches(ids, np.array([0, ids.size], dtype=np.int64), columns)


def adjacent_correlation(values: npt.NDArray[np.float64]) -> float | None:
    """Correlation between neighbours of a series: near 0 where short and long steps follow in random order."""
    if values.size < 3 or np.ptp(values) == 0:
        return None
    before, after = values[:-1], values[1:]
    if np.ptp(before) == 0 or np.ptp(after) == 0:
        return None
    return float(np.corrcoef(before, after)[0, 1])


def re_pairing(first: tuple[Int64, Int64], second: tuple[Int64, Int64]) -> float | None:
    """How much likelier two ids that shared a batch in one epoch share one in the next than under random batches.

    Each epoch is (ids, batch number of each), as dealt. 1.0: the first epoch tells nothing about the second.

    Examples
    --------
    >>> ids = np.arange(4)
    >>> re_pairing((ids, np.array([0, 0, 1, 1])), (ids, np.array([0, 0, 1, 1])))
    3.0
    """
    common, place_first, place_second = np.intersect1d(first[0], second[0], return_indices=True)
    if common.size < 2:
        return None
    before, after = first[1][place_first], second[1][place_second]
    pairs_before, pairs_after = _pairs(before), _pairs(after)
    if pairs_before == 0 or pairs_after == 0:
        return None
    again = _pairs(before.astype(np.int64) * (int(after.max()) + 1) + after) / pairs_before
    by_chance = pairs_after / (common.size * (common.size - 1) // 2)
    return again / by_chance


def _pairs(groups: npt.NDArray[np.int64]) -> int:
    counts = np.unique(groups, return_counts=True)[1].astype(np.int64)
    return int((counts * (counts - 1) // 2).sum())

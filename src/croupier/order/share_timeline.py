"""Which source comes at any position of a mixture whose shares change, and how often it came before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from croupier.core.batches import Int64
from croupier.core.key import Key
from croupier.kernels.share_tree import ShareTree, count_sources, draw_sources, find_positions, share_tree

__all__ = ["ShareTimeline"]


@dataclass(frozen=True, slots=True)
class ShareTimeline:
    """Stages of constant shares, each with the counts that the stages before it dealt.

    ``starts`` has shape (s,), ``counts_before_stage`` (s, K); each stage has a tree of shares. The sources at the
    positions depend on the shares alone, not on the seed, so that the length of an epoch that ends where a source
    runs out is known without one.
    """

    starts: Int64
    trees: tuple[ShareTree, ...]
    counts_before_stage: Int64

    @classmethod
    def of(cls, starts: Int64, parts: Int64) -> Self:
        """The timeline of these parts of a cycle (see ``share_tree``), from these positions on."""
        trees = tuple(_stage_tree(stage, stage_parts) for stage, stage_parts in enumerate(parts))
        counts = [np.zeros(parts.shape[1], dtype=np.int64)]
        for stage, length in enumerate(np.diff(starts).tolist()):
            counts.append(counts[-1] + count_sources(length, trees[stage]))
        return cls(starts, trees, np.stack(counts))

    @classmethod
    def until_all_run_out(cls, parts: Int64, sizes: Int64) -> tuple[Self, int]:
        """Shares in proportion among the sources that have rows left, and the position where none has."""
        starts: list[int] = []
        trees: list[ShareTree] = []
        counts: list[Int64] = []
        dealt, position = np.zeros_like(sizes), 0
        wanted = np.where(parts > 0, sizes, 0)
        while np.any(dealt < wanted):
            alive = np.flatnonzero(dealt < wanted)
            tree = _stage_tree(len(trees), np.where(dealt < wanted, parts, 0))
            length = int(find_positions(alive, (wanted - dealt)[alive] - 1, tree).min()) + 1
            starts.append(position)
            trees.append(tree)
            counts.append(dealt)
            dealt = dealt + count_sources(length, tree)
            position += length
        return cls(np.array(starts, dtype=np.int64), tuple(trees), np.stack(counts)), position

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.starts.nbytes + self.counts_before_stage.nbytes + sum(tree.nbytes for tree in self.trees)

    def at(self, positions: Int64) -> tuple[Int64, Int64]:
        """The source at each position, and how often it came before: int64 arrays of shape (n,)."""
        stages = np.searchsorted(self.starts, positions, side="right") - 1
        first, last = (int(stages.min()), int(stages.max())) if stages.size else (0, 0)
        if first == last:  # nearly always: a window lies within one stage
            return self._within(positions, first)
        sources, ordinals = np.empty_like(positions), np.empty_like(positions)
        for stage in range(first, last + 1):
            here = np.flatnonzero(stages == stage)
            sources[here], ordinals[here] = self._within(positions[here], stage)
        return sources, ordinals

    def counts_before(self, position: int) -> Int64:
        """How often each source comes at the positions before this one, shape (K,)."""
        stage = int(np.searchsorted(self.starts, position, side="right")) - 1
        inside = count_sources(position - int(self.starts[stage]), self.trees[stage])
        return self.counts_before_stage[stage] + inside

    def positions_of(self, source: int, ordinals: Int64) -> Int64:
        """Where a source comes for the ordinal-th time; beyond any run, where it comes no more."""
        positions = np.full(ordinals.size, np.iinfo(np.int64).max, dtype=np.int64)
        before = self.counts_before_stage[:, source]
        # The last stage that begins with fewer: in it the source comes, or not before a stage that has more.
        stages = np.searchsorted(before, ordinals, side="right") - 1
        for stage in range(self.starts.size):
            here = np.flatnonzero(stages == stage)
            if here.size and self.trees[stage].parts[source]:
                sources = np.full(here.size, source, dtype=np.int64)
                inside = find_positions(sources, ordinals[here] - before[stage], self.trees[stage])
                positions[here] = inside + self.starts[stage]
        return positions

    def _within(self, positions: Int64, stage: int) -> tuple[Int64, Int64]:
        sources, ordinals = draw_sources(positions - self.starts[stage], self.trees[stage])
        return sources, ordinals + self.counts_before_stage[stage][sources]


def _stage_tree(stage: int, parts: Int64) -> ShareTree:
    return share_tree(parts, Key(0).child("shares", stage).bits)

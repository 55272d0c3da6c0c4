"""Batches whose size changes in the course of the run: by a ramp over the samples dealt, or as a controller decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.shuffling import shuffled
from croupier.core.stage import Context
from croupier.errors import checked_int
from croupier.schedules.batch_size_ramp import BatchSizeRamp

__all__ = ["RampedSize"]


@dataclass(frozen=True, slots=True)
class RampedSize:
    """Cut steps of as many ids as a ramp says at the samples dealt so far, all ranks together.

    Parameters
    ----------
    sizes : BatchSizeRamp or int
        Ids of a step over all ranks; ranks that cannot share it alike differ by one. Under Balanced on any number of
        ranks; under Lockstep on as many as there are lanes, those that the run began on: on W ranks of V lanes a step
        has W parts of V, and an optimizer step that accumulates V / W of them the whole size.
        A number: this, until ``Dealer.adopt_batch_size`` says otherwise.

    What is adopted takes the place of the ramp from its segment on. A step that begins before a change keeps its size.
    Steps do not reach over the end of a segment: where sizes do not divide what it holds, its last two steps are
    smaller, in any case the last. Changes at multiples of ``segment_ids``, with sizes that divide it, leave none.
    After a stage that sorts by length, steps come in random order within each stretch of one size.

    The samples dealt are those of the flat order: epochs and steps that are skipped on request count as dealt.

    Guarantees: a function of the samples dealt, so a resumed run cuts as it would have; every id given is dealt once;
    no step above the size.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(cr.Sequential(), RampedSize(cr.BatchSizeRamp([(0, 2), (4, 4)])))
    >>> [deal.ids.tolist() for deal in cr.Dealer(plan, cr.Table(size=12), seed=0)]
    [[0, 1], [2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    """

    sizes: BatchSizeRamp | int
    name: str = "ramped_size"

    def __post_init__(self) -> None:
        if not isinstance(self.sizes, BatchSizeRamp):
            sizes = checked_int("sizes", self.sizes, at_least=1, fix="pass a BatchSizeRamp, or the ids of a step")
            object.__setattr__(self, "sizes", sizes)

    @property
    def takes_batch_size(self) -> bool:
        """A controller may adopt another size."""
        return True

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Cut each incoming batch into steps, and each step into batches for the lanes."""
        given = zip(batches.offsets[:-1].tolist(), batches.offsets[1:].tolist(), strict=True)
        bounds = [self._steps(begin, end, context) for begin, end in given if end > begin]
        begins = np.concatenate([np.empty(0, np.int64), *(cut[:-1] for cut in bounds)])
        steps = batches.with_offsets(np.append(begins, batches.offsets[-1]))
        if batches.interchangeable:
            steps = replace(steps.take_batches(self._order(begins, context)), interchangeable=False)
        return steps.with_offsets(_shared(steps.offsets, context.lanes))

    def _order(self, begins: Int64, context: Context) -> Int64:
        """The steps in random order, as those allow that an earlier stage has sorted; but sizes stay where they are."""
        changes = [samples for samples, _ in self._changes(context)]
        stretches = np.searchsorted(changes, begins + context.first_sample, side="right")
        firsts = np.flatnonzero(np.diff(stretches, prepend=-1)).tolist()
        parts = [
            low + shuffled(np.arange(high - low, dtype=np.int64), high - low, context.segment_key.child("order", low))
            for low, high in pairwise([*firsts, begins.size])
        ]
        return np.concatenate([np.empty(0, np.int64), *parts])

    def _steps(self, begin: int, end: int, context: Context) -> Int64:
        """Where steps begin and the last ends, of the ids from ``begin`` to ``end``."""
        changes = self._changes(context)
        untils = [*(samples - context.first_sample for samples, _ in changes[1:]), end]
        bounds: list[Int64] = []
        at = begin
        for (_, size), until in zip(changes, untils, strict=True):
            count = max(0, -(-(min(until, end) - at) // size))
            bounds.append(at + size * np.arange(count, dtype=np.int64))
            at += count * size
        cut: Int64 = np.append(np.concatenate(bounds), end)
        if cut.size > 2 and cut[-1] - cut[-2] < context.lanes and cut[-1] - cut[-3] >= 2 * context.lanes:
            cut[-2] = (cut[-1] + cut[-3] + 1) // 2  # too few for the ranks: the last two steps share what they have
        return cut

    def _changes(self, context: Context) -> Sequence[tuple[int, int]]:
        if context.batch_size is not None:
            return ((0, context.batch_size),)
        return ((0, self.sizes),) if isinstance(self.sizes, int) else self.sizes.changes


def _shared(steps: Int64, lanes: int) -> Int64:
    """Where the batches of all steps begin, and the last ends: one a lane, or one an id where there are fewer."""
    sizes = np.diff(steps)
    whole, rest = np.divmod(sizes, lanes)
    counts = np.minimum(sizes, lanes)
    lane = np.arange(int(counts.sum()), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
    whole, rest = np.repeat(whole, counts), np.repeat(rest, counts)
    return np.append(np.repeat(steps[:-1], counts) + lane * whole + np.minimum(lane, rest), steps[-1])

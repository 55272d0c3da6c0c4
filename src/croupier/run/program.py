"""One run's plan, segment by segment: any segment of any epoch at once."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64, concatenate
from croupier.core.chain import Chain
from croupier.core.cost import Cost
from croupier.core.facts import gathered_lengths
from croupier.core.fingerprint import describe, table_fingerprint
from croupier.core.key import Key
from croupier.core.policies import Whole
from croupier.core.split import Bounded, Split
from croupier.core.stage import Context, Prepared, Preparing, Stage
from croupier.core.table import Table
from croupier.errors import BadArgument, NoInverse, checked_int
from croupier.run.adopted_numbers import AdoptedNumbers
from croupier.run.adoption import Adoption
from croupier.run.epochs import Epochs, Past
from croupier.run.length_columns import length_columns, split_length
from croupier.run.memory import Memory
from croupier.run.refreshes import Refreshes
from croupier.run.wholeness import regroup_by_steps, whole_of

__all__ = ["Program", "Segment"]

KEPT_SEGMENTS = 3


@dataclass(frozen=True, slots=True)
class Segment:
    """A planned window: its batches in flat order, the running sum of their tokens, and what shares its steps."""

    epoch: int
    number: int
    batches: Batches
    tokens_before: Int64
    split: Split
    refreshed: tuple[str, ...] = ()


class Program:
    """The part of a run that does not know how many ranks there are.

    Parameters
    ----------
    plan : Chain
    table : Table
    seed : int
    split : Split
    lanes : int
    memory : Memory, optional
        What was learned so far; by default nothing, in a memory that writes no files.
    """

    def __init__(
        self, plan: Chain, table: Table, *, seed: int, split: Split, lanes: int, memory: Memory | None = None
    ) -> None:
        self.plan = plan
        self.table = table
        self.seed = seed
        self.split = split
        self.lanes = lanes
        self.costs = self.batch_sizes = AdoptedNumbers()
        self.refreshes = Refreshes(plan)
        self.memory = Memory(self.plan.leaves(), table.size, writes_files=False) if memory is None else memory
        self._prepared: dict[tuple[tuple[str, ...], int], Prepared] = {}
        self._segments: dict[tuple[int, int, int], Segment] = {}
        self._batch_counts: dict[int, Int64] = {}
        self.epochs = Epochs(plan, table, lanes)
        self.whole = whole_of(plan, lanes)
        self.lengths = length_columns(plan, split, table)
        self._split_length = split_length(split, table)
        self.length = self.lengths[-1] if self.lengths else None  # of input and output, a loss counts the output
        self._prepared_for(0)
        self.plan_description = describe(plan)

    def with_past(self, past: Past) -> Program:
        """The same run, whose table grew after that."""
        self.epochs = Epochs(self.plan, self.table, self.lanes, past)
        return self

    def on_table(self, table: Table, past: Past) -> Program:
        """The same run on another table; what was learned stays, and rows that are new begin unobserved."""
        memory = self.memory.grown(self.plan.leaves(), table.size)
        grown = Program(self.plan, table, seed=self.seed, split=self.split, lanes=self.lanes, memory=memory)
        grown.costs, grown.batch_sizes, grown.refreshes = self.costs, self.batch_sizes, self.refreshes
        return grown.with_past(past)

    def aside(self) -> Program:
        """The same run, that may take over a state while this one stays as it is; what is prepared serves both."""
        other = copy(self)
        other.memory = self.memory.aside()
        other._segments, other._batch_counts = {}, {}
        return other

    def with_lanes(self, lanes: int) -> Program:
        """The same run with the lanes it was started with."""
        if lanes == self.lanes:
            return self
        return Program(self.plan, self.table, seed=self.seed, split=self.split, lanes=lanes, memory=self.memory)

    @cached_property
    def table_fingerprint(self) -> dict[str, Any]:
        """What a state's table is matched by."""
        return table_fingerprint(self.table)

    @property
    def takes_batch_size(self) -> bool:
        """Whether a stage cuts steps of the size that is adopted."""
        return any(getattr(stage, "takes_batch_size", False) for _, stage in self.plan.leaves())

    def adopt_cost(self, cost: Cost, adoption: Adoption) -> int:
        """Balance by another cost; returns the segment of the run it holds from."""
        if not isinstance(self.split, Bounded):
            name = type(self.split).__name__
            raise BadArgument("adopt_cost", "be used with a split that balances by cost", name, "choose Balanced()")
        if not isinstance(cost, Cost):
            raise BadArgument("cost", "be a Cost", cost, "pass StepTimes(...).fit().cost")
        self.costs = self.costs.adopted("a cost", (cost.linear, cost.quadratic), adoption)
        self.forget_plans()
        return adoption.segment

    def adopt_batch_size(self, batch_size: int, adoption: Adoption) -> int:
        """Cut steps of another size; returns the segment of the run it holds from."""
        size = checked_int("batch_size", batch_size, at_least=1, fix="pass the ids of a step, all ranks together")
        if not self.takes_batch_size:
            raise BadArgument(
                "adopt_batch_size", "be used with a plan that cuts by RampedSize", self.plan, "put RampedSize(size) in"
            )
        self.batch_sizes = self.batch_sizes.adopted("a batch size", (size,), adoption)
        self.forget_plans()
        return adoption.segment

    def adopt(self, name: str, folder: str | PathLike[str], adoption: Adoption, next_table: Table) -> int:
        """Plan a stage from a further version of what it refreshes; returns the segment of the run it holds from."""
        first = self.refreshes.adopt(name, folder, adoption, (self.table, next_table))
        self.forget_plans()
        return first

    def segment(self, epoch: int, number: int) -> Segment:
        """Plan one segment; the last few are kept."""
        version = self.memory.version
        name = (epoch, number, version)
        if name not in self._segments:
            while len(self._segments) >= KEPT_SEGMENTS:
                self._segments.pop(next(iter(self._segments)))
            self._segments[name] = self._plan(epoch, number)
        return self._segments[name]

    def forget_plans(self) -> None:
        """Plan anew what is asked for: the scores have changed under a version that plans were kept by."""
        self._segments.clear()
        self._batch_counts.clear()

    def batch_counts(self, epoch: int) -> Iterator[int]:
        """Batches of each segment of the epoch, in turn; planned once, then remembered."""
        known = self._batch_counts.get(epoch)
        if known is not None:
            yield from known.tolist()
            return
        counts: list[int] = []
        for number in range(self.epochs.segments(epoch)):
            counts.append(len(self.segment(epoch, number).batches))
            yield counts[-1]
        if not self.memory.learns:  # what is learned may change the cuts of a later call
            self._batch_counts[epoch] = np.array(counts, dtype=np.int64)

    def context(self, epoch: int, number: int = 0) -> Context:
        """What the stages of this run may depend on."""
        size = self.batch_sizes.at(self.epochs.ordinal(epoch, number))
        return Context(
            table=self.table,
            key=Key(self.seed),
            epoch=epoch,
            segment=number,
            first_sample=self.epochs.ids_before(epoch) + number * self.epochs.window,
            lanes=self.lanes,
            batch_size=None if size is None else size[0],
            prepared=self._prepared_for(epoch),
            learned=self.memory.learned(),
            refreshed=self.refreshes.at(*self._ordinals(epoch, number), self.table),
            kept=self.memory.kept(),
        )

    def _plan(self, epoch: int, number: int) -> Segment:
        parts = [
            self.plan.order(Batches.of(np.arange(low, high)), self._order_context(inner, epoch, number))
            for inner, low, high in self.epochs.parts(epoch, number)
        ]
        context = self.context(epoch, number)
        batches = self._regrouped(self._joined(parts), context)
        fault = batches.fault()
        if fault is None and batches.indices.size:
            least, most = int(batches.indices.min()), int(batches.indices.max())
            if least < 0 or most >= self.table.size:
                fault = f"ids from {least} to {most} for {self.table.size} rows"
        if fault is not None:
            raise BadArgument("plan", "give well-formed batches", fault, "mend the plan method of your stage")
        batches = replace(batches, whole=self.whole)
        batches = self.split.arrange(batches, self.lanes, context.key.child("split", epoch, number))
        if number == self.epochs.segments(epoch) - 1:
            batches = batches.with_ledger(self.epochs.tail_ledger(epoch))
        return self._sealed(epoch, number, batches)

    def _regrouped(self, dealt: Batches, context: Context) -> Batches:
        batches = regroup_by_steps(self.plan, dealt, context)
        is_kept = not self.epochs.order_cuts or (
            np.array_equal(batches.offsets, dealt.offsets) and np.array_equal(batches.indices, dealt.indices)
        )
        if not is_kept or (self.whole is Whole.IN_A_STEP and batches.interchangeable):
            raise BadArgument(
                "plan", "leave batches as they are that must stay whole", "a stage after it that regroups them",
                "leave that stage out",
            )  # fmt: skip
        return batches

    def _joined(self, parts: list[Batches]) -> Batches:
        joined = concatenate(parts)
        # An order's ids are one batch for the stages after it, but where it decides the batches itself.
        size = self.epochs.batch_size if self.epochs.order_cuts else max(1, joined.indices.size)
        return joined.with_offsets(np.append(np.arange(0, joined.indices.size, size), joined.indices.size))

    def _sealed(self, epoch: int, number: int, batches: Batches) -> Segment:
        ids = batches.indices.size
        tokens_before = np.zeros(ids + 1, dtype=np.int64)
        if self.length is not None:
            for name in dict.fromkeys([*self.lengths, *self._split_length]):
                if name not in batches.columns:
                    lengths = gathered_lengths(self.table, name, batches.indices)
                    batches = batches.with_columns(**{name: lengths})
            np.cumsum(batches.columns[self.length], out=tokens_before[1:])
        # Deals are parts of these arrays, so nobody may write to them; a stage's own array stays as it is.
        columns = {name: _read_only(values) for name, values in batches.columns.items()}
        sealed = replace(
            batches, indices=_read_only(batches.indices), offsets=_read_only(batches.offsets), columns=columns
        )
        cost = self.costs.at(self.epochs.ordinal(epoch, number))
        split = self.split if cost is None else cast(Split, replace(cast(Any, self.split), cost=Cost(*cost)))
        refreshed = self.refreshes.in_segment(*self._ordinals(epoch, number))
        return Segment(epoch, number, sealed, tokens_before, split, refreshed)

    def _ordinals(self, epoch: int, number: int) -> tuple[int, int]:
        return self.epochs.ordinal(epoch, 0), self.epochs.ordinal(epoch, number)

    def _order_context(self, inner_epoch: int, epoch: int, number: int) -> Context:
        if inner_epoch == epoch:
            return self.context(epoch, number)
        return replace(self.context(inner_epoch, number), first_sample=self.epochs.ids_before(epoch))

    def _prepared_for(self, epoch: int) -> Prepared:
        return self._prepared_of(self.plan, (), Key(self.seed), epoch)

    def _prepared_of(self, part: Stage, path: tuple[str, ...], key: Key, epoch: int) -> Prepared:
        if isinstance(part, Chain):
            return {
                stage.name: self._prepared_of(stage, (*path, stage.name), key.child(stage.name), epoch)
                for stage in part.stages
            }
        if not isinstance(part, Preparing):
            return {}
        name = (path, epoch if part.prepared_per_epoch else -1)
        if name not in self._prepared:
            for old in [known for known in self._prepared if known[0] == path and known[1] < epoch - 1]:
                del self._prepared[old]
            self._prepared[name] = part.prepare(self.table, key, epoch)
        return self._prepared[name]

    def position_of(self, ids: Int64, epoch: int) -> Int64:
        """Where in the epoch's order each id comes first, -1 where it does not; for orders that can tell."""
        epoch = checked_int("epoch", epoch, at_least=0, at_most=2**20, fix="pass an epoch")  # each before is counted
        path, order = self.plan.leaves()[0]
        inverse = getattr(order, "position_of", None)
        if inverse is None:
            raise NoInverse(order)
        context = self.context(epoch)
        for name in path:
            context = context.child(name)
        return inverse(ids, context)


def _read_only(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = values.view()
    view.setflags(write=False)
    return view

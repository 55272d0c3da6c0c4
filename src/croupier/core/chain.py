"""Stages in a row are a stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from croupier.core.batches import Batches
from croupier.core.key import Key
from croupier.core.stage import Context, Order, Prepared, Preparing, Stage
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int, checked_kind

__all__ = ["Chain", "chain"]


@dataclass(frozen=True, slots=True)
class Chain:
    """Stages applied one after the other; use :func:`chain` to write one."""

    stages: tuple[Stage, ...]
    name: str = "chain"
    segment_ids: int | None = None

    def __post_init__(self) -> None:
        if self.segment_ids is not None:
            segment_ids = checked_int(
                "segment_ids", self.segment_ids, at_least=1, fix="pass None for the default, 2**18"
            )
            object.__setattr__(self, "segment_ids", segment_ids)
        checked_kind("name", self.name, str, fix='pass name="mine", say')
        checked_kind("stages", self.stages, tuple, fix="write chain(Shuffle(), FixedSize(32))")
        if not self.stages:
            raise BadArgument("chain", "have at least one stage", "no stage", "write chain(Shuffle(), FixedSize(32))")
        seen: set[str] = set()
        for place, stage in enumerate(cast("tuple[object, ...]", self.stages)):
            if not isinstance(stage, Stage) or isinstance(stage, type):
                raise BadArgument(
                    f"stage {place} of the chain", "have a name and a plan method", stage, "did you forget to call it?"
                )
            if not isinstance(stage.name, str):
                raise BadArgument(f"the name of stage {place}", "be a string", stage.name, 'pass name="mine", say')
            if stage.name in seen:
                raise BadArgument(
                    "chain", "have stages of different names", f"two named {stage.name!r}", "give one another name=..."
                )
            inner = [leaf for _, leaf in stage.leaves()] if isinstance(stage, Chain) else [stage]
            if any(isinstance(leaf, Order) for leaf in (inner if place else inner[1:])):
                raise BadArgument(
                    "chain", "have its order first", f"{stage.name!r} as stage {place}",
                    "an order turns positions into ids: put it at the front, and keep one",
                )  # fmt: skip
            if isinstance(stage, Chain) and stage.segment_ids is not None:
                raise BadArgument(
                    "segment_ids", "be given to the outermost chain alone", stage.segment_ids, "move it outwards"
                )
            seen.add(stage.name)

    def epoch_size(self, table: Table, epoch: int) -> int:
        """The epoch size of the order at the front."""
        checked_kind("table", table, Table, fix="write Table(**columns)")
        first = self.stages[0]
        if not isinstance(first, Order):
            raise BadArgument(
                "plan", "begin with an order", f"{first.name!r}", "put Shuffle() or Sequential() at the front"
            )
        return first.epoch_size(table, epoch)

    @property
    def prepared_per_epoch(self) -> bool:
        """Whether any stage prepares anew for each epoch."""
        return any(isinstance(stage, Preparing) and stage.prepared_per_epoch for stage in self.stages)

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """What each stage prepares, by its name."""
        return {
            stage.name: stage.prepare(table, key.child(stage.name), epoch)
            for stage in self.stages
            if isinstance(stage, Preparing)
        }

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Apply every stage in turn."""
        return self.regroup(self.order(batches, context), context)

    def order(self, batches: Batches, context: Context) -> Batches:
        """Apply the first stage alone: positions to ids."""
        first = self.stages[0]
        inner = context.child(first.name)
        return first.order(batches, inner) if isinstance(first, Chain) else first.plan(batches, inner)

    def regroup(self, batches: Batches, context: Context) -> Batches:
        """Apply what follows the first stage: ids to batches."""
        first = self.stages[0]
        if isinstance(first, Chain):
            batches = first.regroup(batches, context.child(first.name))
        for stage in self.stages[1:]:
            batches = stage.plan(batches, context.child(stage.name))
        return batches

    def leaves(self) -> tuple[tuple[tuple[str, ...], Stage], ...]:
        """Every stage that is not a chain, with the path of names that leads to it."""
        found: list[tuple[tuple[str, ...], Stage]] = []
        for stage in self.stages:
            if isinstance(stage, Chain):
                found.extend(((stage.name, *path), leaf) for path, leaf in stage.leaves())
            else:
                found.append(((stage.name,), stage))
        return tuple(found)


def chain(*stages: Stage, name: str = "chain", segment_ids: int | None = None) -> Chain:
    """Join stages: an order first, then what cuts, groups or adds to its ids.

    A chain is itself a stage, so chains nest; a nested chain's name becomes part of the random streams inside it.

    Parameters
    ----------
    *stages : Stage
    name : str
    segment_ids : int, optional
        How many positions are planned at a time (default 2**18, rounded up to whole steps). Part of the plan: grouping
        by length, shuffling of batches and feedback happen within or between segments, whatever the world size.

    Raises
    ------
    BadArgument
        No stage, something that is no stage, two stages of one name, or an order that is not at the front.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(cr.Shuffle(), cr.FixedSize(32))
    >>> [stage.name for stage in plan.stages]
    ['shuffle', 'fixed_size']
    """
    return Chain(tuple(stages), name, segment_ids)

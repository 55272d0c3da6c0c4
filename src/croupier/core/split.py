"""What a split is: how batches become the shares of ranks, after the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from croupier.core.batches import Batches, Int64
from croupier.core.cost import Cost
from croupier.core.key import Key
from croupier.core.policies import Whole

__all__ = ["Bounded", "Recut", "Share", "Shares", "Split"]


@dataclass(frozen=True, slots=True)
class Recut:
    """New sizes for the last batches of an epoch, and how many ids at the very end a policy leaves out."""

    sizes: Int64
    dropped_ids: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """One rank's part of one micro-batch: places in the step's batch.

    A padding share repeats ids that other shares hold, and counts for nothing in the loss.
    """

    rows: Int64 | slice
    is_padding: bool = False


@dataclass(frozen=True, slots=True)
class Shares:
    """A rank's shares of a step, one for each micro-batch, and how many ids all ranks together repeat as padding."""

    mine: tuple[Share, ...]
    padding_ids: int = 0


@runtime_checkable
class Bounded(Protocol):
    """A split that can tell how evenly a step could be shared at best."""

    @property
    def cost(self) -> Cost:
        """What it balances by."""
        ...

    def least_largest(self, batch: Batches, world_size: int) -> int:
        """A cost that the costliest rank cannot be below, however the step is shared."""
        ...

    def cost_of(self, share: Batches) -> int:
        """What one share costs by what it balances."""
        ...


@runtime_checkable
class Split(Protocol):
    """How batches become shares. Implementations are frozen dataclasses, final."""

    @property
    def steady_micro_batches(self) -> int | None:
        """How many micro-batches each rank has in every step; None where that depends on the step."""
        ...

    def lanes_for(self, world_size: int) -> int:
        """How many consecutive batches of the flat order are dealt together, fixed at the start of a run."""
        ...

    def arrange(self, batches: Batches, lanes: int, key: Key) -> Batches:
        """Put a segment's batches into their flat order. Does not know the world size."""
        ...

    def batches_per_step(self, world_size: int) -> int:
        """How many batches of the flat order one step takes."""
        ...

    def recut(self, sizes: Int64, world_size: int, whole: Whole) -> Recut:
        """Cut the last batches of an epoch again, ids in place, so that the ranks get equal counts."""
        ...

    def share(self, batch: Batches, world_size: int, rank: int) -> Shares:
        """Cut one step (its batches in flat order) and take a rank's share of each micro-batch."""
        ...

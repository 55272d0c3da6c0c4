"""What a stage is: a named pure function from batches to batches, and three things it may do besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.key import Key
from croupier.core.table import Table

__all__ = [
    "Context",
    "Learned",
    "Learning",
    "Observation",
    "Order",
    "Prepared",
    "Preparing",
    "Refreshing",
    "Stage",
    "Version",
]

Prepared = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Observation:
    """What a learning stage makes of a signal: new values of its scores for some ids, the ids sorted and unique."""

    ids: Int64
    values: npt.NDArray[np.float32]

    @classmethod
    def last_of(cls, indices: Int64, signal: npt.NDArray[np.float32]) -> Self:
        """The last value given for each id.

        Examples
        --------
        >>> seen = Observation.last_of(np.array([3, 1, 3]), np.array([1, 2, 7], np.float32))
        >>> seen.ids.tolist(), seen.values.tolist()
        ([1, 3], [2.0, 7.0])
        """
        ids, from_the_end = np.unique(indices[::-1], return_index=True)
        return cls(ids, signal[::-1][from_the_end].astype(np.float32))


@dataclass(frozen=True, slots=True)
class Learned:
    """The scores a learning stage plans from: one float32 a row, and the version they have reached."""

    values: npt.NDArray[np.float32]
    version: int


@dataclass(frozen=True, slots=True)
class Version:
    """What a refreshed stage plans from: which version of the run it is, from 1, and what its ``load_version`` made."""

    number: int
    content: Any


@dataclass(frozen=True, slots=True)
class Context:
    """All that a plan may depend on besides the batches it is given.

    Parameters
    ----------
    table : Table
        The facts; read-only.
    key : Key
        This stage's own random stream (seed and path of names).
    epoch, segment : int
        Which window of which epoch is being planned.
    first_sample : int
        Ids dealt before this segment since the start of the run: the clock that schedules read.
    lanes : int
        How many consecutive batches share a step; 1 where the split cuts batches itself.
    batch_size : int, optional
        Ids of a step that a controller adopted; None where the plan's own size holds.
    prepared, learned, refreshed : mapping
        This stage's derived facts, its scores if it learns, and its :class:`Version` if it is refreshed and one holds.
    kept : Kept
        The statistics that stages of this plan keep, for any stage to read; see ``core/keeping.py``.
    """

    table: Table
    key: Key
    epoch: int = 0
    segment: int = 0
    first_sample: int = 0
    lanes: int = 1
    batch_size: int | None = None
    prepared: Prepared = field(default_factory=dict[str, Any])
    learned: Any = field(default_factory=dict[str, Any])
    refreshed: Any = field(default_factory=dict[str, Any])
    kept: Any = None

    def child(self, name: str) -> Context:
        """The context of a stage of this name inside the present one."""
        return replace(
            self,
            key=self.key.child(name),
            prepared=self.prepared.get(name, {}),
            learned=self.learned.get(name, {}),
            refreshed=self.refreshed.get(name, {}),
        )

    @property
    def epoch_key(self) -> Key:
        """A stream that is new in every epoch."""
        return self.key.child(self.epoch)

    @property
    def segment_key(self) -> Key:
        """A stream that is new in every segment."""
        return self.key.child(self.epoch, self.segment)


@runtime_checkable
class Stage(Protocol):
    """A decision about batches. Implementations are frozen dataclasses, final, without inherited fields."""

    @property
    def name(self) -> str:
        """Names the random stream and the state of this stage; unique within a chain."""
        ...

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Decide. Pure: same arguments, same result; the arguments are not written to."""
        ...


@runtime_checkable
class Order(Stage, Protocol):
    """A stage that begins a chain: it turns positions of an epoch into ids."""

    def epoch_size(self, table: Table, epoch: int) -> int:
        """How many positions this epoch has."""
        ...


@runtime_checkable
class Preparing(Stage, Protocol):
    """A stage that derives facts from the whole table before it plans."""

    @property
    def prepared_per_epoch(self) -> bool:
        """Whether the derived facts change with the epoch (else they hold for the run)."""
        ...

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """Derive them: deterministic arrays by name, never part of a checkpoint."""
        ...


@runtime_checkable
class Learning(Stage, Protocol):
    """A stage whose plan depends on what training observed, two segments late."""

    @property
    def initial_score(self) -> float:
        """The score of a row that was never observed."""
        ...

    @property
    def artefact(self) -> str | PathLike[str] | None:
        """The folder that holds the scores; None keeps them in memory and in every checkpoint."""
        ...

    def check_signal(self, signal: npt.NDArray[np.float32]) -> None:
        """Refuse a signal that cannot be used, when it is reported rather than when it is applied."""
        ...

    def observe(self, scores: npt.NDArray[np.float32], indices: Int64, signal: npt.NDArray[np.float32]) -> Observation:
        """New scores from one segment's signals, given in the order the ids were dealt. Pure."""
        ...


@runtime_checkable
class Refreshing(Stage, Protocol):
    """A stage that plans from something made anew in the course of the run, outside of it: a mined index, clusters.

    ``Dealer.adopt`` names a folder; from the segment after next on, or the next epoch, plans read it. After a restart,
    or where the table has grown, it is read again.
    """

    @property
    def refreshed_per_epoch(self) -> bool:
        """Whether a version waits for the next epoch, as that of an order must."""
        ...

    def load_version(self, folder: str, checksum: str | None, table: Table) -> tuple[Any, str]:
        """What to plan from, and its checksum; refuses a folder of another checksum than the one given.

        ``checksum`` is None while the folder is being adopted, for an epoch with this table; a version that was adopted
        before may be of a table with fewer rows.
        """
        ...

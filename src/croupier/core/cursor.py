"""Where a run stands: the whole of a checkpoint that is not learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from croupier.errors import BadState, checked_int

__all__ = ["Cursor"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the flat order of ids, which is the same for every number of ranks.

    Parameters
    ----------
    epoch, segment : int
    consumed : int
        Ids of the segment's flat order that have been dealt, over all ranks.
    anchor : int
        Where in the segment the first step of the present world size begins: what the end of the epoch is cut by.
    world_size : int
        Ranks that dealt the last step; loading on another number re-anchors here.
    samples, tokens, steps : int
        Totals since the start of the run, over all ranks.
    epoch_steps : int
        Steps dealt in this epoch.
    """

    epoch: int = 0
    segment: int = 0
    consumed: int = 0
    anchor: int = 0
    world_size: int = 1
    samples: int = 0
    tokens: int = 0
    steps: int = 0
    epoch_steps: int = 0

    def at_epoch(self, epoch: int) -> Cursor:
        """The start of an epoch, with these totals."""
        epoch = checked_int("epoch", epoch, at_least=0, fix="epochs are counted from 0")
        return Cursor(
            epoch=epoch, world_size=self.world_size, samples=self.samples, tokens=self.tokens, steps=self.steps
        )

    def to_dict(self) -> dict[str, int]:
        """Plain integers, for a state file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read back what :meth:`to_dict` wrote, or refuse it."""
        names = {field.name for field in fields(cls)}
        if not isinstance(values, Mapping):
            raise BadState("cursor", f"have the fields {sorted(names)}", values, "load a whole state")
        if set(values) != names:
            raise BadState("cursor", f"have the fields {sorted(names)}", sorted(map(str, values)), "load a whole state")
        for name, value in values.items():
            if type(value) is not int or value < (1 if name == "world_size" else 0) or value >= 2**63:
                raise BadState(f"cursor.{name}", "be a whole number in range", value, "load an undamaged state")
        return cls(**values)

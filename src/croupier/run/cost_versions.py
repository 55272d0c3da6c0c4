"""Which cost shares are balanced by, from which segment of the run on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

from croupier.core.cost import Cost
from croupier.core.split import Bounded, Split
from croupier.errors import BadArgument, BadState, FeedbackTooLate

__all__ = ["CostVersions"]


@dataclass(frozen=True, slots=True)
class CostVersions:
    """Pairs of a segment's place among all of the run, ascending, and the cost that holds from it on.

    Examples
    --------
    >>> versions = CostVersions().adopted(Cost(3, 1), segment=2, last_planned=1)
    >>> versions.at(1), versions.at(2)
    (None, Cost(linear=3, quadratic=1))
    """

    versions: tuple[tuple[int, Cost], ...] = ()

    def at(self, segment: int) -> Cost | None:
        """The cost that was adopted for a segment; None where that is still the split's own."""
        return next((cost for begin, cost in reversed(self.versions) if begin <= segment), None)

    def split_at(self, split: Split, segment: int) -> Split:
        """The split with the cost that holds in a segment."""
        cost = self.at(segment)
        return split if cost is None else cast(Split, replace(cast(Any, split), cost=cost))

    def adopted(self, cost: Cost, *, segment: int, last_planned: int) -> CostVersions:
        """With a further version.

        Raises
        ------
        FeedbackTooLate
            That segment has been planned already, by prefetching.
        """
        if not isinstance(cost, Cost):
            raise BadArgument("cost", "be a Cost", cost, "pass StepTimes(...).fit().cost")
        if segment <= last_planned:
            raise FeedbackTooLate(
                f"a cost can be adopted from segment {segment} on, but segment {last_planned} has been planned ahead;"
                " use fewer or no workers, a smaller prefetch_factor, or larger segments"
            )
        before = tuple(version for version in self.versions if version[0] < segment)
        return CostVersions((*before, (segment, cost)))

    def to_list(self) -> list[list[int]]:
        """As numbers, for a state."""
        return [[begin, cost.linear, cost.quadratic] for begin, cost in self.versions]

    @classmethod
    def from_list(cls, saved: Any, split: Split) -> CostVersions:
        """As read from a state."""
        rule = "be lists of a segment, ascending, and two coefficients"
        if not isinstance(saved, list) or (bool(cast(Any, saved)) and not isinstance(split, Bounded)):
            raise BadState("costs", rule, cast(Any, saved), "load an undamaged state")
        versions: list[tuple[int, Cost]] = []
        for entry in cast("list[list[Any]]", saved):
            numbers = entry if isinstance(cast(Any, entry), list) else []
            if len(numbers) != 3 or any(type(number) is not int or number < 0 for number in numbers):
                raise BadState("costs", rule, entry, "load an undamaged state")
            versions.append((numbers[0], Cost(numbers[1], numbers[2])))
        if any(late[0] <= early[0] for early, late in pairwise(versions)):
            raise BadState("costs", rule, cast(Any, saved), "load an undamaged state")
        return cls(tuple(versions))

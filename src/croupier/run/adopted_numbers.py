"""Numbers that a run adopts as it learns them, and the segment of the run each of them holds from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

from croupier.errors import LARGEST, BadState, FeedbackTooLate
from croupier.run.adoption import Adoption

__all__ = ["AdoptedNumbers"]

Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AdoptedNumbers:
    """Pairs of a segment's place among all of the run, ascending, and the numbers that hold from it on.

    Examples
    --------
    >>> sizes = AdoptedNumbers().adopted("a batch size", (512,), Adoption(segment=2, epoch=9, planned=1))
    >>> sizes.at(1), sizes.at(2)
    (None, (512,))
    """

    versions: tuple[tuple[int, Numbers], ...] = ()

    def at(self, segment: int) -> Numbers | None:
        """What was adopted for a segment; None where that is still the plan's own."""
        return next((numbers for begin, numbers in reversed(self.versions) if begin <= segment), None)

    def adopted(self, what: str, numbers: Numbers, adoption: Adoption) -> AdoptedNumbers:
        """With a further version.

        Raises
        ------
        FeedbackTooLate
            Its segment has been planned already, by prefetching.
        """
        if adoption.segment <= adoption.planned:
            raise FeedbackTooLate(
                f"{what} can be adopted from segment {adoption.segment} on, but segment {adoption.planned} has been"
                " planned ahead; use fewer or no workers, a smaller prefetch_factor, or larger segments"
            )
        before = tuple(version for version in self.versions if version[0] < adoption.segment)
        return AdoptedNumbers((*before, (adoption.segment, numbers)))

    def to_list(self, segment: int) -> list[list[int]]:
        """As numbers, for the state of a run that stands in this segment: what holds there, and what comes later.

        What held before is forgotten, and what holds now takes its place.
        """
        held = sum(begin <= segment for begin, _ in self.versions)
        kept = [[begin, *numbers] for begin, numbers in self.versions[max(0, held - 1) :]]
        if held > 1:
            kept[0][0] = 0
        return kept

    @classmethod
    def from_list(cls, saved: Any, field: str, least: Numbers, *, most: int = LARGEST) -> AdoptedNumbers:
        """As read from a state, where each version has so many numbers, none smaller than these and none above."""
        rule = f"be lists of a segment, ascending, and {len(least)} numbers from {', '.join(map(str, least))} on"
        entries: list[Any] = list(cast("list[Any]", saved)) if isinstance(saved, (list, tuple)) else [saved]
        versions: list[tuple[int, Numbers]] = []
        for entry in entries:
            numbers = cast("list[Any]", entry) if isinstance(entry, (list, tuple)) else list[Any]()
            if len(numbers) != 1 + len(least) or any(
                type(number) is not int or number < bound for number, bound in zip(numbers, (0, *least), strict=True)
            ):
                raise BadState(field, rule, cast(Any, entry), "load an undamaged state")
            if max(numbers[1:]) > most or numbers[0] > LARGEST:
                raise BadState(field, rule, cast(Any, entry), "load an undamaged state")
            versions.append((numbers[0], tuple(numbers[1:])))
        if any(late[0] <= early[0] for early, late in pairwise(versions)):
            raise BadState(field, rule, cast(Any, saved), "load an undamaged state")
        return cls(tuple(versions))

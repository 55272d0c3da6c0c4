"""Which version of what a stage refreshes holds from which segment of the run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from croupier.core.chain import Chain
from croupier.core.stage import Refreshing, Version
from croupier.core.table import Table
from croupier.errors import BadArgument, BadState, FeedbackTooLate
from croupier.run.epochs import Epochs

__all__ = ["Refresh", "Refreshes"]

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refresh:
    """A version: the path of the stage, from which of all segments it holds, its number there, and where it lies."""

    path: Path
    segment: int
    number: int
    folder: str
    checksum: str


class Refreshes:
    """All versions of a run, in the order they were adopted; what they hold is read when it is first planned from."""

    def __init__(self, plan: Chain, adopted: tuple[Refresh, ...] = ()) -> None:
        self._stages = {path: stage for path, stage in plan.leaves() if isinstance(stage, Refreshing)}
        self.adopted = adopted
        self._contents: dict[tuple[Path, int], Any] = {}

    def adopt(self, name: str, folder: str, epochs: Epochs, *, received: int, handed_out: int, table: Table) -> int:
        """Plan from a further version; returns the segment of the run from which it holds.

        Raises
        ------
        FeedbackTooLate
            That segment has been planned already, by prefetching.
        """
        paths = [path for path in self._stages if name in ("/".join(path), path[-1])]
        if len(paths) != 1:
            known = ", ".join("/".join(path) for path in self._stages) or "none"
            raise BadArgument("adopt", f"name one stage of the plan that is refreshed ({known})", name, "mend the name")
        (path,) = paths
        stage = self._stages[path]
        segment = received + 2
        if stage.refreshed_per_epoch:
            epoch = 0
            while epochs.ordinal(epoch, 0) < segment:
                epoch += 1
            segment = epochs.ordinal(epoch, 0)
        if segment <= handed_out:
            raise FeedbackTooLate(
                f"{name!r} can be refreshed from segment {segment} on, but segment {handed_out} has been planned ahead;"
                " use fewer or no workers, a smaller prefetch_factor, or larger segments"
            )
        before = tuple(known for known in self.adopted if known.path != path or known.segment < segment)
        number = 1 + max((known.number for known in before if known.path == path), default=0)
        content, checksum = stage.load_version(folder, None, table)
        self._contents.clear()
        self._contents[path, number] = content
        self.adopted = (*before, Refresh(path, segment, number, str(folder), checksum))
        return segment

    def at(self, epoch_begin: int, segment: int, table: Table) -> dict[str, Any]:
        """The version that each stage plans a segment from, by the names on its path."""
        found: dict[str, Any] = {}
        for path, stage in self._stages.items():
            at = epoch_begin if stage.refreshed_per_epoch else segment
            held = [known for known in self.adopted if known.path == path and known.segment <= at]
            if held:
                inner = found
                for name in path[:-1]:
                    inner = inner.setdefault(name, {})
                inner[path[-1]] = Version(held[-1].number, self._content(held[-1], stage, table))
        return found

    def in_segment(self, epoch_begin: int, segment: int) -> tuple[str, ...]:
        """Checksums of the versions that a segment is planned from: what ranks compare."""
        latest: dict[Path, str] = {}
        for known in self.adopted:
            if known.segment <= (epoch_begin if self._stages[known.path].refreshed_per_epoch else segment):
                latest[known.path] = known.checksum
        return tuple(latest[path] for path in sorted(latest))

    def to_list(self) -> list[list[Any]]:
        """As numbers and strings, for a state."""
        return [[list(one.path), one.segment, one.number, one.folder, one.checksum] for one in self.adopted]

    @classmethod
    def from_list(cls, saved: Any, plan: Chain) -> Refreshes:
        """As read from a state; what the folders hold is checked when it is planned from."""
        empty = cls(plan)
        rule = "be lists of a stage's path, a segment, a number, a folder and a checksum"
        if not isinstance(saved, list):
            raise BadState("refreshes", rule, saved, "load an undamaged state")
        adopted: list[Refresh] = []
        for entry in cast("list[Any]", saved):
            try:
                path, segment, number, folder, checksum = entry
                one = Refresh(tuple(path), segment, number, folder, checksum)
            except (TypeError, ValueError):
                raise BadState("refreshes", rule, entry, "load an undamaged state") from None
            is_whole = all(type(value) is int and value >= 0 for value in (one.segment, one.number))
            if not is_whole or one.path not in empty._stages or not isinstance(one.folder, str):
                raise BadState("refreshes", rule, entry, "load an undamaged state of this plan")
            adopted.append(one)
        return cls(plan, tuple(adopted))

    def _content(self, held: Refresh, stage: Refreshing, table: Table) -> Any:
        name = (held.path, held.number)
        if name not in self._contents:
            for old in [known for known in self._contents if known[0] == held.path and known[1] < held.number - 1]:
                del self._contents[old]
            self._contents[name], _ = stage.load_version(held.folder, held.checksum, table)
        return self._contents[name]

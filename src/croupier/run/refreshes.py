"""Which version of what a stage refreshes holds from which segment of the run on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from os.path import isdir
from pathlib import Path
from typing import Any, cast

from croupier.core.chain import Chain
from croupier.core.cursor import Cursor
from croupier.core.plain_json import listed
from croupier.core.policies import Tail
from croupier.core.stage import Refreshing, Version
from croupier.core.table import Table
from croupier.errors import BadArgument, BadState, FeedbackTooLate, checked_kind, checked_path
from croupier.run.adoption import Adoption
from croupier.run.epochs import Epochs

__all__ = ["Refresh", "Refreshes", "checked_entry"]

Names = tuple[str, ...]
MOST_VERSIONS = 2**31 - 1
"""Stages write numbers of versions into columns of int32."""
RULE = "be lists of a stage's path, a segment, a number, a folder and a checksum"

KEPT_BEFORE = 2
"""Versions kept in memory besides the latest: the one that holds now, and one to come or that of ids carried over."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """A version: the path of the stage, from which of all segments it holds, its number there, and where it lies."""

    path: Names
    segment: int
    number: int
    folder: str
    checksum: str


def checked_entry(entry: Any) -> list[Any]:
    """An entry of a state, or the error that says that it is none."""
    values = listed(entry)
    are_kinds = [type(value) for value in values[1:]] == [int, int, str, str]
    if not are_kinds or min(values[1:3]) < 0 or values[2] > MOST_VERSIONS:
        raise BadState("refreshes", RULE, entry, "load an undamaged state")
    path = listed(values[0])
    if not path or not all(isinstance(name, str) for name in path):
        raise BadState("refreshes", RULE, entry, "load an undamaged state")
    return values


class Refreshes:
    """All versions of a run, in the order they were adopted; what they hold is read when it is first planned from.

    A process remembers every version that it adopted, a state those that can still be dealt from. So after a restart
    the first version known of a stage may have a number above 1; what held before it is then not known.
    """

    def __init__(self, plan: Chain, adopted: tuple[Refresh, ...] = ()) -> None:
        self._stages = {path: stage for path, stage in plan.leaves() if isinstance(stage, Refreshing)}
        self.adopted = adopted
        self._contents: dict[tuple[Names, int, str, int], Any] = {}

    def adopt(self, name: str, folder: str | PathLike[str], adoption: Adoption, tables: tuple[Table, Table]) -> int:
        """Plan from a further version; returns the segment of the run from which it holds.

        ``tables`` are those of this epoch and of the next.

        Raises
        ------
        FeedbackTooLate
            That segment has been planned already, by prefetching.
        """
        checked_kind("stage", name, str, fix="pass its name")
        checked_path("folder", folder, fix="save what was made, found.save(folder), and pass that folder")
        paths = [path for path in self._stages if name in ("/".join(path), path[-1])]
        if len(paths) != 1:
            known = ", ".join("/".join(path) for path in self._stages) or "none"
            raise BadArgument("adopt", f"name one stage of the plan that is refreshed ({known})", name, "mend the name")
        (path,) = paths
        stage = self._stages[path]
        segment = adoption.epoch if stage.refreshed_per_epoch else adoption.segment
        if segment <= adoption.planned:
            raise FeedbackTooLate(
                f"{name!r} can be refreshed from segment {segment} on, but segment {adoption.planned} has been planned"
                " ahead; use fewer or no workers, a smaller prefetch_factor, or larger segments"
            )
        place = str(Path(folder).absolute())  # a restart may begin in another folder
        table = tables[1] if segment == adoption.epoch else tables[0]
        content, checksum = stage.load_version(place, None, table)
        before = tuple(known for known in self.adopted if known.path != path or known.segment < segment)
        number = 1 + max((known.number for known in before if known.path == path), default=0)
        self.adopted = (*before, Refresh(path, segment, number, place, checksum))
        # Another version of the same number is one whose place this one takes.
        self._drop(path, lambda known, _: number - KEPT_BEFORE <= known < number)
        self._contents[path, number, checksum, table.size] = content
        return segment

    def at(self, epoch_begin: int, segment: int, table: Table) -> dict[str, Any]:
        """The version that each stage plans a segment from, by the names on its path.

        Segments before the first version that is known are planned from it: batches are counted, not dealt by that.
        Not so an order, whose ids would be others.
        """
        found: dict[str, Any] = {}
        for path, stage in self._stages.items():
            per_epoch = stage.refreshed_per_epoch
            held = self._held(path, epoch_begin if per_epoch else segment, must_be_known=per_epoch)
            if held is not None:
                inner = found
                for name in path[:-1]:
                    inner = inner.setdefault(name, {})
                inner[path[-1]] = Version(held.number, self._content(held, table))
        return found

    def check_known(self, epoch_begin: int, segment: int) -> None:
        """Refuse to deal a segment whose version is not known any more."""
        for path, stage in self._stages.items():
            self._held(path, epoch_begin if stage.refreshed_per_epoch else segment, must_be_known=True)

    def in_segment(self, epoch_begin: int, segment: int) -> tuple[str, ...]:
        """Checksums of the versions that a segment is planned from: what ranks compare."""
        latest: dict[Names, str] = {}
        for path, stage in self._stages.items():
            held = self._held(path, epoch_begin if stage.refreshed_per_epoch else segment, must_be_known=False)
            if held is not None:
                latest[path] = held.checksum
        return tuple(latest[path] for path in sorted(latest))

    def to_list(self, epochs: Epochs, cursor: Cursor) -> list[list[Any]]:
        """As numbers and strings, for a state: the versions that a run at the cursor can still deal from."""
        first: dict[Names, int] = {}
        for path, stage in self._stages.items():
            at = epochs.ordinal(cursor.epoch, cursor.segment)
            if stage.refreshed_per_epoch:
                is_carried = epochs.tail is Tail.CARRY and cursor.epoch > 0  # ids of the order of the epoch before
                at = epochs.ordinal(cursor.epoch - is_carried, 0)
            held = self._held(path, at, must_be_known=False)
            first[path] = 0 if held is None else held.segment
        kept = [one for one in self.adopted if one.segment >= first[one.path]]
        return [[list(one.path), one.segment, one.number, one.folder, one.checksum] for one in kept]

    @classmethod
    def from_list(cls, saved: Any, plan: Chain) -> Refreshes:
        """As read from a state; what the folders hold is checked when it is planned from."""
        empty = cls(plan)
        adopted: list[Refresh] = []
        for entry in cast("list[Any]", saved) if isinstance(saved, (list, tuple)) else [saved]:
            path, segment, number, folder, checksum = checked_entry(entry)
            one = Refresh(tuple(path), segment, number, folder, checksum)
            if one.path not in empty._stages:
                raise BadState("refreshes", RULE, entry, "load an undamaged state of this plan")
            adopted.append(one)
        return cls(plan, tuple(adopted))

    def _held(self, path: Names, at: int, *, must_be_known: bool) -> Refresh | None:
        held = next((one for one in reversed(self.adopted) if one.path == path and one.segment <= at), None)
        first = next((one for one in self.adopted if one.path == path), None)
        if held is not None or first is None or first.number == 1:
            return held
        if must_be_known:
            name = "/".join(path)
            raise BadState(
                "refreshes", f"name the version of {name!r} that segment {at} of the run was planned from",
                "only later ones", "go on from where the state was taken, or load an earlier one",
            )  # fmt: skip
        return first

    def _content(self, held: Refresh, table: Table) -> Any:
        name = (held.path, held.number, held.checksum, table.size)
        if name not in self._contents:
            if not isdir(held.folder):  # noqa: PTH112 - says no, too, of what can be no path
                raise BadState(
                    f"folder {held.folder}", f"be there for stage {'/'.join(held.path)!r}, which plans from it",
                    "no such folder", "restore it, or where it has moved load moved_folders(state, {old: new})",
                )  # fmt: skip
            self._contents[name], _ = self._stages[held.path].load_version(held.folder, held.checksum, table)
            least = held.number - KEPT_BEFORE
            self._drop(held.path, lambda number, rows: number >= least and rows >= table.size)
        return self._contents[name]

    def _drop(self, path: Names, is_kept: Callable[[int, int], bool]) -> None:
        """Forget what was loaded of a stage's other versions, by their number and the rows of their table."""
        for known in [name for name in self._contents if name[0] == path and not is_kept(name[1], name[3])]:
            del self._contents[known]

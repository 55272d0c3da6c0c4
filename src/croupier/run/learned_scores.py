"""What one stage has learned or kept: applied version by version, gone back from, saved and found again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.artefact import Artefact, RowFormat, Rows
from croupier.core.batches import Int64
from croupier.core.keeping import Keeping
from croupier.core.score_statistics import LOSS
from croupier.core.stage import Learning
from croupier.errors import BadArgument, BadState

__all__ = ["DELAY", "Found", "LearnedScores", "Signals"]

Float32 = npt.NDArray[np.float32]
Signals = Mapping[str, Float32]
"""What training observed of some ids, by the signal's name; not a number where it did not."""

DELAY = 2
"""Observations of segment s act from segment s + 2 on: by then every rank has made them, whatever it prefetches."""


@dataclass(frozen=True, slots=True)
class Found:
    """Scores that a state holds or refers to, and the version and checksum of the file they are of, if they are."""

    artefact: Artefact
    in_file: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class _Applied:
    ordinal: int
    ids: Int64
    old: Rows
    checksum_before: str


class LearnedScores:
    """What one stage learned or keeps, and the way back over the last versions.

    Where the stage names a folder, the file in it is touched at the first new version only: loading a state, or a dry
    run of it, changes nothing on disk.
    """

    def __init__(self, path: tuple[str, ...], stage: Learning | Keeping, rows: int) -> None:
        self.path = path
        self.stage = stage
        self._initial = 0.0 if isinstance(stage, Keeping) else stage.initial_score
        self._format = stage.layout.format if isinstance(stage, Keeping) else RowFormat()
        self.artefact = Artefact.create(rows, self._initial, self._format)
        self._loaded: tuple[int, str] | None = None
        self._undo: list[_Applied] = []

    def check_folder_is_ours(self) -> None:
        """Refuse a folder in which another run has got further than this one, which has not begun."""
        folder = self.stage.artefact
        if folder is None or self._loaded is not None or self.artefact.folder is not None:
            return
        reached = Artefact.version_in(folder)
        if reached:
            raise BadState(
                f"artefact {folder}", "be empty at the start of a run", f"version {reached} of an earlier run",
                "load that run's state, or choose another folder",
            )  # fmt: skip

    def take_file(self) -> None:
        """Begin to write the file: that of a new run, or an old one gone back to what was loaded."""
        folder = self.stage.artefact
        if folder is None or self.artefact.folder is not None:
            return
        opened = Artefact.open(folder, self.artefact.values.size, self._initial, self._format)
        if self._loaded is not None:
            opened.roll_back(*self._loaded)
        self.artefact = opened

    @property
    def signals(self) -> tuple[str, ...]:
        """Which signals the stage makes use of."""
        return self.stage.layout.signals if isinstance(self.stage, Keeping) else (LOSS,)

    def check(self, signals: Signals) -> None:
        """Refuse signals that the stage cannot use."""
        if isinstance(self.stage, Keeping):
            return
        if LOSS not in signals:
            what = f"{sorted(signals)} alone"
            raise BadArgument("signal", f"have an entry {LOSS!r} for {self.stage.name!r}", what, "add it")
        self.stage.check_signal(_observed(signals[LOSS]))

    def apply(self, ordinal: int, ids: Int64, signals: Signals) -> None:
        """Let the stage observe a segment's signals, in the order dealt, and take over what it makes of them."""
        named = [signals[name] for name in self.signals if name in signals]
        seen = ~np.logical_and.reduce([np.isnan(values) for values in named]) if named else np.zeros(0, np.bool_)
        if not seen.any():
            return
        if isinstance(self.stage, Keeping):
            nothing = np.full(ids.size, np.nan, dtype=np.float32)
            changed = ids[seen]
            written: Rows = np.stack([signals.get(name, nothing)[seen] for name in self.signals], axis=1)
        else:
            observation = self.stage.observe(self.artefact.values, ids[seen], signals[LOSS][seen])
            changed, written = observation.ids, observation.values
        before = self.artefact.checksum
        old = self.artefact.apply(ordinal + 1, changed, written)
        self._undo.append(_Applied(ordinal, changed, old, before))
        del self._undo[: -2 * DELAY]

    def saved_at(self, version: int) -> Any:
        """What a state holds of a version: all scores, or which version of the file they are."""
        later = [applied for applied in self._undo if applied.ordinal >= version]
        if self.stage.artefact is not None:
            checksum = later[0].checksum_before if later else self.artefact.checksum
            reached = max((applied.ordinal + 1 for applied in self._undo if applied.ordinal < version), default=None)
            kept = self._loaded[0] if self._loaded is not None else 0
            return {"version": kept if reached is None else reached, "checksum": checksum}
        values = self.artefact.values.copy()
        for applied in reversed(later):
            values[applied.ids] = applied.old
        names = values.dtype.names
        return values if names is None else {"columns": {name: _plain(values[name]) for name in names}}

    def found(self, saved: Any) -> Found:
        """The scores that :meth:`saved_at` described; nothing is changed yet."""
        rows = self.artefact.values.size
        folder = self.stage.artefact
        if _is_in_file(saved) != (folder is not None):
            raise BadState(
                "learned scores",
                "be kept as when it was saved",
                f"artefact={folder!r}",
                "pass artefact= as in that run",
            )
        if folder is not None:
            version, checksum = saved["version"], saved["checksum"]
            if (
                type(version) is not int
                or version < 0
                or not isinstance(checksum, str)
                or not (version or not checksum)
            ):
                rule = "be a version of a file and its checksum"
                raise BadState("learned scores", rule, (version, checksum), "load an undamaged state")
            if version == 0 and not Artefact.version_in(folder):
                return Found(Artefact.create(rows, self._initial, self._format), (version, checksum))
            return Found(Artefact.read(folder, rows, version, checksum, self._format), (version, checksum))
        values = np.zeros(rows, self._format.row)
        names = self._format.row.names
        for name in [None] if names is None else names:
            column: Rows = np.asarray(saved if name is None else saved["columns"][name])
            if column.shape != (rows,) or column.dtype.kind not in "iuf" or not np.all(np.isfinite(column)):
                raise BadState("learned scores", f"be {rows} finite numbers", column.shape, "use the table of that run")
            place = values if name is None else values[name]
            with np.errstate(over="ignore", invalid="ignore"):
                place[:] = column.astype(place.dtype)
            if not np.array_equal(place, column):
                raise BadState(
                    "learned scores", f"be numbers that {place.dtype} holds", name, "load an undamaged state"
                )
        return Found(Artefact(values, row_format=self._format), None)

    def go_on_with(self, found: Found) -> None:
        """Take over what was found in a state."""
        self.artefact, self._loaded = found.artefact, found.in_file
        self._undo = []


def _is_in_file(saved: Any) -> bool:
    return isinstance(saved, Mapping) and "columns" not in saved


def _observed(values: Float32) -> Float32:
    return values[~np.isnan(values)]


def _plain(column: Rows) -> Rows:
    """In one of the two dtypes that a state file holds, exactly."""
    return column.astype(np.int64 if column.dtype.kind == "u" else np.float32)

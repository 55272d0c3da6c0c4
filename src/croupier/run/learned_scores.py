"""The scores of one learning stage: applied version by version, gone back from, saved and found again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.artefact import Artefact
from croupier.core.batches import Int64
from croupier.core.stage import Learning
from croupier.errors import BadState

__all__ = ["DELAY", "Found", "LearnedScores"]

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
    old: npt.NDArray[np.float32]
    checksum_before: str


class LearnedScores:
    """What one stage learned, and the way back over the last versions.

    Where the stage names a folder, the file in it is touched at the first new version only: loading a state, or a dry
    run of it, changes nothing on disk.
    """

    def __init__(self, path: tuple[str, ...], stage: Learning, rows: int) -> None:
        self.path = path
        self.stage = stage
        self.artefact = Artefact.create(rows, stage.initial_score)
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
        opened = Artefact.open(folder, self.artefact.values.size, self.stage.initial_score)
        if self._loaded is not None:
            opened.roll_back(*self._loaded)
        self.artefact = opened

    def apply(self, ordinal: int, ids: Int64, signal: npt.NDArray[np.float32]) -> None:
        """Let the stage observe a segment's signals, in the order dealt, and take over what it makes of them."""
        observation = self.stage.observe(self.artefact.values, ids, signal)
        before = self.artefact.checksum
        old = self.artefact.apply(ordinal + 1, observation.ids, observation.values)
        self._undo.append(_Applied(ordinal, observation.ids, old, before))
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
        return values

    def found(self, saved: Any) -> Found:
        """The scores that :meth:`saved_at` described; nothing is changed yet."""
        rows = self.artefact.values.size
        folder = self.stage.artefact
        if isinstance(saved, Mapping) != (folder is not None):
            raise BadState(
                "learned scores",
                "be kept as when it was saved",
                f"artefact={folder!r}",
                "pass artefact= as in that run",
            )
        if folder is not None:
            version, checksum = int(saved["version"]), str(saved["checksum"])
            if version == 0 and not Artefact.version_in(folder):
                return Found(Artefact.create(rows, self.stage.initial_score), (version, checksum))
            return Found(Artefact.read(folder, rows, version, checksum), (version, checksum))
        values = np.asarray(saved, dtype=np.float32)
        if values.shape != (rows,) or not np.all(np.isfinite(values)):
            raise BadState("learned scores", f"be {rows} finite numbers", values.shape, "use the table of that run")
        return Found(Artefact(values.copy()), None)

    def go_on_with(self, found: Found) -> None:
        """Take over what was found in a state."""
        self.artefact, self._loaded = found.artefact, found.in_file
        self._undo.clear()

"""Running statistics of every example, in a few bytes a row: in memory, in a mapped file, or as a run left them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from croupier.core.artefact import Artefact, RowFormat
from croupier.core.batches import Int64
from croupier.core.keeping import Kept
from croupier.core.plain_array import plain_array
from croupier.core.score_layout import Float32, ScoreLayout
from croupier.core.score_statistics import LOSS, Statistic, statistic_of
from croupier.errors import BadArgument, BadState, checked_flag, checked_int, checked_kind, checked_path
from croupier.kernels.score_records import are_usable

__all__ = ["ScoreStore"]


class ScoreStore:
    """Statistics of every row, which each value streams into: for loops of your own, and for what a run has kept.

    In a plan it is :class:`KeepScores` that keeps them: exchanged over ranks, two segments late, resumed with the run.

    Parameters
    ----------
    rows : int
    statistics : tuple of Last, Mean, Variance, Count, Ema, Forgotten
    half : bool
        Two bytes a number instead of four, and one byte a count, which then stops at 192. Last value, mean, variance,
        count and an exponential mean of one signal take 9 bytes a row instead of 20. Means, variances and exponential
        means are rounded at random, by a hash of row, count and value, so that small steps are not lost.
    folder : path, optional
        Keep them in a mapped file there. Every update is then a version with a journal: it survives a crash as a whole
        or not at all, and can be gone back to. Pass ``ArtefactFolder(path, keep_versions=...)`` to remove old journals.
        Give it thousands of rows a time: an update waits for the disk.
    journalled : bool
        False for a mapped file without versions: as fast as memory, but a crash may leave a part of an update.

    Guarantees: what is kept of a row depends on its values in their order alone; of a row that comes several times in
    an update, in the order given.

    Source: see ``kernels/score_records.py``.

    Examples
    --------
    >>> from croupier import Count, Ema, Mean
    >>> store = ScoreStore(5, (Mean(), Ema(0.75)))
    >>> store.update([3, 1, 3], [2.0, 1.0, 4.0])
    >>> store.read(Mean()).tolist(), store.at(Ema(0.75), [3]).tolist(), store.read(Count()).sum().item()
    ([nan, 1.0, nan, 3.0, nan], [2.5], 3.0)
    """

    def __init__(
        self,
        rows: int,
        statistics: tuple[Statistic, ...],
        *,
        half: bool = False,
        folder: str | os.PathLike[str] | None = None,
        journalled: bool = True,
    ) -> None:
        if folder is not None:
            folder = checked_path("folder", folder)
        half = checked_flag("half", half, fix="pass True or False")
        journalled = checked_flag("journalled", journalled, fix="pass True or False")
        rows = checked_int("rows", rows, at_least=1, fix="pass the number of rows of the table")
        self.layout = ScoreLayout(statistics, half)
        self._is_journalled = journalled and folder is not None
        if folder is None:
            self._artefact = Artefact.create(rows, 0.0, self.layout.format)
        else:
            self._artefact = Artefact.open(folder, rows, 0.0, self.layout.format)
            if not journalled:
                self._artefact.write_unjournalled()

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """A copy in memory of what a folder holds, that of a :class:`KeepScores` say; the folder is left as it is.

        Raises
        ------
        BadState
            No such folder, of something else, or damaged.
        """
        folder = checked_path("folder", folder)
        head = RowFormat().journals(Path(folder)).head()
        if head is None:
            raise BadState(f"artefact {folder}", "hold scores", "no head.json", "choose a folder of KeepScores")
        try:
            layout = ScoreLayout(tuple(map(statistic_of, head.kept["statistics"])), head.kept["half"])
        except (TypeError, KeyError, ValueError, OverflowError):
            raise BadState(
                f"artefact {folder}", "hold scores", "other things", "choose a folder of KeepScores"
            ) from None
        store = cls(1, layout.statistics, half=layout.half)
        store._artefact = Artefact.read(folder, head.rows, head.version, head.checksum, layout.format)
        return store

    def update(self, ids: npt.ArrayLike, values: npt.ArrayLike | Mapping[str, npt.ArrayLike]) -> None:
        """Take in a value for each of these rows: of the signal "loss", or of several by name.

        Raises
        ------
        BadArgument
            Rows that there are none of, values that are not finite, or of a signal that no statistic is of.
        """
        rows = _whole(ids)
        names, matrix = self._checked_values(rows.size, values)
        if not are_usable(rows, matrix, self.rows):
            self._checked_ids(ids)
            raise BadArgument("values", "be finite", "one that is not", "skip steps that overflowed")
        if len(names) < len(self.layout.signals):
            given, matrix = matrix, np.full((rows.size, len(self.layout.signals)), np.nan, dtype=np.float32)
            matrix[:, [self.layout.signals.index(name) for name in names]] = given
        if self._is_journalled:
            self._artefact.apply(self._artefact.version + 1, rows, matrix)
        else:
            self.layout.write(self._artefact.values, rows, matrix)

    def read(self, statistic: Statistic) -> Float32:
        """A statistic of all rows, float32, NaN where nothing was observed: a column for a table, or to select by."""
        return self.kept.read(statistic).values

    def at(self, statistic: Statistic, ids: npt.ArrayLike) -> Float32:
        """A statistic of some rows."""
        return self.kept.at(statistic, self._checked_ids(ids))

    @property
    def kept(self) -> Kept:
        """For what reads the statistics of a run or of a store alike, like :func:`score_summary`."""
        return Kept([(self.layout, self._artefact.values)], self._artefact.version)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._artefact.values.size

    @property
    def version(self) -> tuple[int, str]:
        """The version that a folder has reached, and its checksum: keep both beside a checkpoint."""
        return self._artefact.version, self._artefact.checksum

    def go_back(self, version: int, checksum: str) -> None:
        """Be again as at an earlier version; refused, before anything is changed, where it is not the one meant."""
        version = checked_int("version", version, at_least=0, fix="pass what store.version was")
        checked_kind("checksum", checksum, str, fix="pass what store.version was")
        self._artefact.roll_back(version, checksum)

    def flush(self) -> None:
        """Wait until all is on the disk; without it a restart after a power failure takes longer."""
        self._artefact.flush()

    def _checked_ids(self, ids: npt.ArrayLike) -> Int64:
        given = _whole(ids)
        if given.size and (given.min() < 0 or given.max() >= self.rows):
            what = f"{given.min()} to {given.max()}"
            raise BadArgument("ids", f"be rows 0 to {self.rows - 1}", what, "is it another table?")
        return given

    def _checked_values(
        self, count: int, values: npt.ArrayLike | Mapping[str, npt.ArrayLike]
    ) -> tuple[list[str], Float32]:
        """The signals that are given, and their values in columns."""
        named = values if isinstance(values, Mapping) else {LOSS: values}
        unknown = [name for name in named if name not in self.layout.signals]
        if unknown or not named:
            what = ", ".join(map(str, unknown)) or "none"
            rule = f"be of the signals {', '.join(self.layout.signals)}"
            raise BadArgument("values", rule, what, "name what is kept")
        columns = [plain_array("values", column) for column in named.values()]
        for column in columns:
            if column.shape != (count,) or column.dtype.kind not in "biuf":
                what = f"{column.dtype} of shape {column.shape}"
                raise BadArgument("values", f"be {count} numbers", what, "pass one for each id")
        singles = [column.astype(np.float32, copy=False) for column in columns]
        return list(named), singles[0].reshape(count, 1) if len(singles) == 1 else np.stack(singles, axis=1)


def _whole(ids: npt.ArrayLike) -> Int64:
    given = plain_array("ids", ids)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise BadArgument("ids", "be a list of row numbers", ids, "pass one id for each value")
    return given.astype(np.int64, copy=False)

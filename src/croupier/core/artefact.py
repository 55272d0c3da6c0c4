"""Scores too large for a checkpoint: an array with a version, in memory or in a mapped file with journals.

In a file, each step from version v - 1 to v is first written to a journal of its own (ids, what their rows held, what
is written), then to the array in place, then to the head. The array itself reaches the disk when the system likes, and
at the latest once the journals since then have its size. Opening undoes what lies beyond the version that is known to
be on the disk, last first, and does the journals up to the head's version again: so nothing is lost, whether the
process was killed or the machine. Any version that still has its journals can be gone back to: that is how a run
resumes from a checkpoint older than the file. The checksum of a version is chained over the journals, so it costs
nothing per row.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.journals import Head, Journals, chained
from croupier.core.mapped_rows import rows_of
from croupier.core.rebuilding import checksum_of, rebuild
from croupier.errors import BadArgument, BadState, checked_int

__all__ = ["Artefact", "ArtefactFolder", "RowFormat", "Rows"]

Rows = npt.NDArray[Any]
LEAST_KEPT = 8
"""A run goes back a few versions at every restart."""


def _put(values: Rows, ids: Int64, new: Rows) -> None:
    values[ids] = new


@dataclass(frozen=True, slots=True)
class RowFormat:
    """What a row is, and how it changes: ``write(values, ids, new)`` in place, as a journal holds ids and new.

    By default one float32 that new values replace. ``new`` is the dtype of what is written for an id.
    """

    row: np.dtype[Any] = np.dtype("<f4")  # noqa: RUF009 - dtypes do not change
    new: np.dtype[Any] = np.dtype("<f4")  # noqa: RUF009
    write: Callable[[Rows, Int64, Rows], None] = _put
    file: str = "scores.f32"
    kept: Any = None

    @property
    def held(self) -> np.dtype[Any]:
        """How a journal holds a row: a record as its bytes, which NumPy moves about much faster."""
        return self.row if self.row.names is None else np.dtype((np.void, self.row.itemsize))

    @property
    def entry(self) -> np.dtype[Any]:
        """What a journal has for each id."""
        return np.dtype([("id", "<i8"), ("old", self.held), ("new", self.new)])

    def journals(self, folder: Path) -> Journals:
        """Those of a folder."""
        return Journals(folder, self.entry)


SCORES = RowFormat()


@dataclass(frozen=True, slots=True)
class ArtefactFolder(os.PathLike[str]):
    """A folder for what a stage learns, and how many of its versions to keep: pass it as ``artefact``.

    Parameters
    ----------
    path : path
    keep_versions : int, optional
        8 or more. At least so many versions can be gone back to, and at most twice as many have a journal: a state
        that is older is refused. A run makes a version a segment. By default none is ever removed, and the journals
        grow by 16 bytes an observation, or more.

    Examples
    --------
    >>> import croupier as cr
    >>> stage = cr.LossWeighted(artefact=ArtefactFolder("run-7/losses", keep_versions=500))
    """

    path: str | os.PathLike[str]
    keep_versions: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.path, (str, os.PathLike)):
            raise BadArgument("path", "be a folder", self.path, "pass a path")
        if self.keep_versions is not None:
            checked_int("keep_versions", self.keep_versions, at_least=LEAST_KEPT, fix="pass None to keep all")

    def __fspath__(self) -> str:
        return os.fspath(self.path)


class Artefact:
    """One number a row, or one record; the version they have reached, and the checksum of that version.

    Examples
    --------
    >>> scores = Artefact.create(rows=3, initial=1.0)
    >>> scores.apply(1, np.array([2]), np.array([5.0], np.float32)).tolist()
    [1.0]
    >>> scores.values.tolist(), scores.version
    ([1.0, 1.0, 5.0], 1)
    """

    def __init__(
        self,
        values: Rows,
        *,
        version: int = 0,
        checksum: str = "",
        row_format: RowFormat = SCORES,
        folder: str | os.PathLike[str] | None = None,
        head: Head | None = None,
    ) -> None:
        self.values = values
        self.version = version
        self.checksum = checksum
        self.folder = None if folder is None else Path(folder)
        self._format = row_format
        self._head = Head(values.size) if head is None else head
        self._keep = folder.keep_versions if isinstance(folder, ArtefactFolder) else None
        self._unflushed_bytes = 0
        self._is_journalled = True

    @classmethod
    def create(cls, rows: int, initial: float, row_format: RowFormat = SCORES) -> Self:
        """Rows in memory; records begin as zeros."""
        values = np.full(rows, initial, row_format.row) if initial else np.zeros(rows, row_format.row)
        return cls(values, row_format=row_format)

    @classmethod
    def open(cls, folder: str | os.PathLike[str], rows: int, initial: float, row_format: RowFormat = SCORES) -> Self:
        """Rows in a mapped file: made if the folder holds none, else taken up where a crash may have left them.

        One process writes an artefact at a time.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        journals = row_format.journals(place)
        head = journals.head()
        if head is None:
            head = Head(rows, kept=row_format.kept)
            if journals.versions(head):
                raise BadState(f"artefact {place}", "have a head.json beside its journals", "none there", "restore it")
            values = _new_file(place / row_format.file, rows, initial, row_format.row)
            head = replace(head, flushed_checksum=checksum_of(values))
            journals.write_head(head)
            return cls(values, row_format=row_format, folder=folder, head=head)
        _check_size(place, head, rows, row_format)
        values = np.memmap(place / row_format.file, dtype=row_format.row, mode="r+", shape=(rows,))
        artefact = cls(
            values, version=head.version, checksum=head.checksum, row_format=row_format, folder=folder, head=head
        )
        known = journals.versions(head)
        journals.check(head, [version for version in known if version <= head.version], head.version, head.checksum)
        artefact._rebuild(journals)
        journals.remove_thinned(head)
        return artefact

    @classmethod
    def read(
        cls, folder: str | os.PathLike[str], rows: int, version: int, checksum: str, row_format: RowFormat = SCORES
    ) -> Self:
        """A copy in memory of a journalled version; the folder is left as it is."""
        place = Path(folder)
        journals = row_format.journals(place)
        head = journals.head()
        if head is None:
            raise BadState(f"artefact {place}", "be an artefact's folder", "no head.json", "choose the right folder")
        _check_size(place, head, rows, row_format)
        values = np.fromfile(place / row_format.file, dtype=row_format.row)
        known = journals.versions(head)
        journals.check(head, [other for other in known if other <= head.version], head.version, head.checksum)
        journals.check(head, [other for other in known if other <= version], version, checksum)
        rebuild(values, journals, head, version, row_format.write)
        return cls(values, version=version, checksum=checksum, row_format=row_format)

    @staticmethod
    def version_in(folder: str | os.PathLike[str]) -> int:
        """The version a folder has reached; 0 where it holds no scores."""
        head = SCORES.journals(Path(folder)).head()
        return 0 if head is None else head.version

    def apply(self, version: int, ids: Int64, new: Rows) -> Rows:
        """Write to the rows of these ids, and return what they held; plain values are for ids that are unique."""
        old: Rows = rows_of(self.values, ids)
        journals = None if self.folder is None else self._format.journals(self.folder)
        entries = np.empty(ids.size, dtype=self._format.entry)
        entries["id"], entries["old"], entries["new"] = ids, old.view(self._format.held), new
        checksum = chained(self.checksum, version, entries)
        if journals is not None:
            journals.write(version, entries)
        self._format.write(self.values, ids, new)
        self.version, self.checksum = version, checksum
        if journals is not None:
            self._head = replace(self._head, version=version, checksum=checksum)
            self._unflushed_bytes += entries.nbytes
            if self._unflushed_bytes >= self.values.nbytes:
                self._flush()
            journals.write_head(self._head)
            self._thin(journals)
        return old

    def roll_back(self, version: int, checksum: str) -> None:
        """Go back to an earlier version of the file, once it is certain that it is the one meant."""
        if self.folder is None:
            raise BadState(
                "artefact", "be kept in a folder to go back", "scores in memory", "they are copies: load one"
            )
        journals = self._format.journals(self.folder)
        known = journals.versions(self._head)
        journals.check(self._head, [other for other in known if other <= version], version, checksum)
        # The head first: from then on a crash leaves journals beyond it, which the next opening undoes.
        self._head = replace(self._head, version=version, checksum=checksum)
        if version < self._head.flushed:
            self._head = replace(self._head, flushed=version, flushed_checksum="")
        journals.write_head(self._head)
        self.version, self.checksum = version, checksum
        self._rebuild(journals)

    def write_unjournalled(self) -> None:
        """From now on rows are written without versions: nothing can tell any more whether the array is as it was."""
        self._is_journalled = False
        self._head = replace(self._head, flushed_checksum="")
        if self.folder is not None:
            self._format.journals(self.folder).write_head(self._head)

    def flush(self) -> None:
        """Bring the array to the disk: the next opening has no journal to do again."""
        if self.folder is not None:
            self._flush()
            self._format.journals(self.folder).write_head(self._head)

    def _flush(self) -> None:
        if isinstance(self.values, np.memmap):
            self.values.flush()
        checksum = checksum_of(self.values) if self._is_journalled else ""
        self._head = replace(self._head, flushed=self.version, flushed_checksum=checksum)
        self._unflushed_bytes = 0

    def _rebuild(self, journals: Journals) -> None:
        """Make the array that of the head's version, whatever a crash has left; doing it twice is doing it once."""
        known = journals.versions(self._head)
        rebuild(self.values, journals, self._head, self.version, self._format.write)
        if not known or known[-1] <= self._head.flushed:
            return
        self._flush()
        journals.write_head(self._head)
        journals.remove([version for version in known if version > self.version])

    def _thin(self, journals: Journals) -> None:
        if self._keep is not None and len(journals.versions(self._head)) >= 2 * self._keep:
            self._flush()
            self._head = journals.thin(self._head, self._keep)


def _new_file(path: Path, rows: int, initial: float, row: np.dtype[Any]) -> Rows:
    values: Rows = np.memmap(path, dtype=row, mode="w+", shape=(rows,))
    if hasattr(os, "posix_fallocate"):
        # Now rather than later: to a mapped file, a full disk is a fatal signal.
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, values.nbytes)
    if initial:
        values[:] = initial
    values.flush()
    return values


def _check_size(folder: Path, head: Head, rows: int, row_format: RowFormat) -> None:
    what = f"artefact {folder}"
    if head.rows != rows:
        raise BadState(what, f"have {rows} rows like the table", head.rows, "use its own table")
    if head.kept != row_format.kept:
        raise BadState(what, f"keep {row_format.kept}", head.kept, "keep the same, or choose another folder")
    path, wanted = folder / row_format.file, rows * row_format.row.itemsize
    size = path.stat().st_size if path.exists() else 0
    if size != wanted:
        raise BadState(what, f"hold {wanted} bytes", size, "it is cut off: restore it")

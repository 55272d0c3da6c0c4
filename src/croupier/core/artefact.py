"""Scores too large for a checkpoint: an array with a version, in memory or in a mapped file with a journal.

In a file, each step from version v - 1 to v is first written to a journal of its own (ids, old and new values,
atomically), then to the array in place, then to the head. A crash between any two of these is undone at the next
opening, and any journalled version can be gone back to: that is how a run resumes from a checkpoint older than the
file. The checksum of a version is chained over the journals, so it costs nothing per row.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.errors import BadState

__all__ = ["Artefact"]

Scores = npt.NDArray[np.float32]
JOURNAL = np.dtype([("id", "<i8"), ("old", "<f4"), ("new", "<f4")])
HEAD, ARRAY = "head.json", "scores.f32"


class Artefact:
    """One float32 a row, the version it has reached, and the checksum of that version.

    Examples
    --------
    >>> scores = Artefact.create(rows=3, initial=1.0)
    >>> scores.apply(1, np.array([2]), np.array([5.0], np.float32)).tolist()
    [1.0]
    >>> scores.values.tolist(), scores.version
    ([1.0, 1.0, 5.0], 1)
    """

    def __init__(self, values: Scores, *, version: int = 0, checksum: str = "", folder: Path | None = None) -> None:
        self.values = values
        self.version = version
        self.checksum = checksum
        self.folder = folder

    @classmethod
    def create(cls, rows: int, initial: float) -> Self:
        """Scores in memory."""
        return cls(np.full(rows, initial, dtype=np.float32))

    @classmethod
    def open(cls, folder: str | os.PathLike[str], rows: int, initial: float) -> Self:
        """Scores in a mapped file: made if the folder holds none, else taken up where a crash may have left them.

        One process writes an artefact at a time.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        if not (place / HEAD).exists():
            values = np.memmap(place / ARRAY, dtype="<f4", mode="w+", shape=(rows,))
            values[:] = initial
            values.flush()
            _write_head(place, rows, 0, "")
            return cls(values, folder=place)
        head = _read_head(place)
        if head["rows"] != rows:
            raise BadState(f"artefact {place}", f"have {rows} rows like the table", head["rows"], "use its own table")
        if (place / ARRAY).stat().st_size != 4 * rows:
            raise BadState(
                f"artefact {place}", f"hold {4 * rows} bytes", (place / ARRAY).stat().st_size, "it is cut off"
            )
        artefact = cls(
            np.memmap(place / ARRAY, dtype="<f4", mode="r+", shape=(rows,)),
            version=head["version"], checksum=head["checksum"], folder=place,
        )  # fmt: skip
        for journal in sorted(place.glob("journal-*.npy")):
            if _version_of(journal) > artefact.version:  # written, perhaps half applied, never headed
                entries = np.load(journal, allow_pickle=False)
                artefact.values[entries["id"]] = entries["old"]
                journal.unlink()
        return artefact

    def apply(self, version: int, ids: Int64, new: Scores) -> Scores:
        """Set the scores of these ids (unique) and return what they were."""
        old: Scores = self.values[ids]
        entries = np.empty(ids.size, dtype=JOURNAL)
        entries["id"], entries["old"], entries["new"] = ids, old, new
        checksum = hashlib.blake2b(f"{self.checksum}{version}".encode() + entries.tobytes(), digest_size=16).hexdigest()
        if self.folder is not None:
            _write_atomically(_journal(self.folder, version), lambda file: np.save(file, entries, allow_pickle=False))
        self.values[ids] = new
        if self.folder is not None:
            assert isinstance(self.values, np.memmap)
            self.values.flush()
            _write_head(self.folder, self.values.size, version, checksum)
        self.version, self.checksum = version, checksum
        return old

    def roll_back(self, version: int, checksum: str) -> None:
        """Go back to an earlier version of the file, and check that it is the one meant."""
        assert self.folder is not None
        journals = sorted(self.folder.glob("journal-*.npy"), reverse=True)
        for journal in journals:
            if _version_of(journal) > version:
                entries = np.load(journal, allow_pickle=False)
                self.values[entries["id"]] = entries["old"]
                journal.unlink()
        reached = 0
        self.checksum = ""
        for journal in sorted(self.folder.glob("journal-*.npy")):
            reached = _version_of(journal)
            entries = np.load(journal, allow_pickle=False)
            text = f"{self.checksum}{reached}".encode() + entries.tobytes()
            self.checksum = hashlib.blake2b(text, digest_size=16).hexdigest()
        if self.checksum != checksum:
            raise BadState(
                f"artefact {self.folder}", f"have journals that lead to version {version}",
                f"version {reached} of another history", "keep the folder beside the checkpoint it belongs to",
            )  # fmt: skip
        self.version = reached
        _write_head(self.folder, self.values.size, reached, self.checksum)


def _journal(folder: Path, version: int) -> Path:
    return folder / f"journal-{version:012d}.npy"


def _version_of(journal: Path) -> int:
    return int(journal.stem.removeprefix("journal-"))


def _read_head(folder: Path) -> dict[str, Any]:
    try:
        head = json.loads((folder / HEAD).read_text())
        return {"rows": int(head["rows"]), "version": int(head["version"]), "checksum": str(head["checksum"])}
    except (ValueError, KeyError, TypeError) as error:
        raise BadState(f"artefact {folder}", "have a readable head.json", str(error), "restore it") from None


def _write_head(folder: Path, rows: int, version: int, checksum: str) -> None:
    text = json.dumps({"rows": rows, "version": version, "checksum": checksum})
    _write_atomically(folder / HEAD, lambda file: file.write(text.encode()))


def _write_atomically(path: Path, write: Any) -> None:
    beside = path.with_suffix(path.suffix + ".part")
    with beside.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)

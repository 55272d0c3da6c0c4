"""Scores too large for a checkpoint: an array with a version, in memory or in a mapped file with a journal.

In a file, each step from version v - 1 to v is first written to a journal of its own (ids, old and new values,
atomically), then to the array in place, then to the head. A crash between any two of these is undone at the next
opening, and any journalled version can be gone back to: that is how a run resumes from a checkpoint older than the
file. The checksum of a version is chained over the journals, so it costs nothing per row.
"""

from __future__ import annotations

import hashlib
import io
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
            if _journals(place):
                raise BadState(f"artefact {place}", "have a head.json beside its journals", "none there", "restore it")
            values = np.memmap(place / ARRAY, dtype="<f4", mode="w+", shape=(rows,))
            values[:] = initial
            values.flush()
            _write_head(place, rows, 0, "")
            return cls(values, folder=place)
        head = _checked_head(place, rows)
        values = np.memmap(place / ARRAY, dtype="<f4", mode="r+", shape=(rows,))
        artefact = cls(values, version=head["version"], checksum=head["checksum"], folder=place)
        artefact._undo_beyond_head(_journals(place))
        _check_history(place, _journals(place), artefact.version, artefact.checksum)
        return artefact

    @classmethod
    def read(cls, folder: str | os.PathLike[str], rows: int, version: int, checksum: str) -> Self:
        """A copy in memory of a journalled version; the folder is left as it is."""
        place = Path(folder)
        head = _checked_head(place, rows)
        values = np.fromfile(place / ARRAY, dtype="<f4").astype(np.float32)
        journals = _journals(place)
        reached = [known for known in journals if _version_of(known) <= head["version"]]
        _check_history(place, reached, head["version"], head["checksum"])
        for journal in reversed(journals):
            if _version_of(journal) > version:
                _undo(values, _entries(journal))
        _check_history(place, [known for known in journals if _version_of(known) <= version], version, checksum)
        return cls(values, version=version, checksum=checksum)

    @staticmethod
    def version_in(folder: str | os.PathLike[str]) -> int:
        """The version a folder has reached; 0 where it holds no scores."""
        place = Path(folder)
        return _read_head(place)["version"] if (place / HEAD).exists() else 0

    def apply(self, version: int, ids: Int64, new: Scores) -> Scores:
        """Set the scores of these ids (unique) and return what they were."""
        old: Scores = self.values[ids]
        entries = np.empty(ids.size, dtype=JOURNAL)
        entries["id"], entries["old"], entries["new"] = ids, old, new
        checksum = _chained(self.checksum, version, entries)
        if self.folder is not None:
            _write_atomically(_journal(self.folder, version), _npy_bytes(entries))
        self.values[ids] = new
        if self.folder is not None:
            _flush(self.values)
            _write_head(self.folder, self.values.size, version, checksum)
        self.version, self.checksum = version, checksum
        return old

    def roll_back(self, version: int, checksum: str) -> None:
        """Go back to an earlier version of the file, once it is certain that it is the one meant."""
        if self.folder is None:
            raise BadState(
                "artefact", "be kept in a folder to go back", "scores in memory", "they are copies: load one"
            )
        journals = _journals(self.folder)
        _check_history(self.folder, [known for known in journals if _version_of(known) <= version], version, checksum)
        # The head first: from then on a crash leaves journals beyond it, which the next opening undoes.
        _write_head(self.folder, self.values.size, version, checksum)
        self.version, self.checksum = version, checksum
        self._undo_beyond_head(journals)

    def _undo_beyond_head(self, journals: list[Path]) -> None:
        """Undo, last first, the journals beyond the version the head names; doing it twice is doing it once."""
        beyond = [journal for journal in reversed(journals) if _version_of(journal) > self.version]
        for journal in beyond:
            _undo(self.values, _entries(journal))
        _flush(self.values)
        for journal in beyond:
            journal.unlink()


def _check_history(folder: Path, journals: list[Path], version: int, checksum: str) -> None:
    chained = ""
    for journal in journals:
        chained = _chained(chained, _version_of(journal), _entries(journal))
    if chained != checksum:
        raise BadState(
            f"artefact {folder}", f"have the journals that led to version {version} when it was saved",
            "other journals", "keep the folder beside the checkpoint it belongs to",
        )  # fmt: skip


def _chained(checksum: str, version: int, entries: npt.NDArray[Any]) -> str:
    return hashlib.blake2b(f"{checksum}{version}".encode() + entries.tobytes(), digest_size=16).hexdigest()


def _flush(values: Scores) -> None:
    if isinstance(values, np.memmap):
        values.flush()


def _undo(values: Scores, entries: npt.NDArray[Any]) -> None:
    values[entries["id"]] = entries["old"]


def _journals(folder: Path) -> list[Path]:
    return sorted(folder.glob("journal-*.npy"))


def _entries(journal: Path) -> npt.NDArray[Any]:
    try:
        entries: npt.NDArray[Any] = np.load(journal, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BadState(f"artefact {journal}", "be a whole journal", str(error), "restore it") from None
    if entries.dtype != JOURNAL:
        raise BadState(f"artefact {journal}", f"have entries of {JOURNAL}", entries.dtype, "restore it")
    return entries


def _checked_head(folder: Path, rows: int) -> dict[str, Any]:
    head = _read_head(folder)
    if head["rows"] != rows:
        raise BadState(f"artefact {folder}", f"have {rows} rows like the table", head["rows"], "use its own table")
    size = (folder / ARRAY).stat().st_size
    if size != 4 * rows:
        raise BadState(f"artefact {folder}", f"hold {4 * rows} bytes", size, "it is cut off: restore it")
    return head


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
    _write_atomically(folder / HEAD, text.encode())


def _npy_bytes(values: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def _write_atomically(path: Path, content: bytes) -> None:
    beside = path.with_suffix(path.suffix + ".part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)

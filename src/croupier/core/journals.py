"""The folder of an artefact: a head that says which version its array is of, and a journal for each step up to it.

    head.json              rows, version and checksum; up to which version the array is safe on the disk ("flushed");
                           the version and checksum that the oldest journal starts from ("base", "base_checksum")
    journal-0000000007.npy what version 7 changed: ids, what their rows held before, what was written or taken in

All are written atomically. The checksum of a version is chained over the journals.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from croupier.errors import BadState

__all__ = ["Entries", "Head", "Journals", "chained"]

Entries = npt.NDArray[Any]
"""A structured array with the fields id, old and new."""
HEAD = "head.json"


@dataclass(frozen=True, slots=True)
class Head:
    """What head.json says."""

    rows: int
    version: int = 0
    checksum: str = ""
    flushed: int = 0
    base: int = 0
    base_checksum: str = ""
    kept: Any = None
    """What the rows are made of, where they are more than a number."""


@dataclass(frozen=True, slots=True)
class Journals:
    """The files of one folder, whose journals have entries of one dtype."""

    folder: Path
    entry: np.dtype[Any]

    def versions(self, head: Head) -> list[int]:
        """Those that there are journals of, in order; older ones than the base are left over from thinning."""
        found = sorted(int(path.stem.removeprefix("journal-")) for path in self.folder.glob("journal-*.npy"))
        return [version for version in found if version > head.base]

    def path(self, version: int) -> Path:
        """Where the journal of a version is."""
        return self.folder / f"journal-{version:012d}.npy"

    def entries(self, version: int) -> Entries:
        """What a version changed."""
        journal = self.path(version)
        try:
            entries: Entries = np.load(journal, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise BadState(f"artefact {journal}", "be a whole journal", str(error), "restore it") from None
        if entries.dtype != self.entry:
            raise BadState(f"artefact {journal}", f"have entries of {self.entry}", entries.dtype, "restore it")
        return entries

    def write(self, version: int, entries: Entries) -> None:
        """Write the journal of a version; it is safe on the disk when this returns."""
        _write_atomically(self.path(version), lambda file: np.save(file, entries, allow_pickle=False))

    def remove(self, versions: list[int]) -> None:
        """Remove these journals."""
        for version in versions:
            self.path(version).unlink()

    def remove_thinned(self, head: Head) -> None:
        """Remove what a crash in the middle of thinning left."""
        for path in self.folder.glob("journal-*.npy"):
            if int(path.stem.removeprefix("journal-")) <= head.base:
                path.unlink()

    def head(self) -> Head | None:
        """What the head says; None where there is none yet."""
        path = self.folder / HEAD
        if not path.exists():
            return None
        try:
            said: Mapping[str, Any] = json.loads(path.read_text())
            version = int(said["version"])
            return Head(
                int(said["rows"]), version, str(said["checksum"]), int(said.get("flushed", version)),
                int(said.get("base", 0)), str(said.get("base_checksum", "")), said.get("kept"),
            )  # fmt: skip
        except (ValueError, KeyError, TypeError) as error:
            what = f"artefact {self.folder}"
            raise BadState(what, "have a readable head.json", str(error), "restore it") from None

    def write_head(self, head: Head) -> None:
        """Write the head; it is safe on the disk when this returns."""
        said = json.dumps({name: getattr(head, name) for name in Head.__slots__}).encode()
        _write_atomically(self.folder / HEAD, lambda file: file.write(said))

    def check(self, head: Head, versions: list[int], version: int, checksum: str) -> None:
        """Refuse journals (those of ``versions``) that did not lead to this version and checksum."""
        if version < head.base:
            raise BadState(
                f"artefact {self.folder}", f"have the journals back to version {version}",
                f"those after version {head.base}", "load a newer state; keep_versions says how many are kept",
            )  # fmt: skip
        found = head.base_checksum
        for known in versions:
            found = chained(found, known, self.entries(known))
        if found != checksum:
            raise BadState(
                f"artefact {self.folder}", f"have the journals that led to version {version} when it was saved",
                "other journals", "keep the folder beside the checkpoint it belongs to",
            )  # fmt: skip

    def thin(self, head: Head, keep: int) -> Head:
        """Remove all but the newest journals, of which the array must be flushed up to the oldest; the new head."""
        versions = self.versions(head)
        gone = versions[:-keep]
        checksum = head.base_checksum
        for version in gone:
            checksum = chained(checksum, version, self.entries(version))
        thinned = replace(head, base=gone[-1] if gone else head.base, base_checksum=checksum)
        self.write_head(thinned)
        self.remove(gone)
        return thinned


def chained(checksum: str, version: int, entries: Entries) -> str:
    """The checksum of a version, from that of the one before."""
    hashed = hashlib.blake2b(f"{checksum}{version}".encode(), digest_size=16)
    hashed.update(np.ascontiguousarray(entries).view(np.uint8).data)
    return hashed.hexdigest()


def _write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    beside = path.with_suffix(path.suffix + ".part")
    with beside.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    if os.name == "posix":
        # Without it a power failure may lose the new name, though not what is under it.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

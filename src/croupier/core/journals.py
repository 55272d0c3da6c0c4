"""The folder of an artefact: a head that says which version its array is of, and a journal for each step up to it.

    head.json              rows, version and checksum; up to which version the array is safe on the disk ("flushed"),
                           with the checksum of all its rows as they were then ("flushed_checksum"); the version and
                           checksum that the oldest journal starts from ("base", "base_checksum")
    journal-0000000007.npy what version 7 changed: ids, what their rows held before, what was written or taken in

All are written atomically. The checksum of a version is chained over the journals.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from croupier.core.array_file import open_array
from croupier.core.atomic_file import write_atomically
from croupier.core.plain_json import read_json
from croupier.errors import BadState

__all__ = ["Entries", "Head", "Journals", "chained"]

Entries = npt.NDArray[Any]
"""A structured array with the fields id, old and new."""
HEAD = "head.json"
JOURNAL = re.compile(r"journal-(\d{12,18})\.npy")


@dataclass(frozen=True, slots=True)
class Head:
    """What head.json says."""

    rows: int
    version: int = 0
    checksum: str = ""
    flushed: int = 0
    base: int = 0
    base_checksum: str = ""
    flushed_checksum: str = ""
    """Of the array as it was when it last reached the disk; none where rows are written without versions."""
    kept: Any = None
    """What the rows are made of, where they are more than a number."""


@dataclass(frozen=True, slots=True)
class Journals:
    """The files of one folder, whose journals have entries of one dtype."""

    folder: Path
    entry: np.dtype[Any]

    def versions(self, head: Head) -> list[int]:
        """Those that there are journals of, in order; older ones than the base are left over from thinning."""
        return [version for version in self._numbers() if version > head.base]

    def _numbers(self) -> list[int]:
        """The versions of all journals there are; files of other names are none of ours."""
        named = [JOURNAL.fullmatch(path.name) for path in self.folder.glob("journal-*.npy")]
        numbers = {int(name[1]) for name in named if name is not None}
        return sorted(number for number in numbers if self.path(number).exists())

    def path(self, version: int) -> Path:
        """Where the journal of a version is."""
        return self.folder / f"journal-{version:012d}.npy"

    def entries(self, version: int) -> Entries:
        """What a version changed."""
        journal = self.path(version)
        try:
            entries: Entries = np.array(open_array(journal))
        except (ValueError, OSError) as error:
            raise BadState(f"artefact {journal}", "be a whole journal", str(error), "restore it") from None
        if entries.dtype != self.entry or entries.ndim != 1:
            raise BadState(f"artefact {journal}", f"have entries of {self.entry}", entries.dtype, "restore it")
        return entries

    def checked_entries(self, version: int, rows: int) -> Entries:
        """What a version changed, of so many rows."""
        entries = self.entries(version)
        ids = entries["id"]
        if ids.size and not 0 <= ids.min() <= ids.max() < rows:
            what = f"{ids.min()} to {ids.max()}"
            raise BadState(f"artefact {self.path(version)}", f"change rows 0 to {rows - 1}", what, "restore it")
        return entries

    def write(self, version: int, entries: Entries) -> None:
        """Write the journal of a version; it is safe on the disk when this returns."""
        write_atomically(self.path(version), lambda file: np.save(file, entries, allow_pickle=False))

    def remove(self, versions: list[int]) -> None:
        """Remove these journals."""
        for version in versions:
            self.path(version).unlink()

    def remove_thinned(self, head: Head) -> None:
        """Remove what a crash left: in the middle of thinning, or of writing."""
        self.remove([version for version in self._numbers() if version <= head.base])
        for path in self.folder.glob("*.part"):
            path.unlink()

    def head(self) -> Head | None:
        """What the head says; None where there is none yet."""
        path = self.folder / HEAD
        if not path.exists():
            return None
        try:
            said: Any = read_json(path)
            if not isinstance(said, dict):
                raise TypeError("no mapping")  # noqa: TRY301
            return _head_of(cast("dict[str, Any]", said))
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = f"artefact {self.folder}"
            raise BadState(what, "have a readable head.json", str(error), "restore it") from None

    def write_head(self, head: Head) -> None:
        """Write the head; it is safe on the disk when this returns."""
        said = json.dumps({name: getattr(head, name) for name in Head.__slots__}).encode()
        write_atomically(self.folder / HEAD, lambda file: file.write(said))

    def check(self, head: Head, versions: list[int], version: int, checksum: str) -> None:
        """Refuse journals (those of ``versions``) that did not lead to this version and checksum."""
        if version > head.version:
            fix = "keep the folder beside the checkpoint it belongs to"
            raise BadState(f"artefact {self.folder}", f"have reached version {version}", head.version, fix)
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


def _head_of(said: dict[str, Any]) -> Head:
    version = said["version"]
    head = Head(
        said["rows"], version, said["checksum"], said.get("flushed", version), said.get("base", 0),
        said.get("base_checksum", ""), said.get("flushed_checksum", ""), said.get("kept"),
    )  # fmt: skip
    numbers = (head.rows, head.version, head.flushed, head.base)
    are_whole = all(type(number) is int and 0 <= number < 2**63 for number in numbers)
    if not are_whole or not head.base <= head.flushed <= head.version:
        raise ValueError(f"rows, version, flushed and base {numbers}")
    if not all(isinstance(one, str) for one in (head.checksum, head.base_checksum, head.flushed_checksum)):
        raise TypeError("checksums that are none")
    return head

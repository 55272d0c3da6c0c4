"""Bring an array that lies beside its journals to a version, whatever a crash has left of it; or refuse it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.journals import Head, Journals
from croupier.errors import BadState

__all__ = ["checksum_of", "rebuild"]

Rows = npt.NDArray[Any]


def rebuild(
    values: Rows, journals: Journals, head: Head, wanted: int, write: Callable[[Rows, Int64, Rows], None]
) -> None:
    """From an array of which ``head.flushed`` is on the disk, and any part of what came after it, to a version.

    Doing it twice is doing it once.

    Raises
    ------
    BadState
        Without what came after it, the array is not the one that was brought to the disk.
    """
    known = journals.versions(head)
    for version in [version for version in reversed(known) if version > head.flushed]:
        _undo(values, journals, version)
    if head.flushed_checksum and checksum_of(values) != head.flushed_checksum:
        raise BadState(
            f"artefact {journals.folder}", f"hold the array of version {head.flushed}", "one that was changed since",
            "it is damaged: restore it",
        )  # fmt: skip
    for version in [version for version in reversed(known) if wanted < version <= head.flushed]:
        _undo(values, journals, version)
    for version in [version for version in known if head.flushed < version <= wanted]:
        entries = journals.checked_entries(version, values.size)
        write(values, entries["id"].copy(), np.ascontiguousarray(entries["new"]))


def checksum_of(values: Rows) -> str:
    """Of all rows: a pass over the array.

    Examples
    --------
    >>> len(checksum_of(np.zeros(3, np.float32)))
    32
    """
    return hashlib.blake2b(np.asarray(values).view(np.uint8).data, digest_size=16).hexdigest()


def _undo(values: Rows, journals: Journals, version: int) -> None:
    # Seen as what journals hold; of a row that comes several times, each entry says what it held before the version.
    entries = journals.checked_entries(version, values.size)
    values.view(journals.entry["old"])[entries["id"]] = entries["old"]

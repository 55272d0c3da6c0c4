"""A folder of arrays that never changes once written: a version of what a run refreshes, with its checksum."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt

from croupier.core.array_file import open_array
from croupier.core.atomic_file import sync_folder
from croupier.core.plain_json import read_json
from croupier.errors import BadArgument, BadState, checked_path

__all__ = ["SavedArrays"]

HEAD = "head.json"
CHUNK_BYTES = 2**26


@dataclass(frozen=True, slots=True)
class SavedArrays:
    """Arrays by name, facts about them, and the checksum of all; plain ``.npy`` files and JSON.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp() + "/clusters-1"
    >>> saved = SavedArrays.write(folder, "clusters", {"members": np.arange(3)})
    >>> SavedArrays.read(folder, "clusters", saved.checksum).arrays["members"].tolist()
    [0, 1, 2]
    """

    folder: str
    kind: str
    arrays: Mapping[str, npt.NDArray[Any]]
    facts: Mapping[str, Any]
    checksum: str

    @classmethod
    def write(
        cls,
        folder: str | os.PathLike[str],
        kind: str,
        arrays: Mapping[str, npt.NDArray[Any]],
        facts: Mapping[str, Any] | None = None,
    ) -> Self:
        """Write a new folder, all of it or nothing."""
        place = Path(checked_path("folder", folder))
        if place.exists():
            raise BadArgument("folder", "not exist yet: a version never changes", str(place), "choose a new name")
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        try:
            for name, values in arrays.items():
                with (beside / f"{name}.npy").open("xb") as file:
                    np.save(file, values, allow_pickle=False)
                    file.flush()
                    os.fsync(file.fileno())
            checksum = _checksum(kind, arrays, facts or {})
            head = {"kind": kind, "arrays": sorted(arrays), "facts": dict(facts or {}), "checksum": checksum}
            with (beside / HEAD).open("xb") as file:
                file.write(json.dumps(head).encode())
                file.flush()
                os.fsync(file.fileno())
            sync_folder(beside)
            beside.rename(place)
            sync_folder(place.parent)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        return cls(str(folder), kind, dict(arrays), dict(facts or {}), checksum)

    @classmethod
    def read(cls, folder: str | os.PathLike[str], kind: str, checksum: str | None = None) -> Self:
        """Map the arrays of a folder, once they are found to be those that were written (and meant).

        Raises
        ------
        BadState
            No such folder, of another kind, damaged, or not the version with this checksum.
        """
        place = Path(checked_path("folder", folder))
        try:
            head = _checked_head(read_json(place / HEAD))
            arrays = {name: open_array(place / f"{name}.npy") for name in head["arrays"]}
            written, found = head["checksum"], _checksum(head["kind"], arrays, head["facts"])
        except KeyError as error:
            what = f"no {error} in {HEAD}"
            raise BadState(f"folder {place}", f"hold {kind} as they were saved", what, "restore it") from None
        except (OSError, ValueError, TypeError) as error:
            raise BadState(f"folder {place}", f"hold {kind} as they were saved", str(error), "restore it") from None
        if head["kind"] != kind:
            raise BadState(f"folder {place}", f"hold {kind}", head["kind"], "choose the right folder")
        if found != written:
            raise BadState(f"folder {place}", f"have the checksum {written}", found, "it is damaged: restore it")
        if checksum is not None and found != checksum:
            raise BadState(
                f"folder {place}", f"hold the version {checksum} that the run used", found,
                "keep every version beside the checkpoints that refer to it",
            )  # fmt: skip
        return cls(str(folder), kind, arrays, head["facts"], found)


def _checked_head(said: Any) -> dict[str, Any]:
    """With an array's name a plain one, that leads out of no folder."""
    head = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
    names: list[Any] = head["arrays"]
    if not isinstance(names, list) or not all(isinstance(name, str) and name.isidentifier() for name in names):
        raise ValueError(f"arrays {names}")
    if not isinstance(head["facts"], dict) or not isinstance(head["kind"], str):
        raise TypeError(f"facts {head['facts']} of {head['kind']}")
    return head


def _checksum(kind: str, arrays: Mapping[str, npt.NDArray[Any]], facts: Mapping[str, Any]) -> str:
    hashed = hashlib.blake2b(json.dumps([kind, dict(facts)], sort_keys=True).encode(), digest_size=16)
    for name in sorted(arrays):
        values = np.asarray(arrays[name])
        hashed.update(f"{name}{values.dtype.str}{values.shape or (1,)}".encode())
        for chunk in _chunks(values):
            hashed.update(chunk)
    return hashed.hexdigest()


def _chunks(values: npt.NDArray[Any]) -> Iterator[memoryview]:
    """The bytes of an array in C order, a part at a time: a mapped file is read through, not into memory."""
    step = max(1, CHUNK_BYTES // max(1, values.itemsize))
    flat = values.reshape(-1) if values.flags.c_contiguous else values.flat
    for begin in range(0, values.size, step):
        yield np.ascontiguousarray(flat[begin : begin + step]).view(np.uint8).data

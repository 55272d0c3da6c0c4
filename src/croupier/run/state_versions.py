"""The schema of a state: its version, its fields, its checksums, and how states of earlier versions are brought up.

What to do when the schema changes is in CONTRIBUTING.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from croupier.core.fingerprint import digest
from croupier.core.plain_json import DEEPEST, is_plain
from croupier.errors import BadState

__all__ = ["MIGRATIONS", "STATE_VERSION", "checked_state", "sealed"]

STATE_VERSION = 1
FIELDS = {
    "croupier_state",
    "cursor",
    "run",
    "plan",
    "table",
    "ledger",
    "skipped",
    "has_grown",
    "grown",
    "costs",
    "batch_sizes",
    "refreshes",
    "learned",
    "learned_checksum",
    "checksum",
}
Migration = Callable[[Mapping[str, Any]], dict[str, Any]]
MIGRATIONS: tuple[Migration, ...] = ()
"""The first brings a state of version 1 to version 2, and so on: pure functions of the fields."""
ADDED: Mapping[str, Any] = {
    "grown": [0, 0, 0],
    "costs": [],
    "batch_sizes": [],
    "refreshes": [],
    "learned_checksum": None,
}
"""Missing from states written before version 1 was released, which had none of them."""


def sealed(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state with its checksums: one of what is learned, unless it has that, and one of all else with that."""
    learned = state.get("learned_checksum") or _learned_checksum(state["learned"])
    whole = {**state, "learned_checksum": learned}
    return {**whole, "checksum": _checksum(whole)}


def checked_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """A whole state, brought to this version.

    Raises
    ------
    BadState
        No state, newer than this library, cut off, or damaged.

    Examples
    --------
    >>> checked_state({"croupier_state": 9})
    Traceback (most recent call last):
        ...
    croupier.errors.BadState: state: croupier_state must be <= 1, got 9; install the newer croupier that wrote it
    """
    if not isinstance(state, Mapping):
        raise BadState("it", "be what state_dict() returned", type(state).__name__, "load the right file")
    version = state.get("croupier_state")
    if type(version) is not int or version < 1:
        raise BadState("croupier_state", "be a version number", version, "pass what state_dict() returned")
    if version > STATE_VERSION:
        raise BadState("croupier_state", f"be <= {STATE_VERSION}", version, "install the newer croupier that wrote it")
    if not is_plain({name: value for name, value in state.items() if name != "learned"}):
        rule = f"hold numbers, strings, lists and mappings beside what is learned, at most {DEEPEST} deep"
        raise BadState("it", rule, "other things", "load an undamaged state")
    try:
        brought = _brought_up(state, version)
        found, learned = _checksum(state), brought.get("learned_checksum")
        is_learned = learned is None or learned == _learned_checksum(state["learned"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        what = f"{type(error).__name__}: {error}"
        raise BadState("it", f"be a state of version {version}", what, "load an undamaged state") from None
    if set(brought) != FIELDS:
        raise BadState("it", f"have the fields {sorted(FIELDS)}", sorted(state), "it is cut off, or has been edited")
    if found != state["checksum"]:
        raise BadState("checksum", f"be {found}", state["checksum"], "the file is damaged: load another")
    if not is_learned:
        what = "what another state has learned, or damaged"
        raise BadState("learned", f"have the checksum {learned}", what, "load a whole state: no part of two")
    return brought


def _brought_up(state: Mapping[str, Any], version: int) -> dict[str, Any]:
    found = {**ADDED, **state} if version == 1 else dict(state)
    for number, migrate in enumerate(MIGRATIONS[version - 1 :], version + 1):
        found = {**migrate(found), "croupier_state": number}
    return found


def _checksum(state: Mapping[str, Any]) -> str:
    return digest({name: value for name, value in state.items() if name not in ("checksum", "learned")})


def _learned_checksum(learned: Any) -> str:
    """Of arrays and numbers alike, whether they are NumPy's or came through torch."""
    hashed = hashlib.blake2b(digest_size=16)
    level: list[tuple[str, Any]] = [("", learned)]
    for _ in range(DEEPEST):
        below: list[tuple[str, Any]] = []
        for name, value in level:
            if isinstance(value, Mapping):
                items = cast("Mapping[str, Any]", value)
                hashed.update(f"{name} {json.dumps(sorted(items))}\n".encode())
                below.extend((inner, items[inner]) for inner in sorted(items))
            elif hasattr(value, "__array__"):
                array = np.asarray(value)
                plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(-1)
                hashed.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
                hashed.update(plain.view(np.uint8).data)
            else:
                hashed.update(f"{name} {json.dumps(value)}\n".encode())
        if not below:
            return hashed.hexdigest()
        level = below
    raise ValueError(f"nested deeper than {DEEPEST}")

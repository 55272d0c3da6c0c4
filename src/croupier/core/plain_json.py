"""JSON that nobody vouches for: bounded in size, depth and numbers, every name once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

__all__ = ["DEEPEST", "MOST_BYTES", "is_plain", "listed", "parse_json", "read_json"]

MOST_BYTES = 2**22
"""Parsed, it takes up to fifty times as much memory, and a second."""
DEEPEST = 100
"""Far within what Python's own recursion allows, so that whatever is read can be compared, shown and hashed."""
MOST_ITEMS = 2**22


def parse_json(text: bytes) -> Any:
    """The value of a text.

    Raises
    ------
    ValueError
        No JSON; above ``MOST_BYTES``, nested deeper than ``DEEPEST``, a whole number beyond 64 bits, a name twice.

    Examples
    --------
    >>> parse_json(b'{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    >>> parse_json(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
        ...
    ValueError: the name 'a' twice
    """
    if len(text) > MOST_BYTES:
        raise ValueError(f"{len(text)} bytes of JSON, above {MOST_BYTES}")
    try:
        value = json.loads(text.decode(), object_pairs_hook=_each_once)
    except RecursionError:
        raise ValueError(f"JSON nested deeper than {DEEPEST}") from None
    if not is_plain(value):
        raise ValueError(f"JSON nested deeper than {DEEPEST}, or a number beyond 64 bits")
    return value


def read_json(path: Path) -> Any:
    """The value of a file, of which no more is read than may be."""
    with path.open("rb") as file:
        return parse_json(file.read(min(os.fstat(file.fileno()).st_size, MOST_BYTES + 1)))


def is_plain(value: Any) -> bool:
    """Whether a value is of what JSON has, tuples counting as lists, within the bounds of :func:`parse_json`."""
    level = [value]
    seen = 0
    for _ in range(DEEPEST):
        below: list[Any] = []
        for item in level:
            if isinstance(item, Mapping):
                if not all(isinstance(name, str) for name in cast("Mapping[Any, Any]", item)):
                    return False
                below.extend(cast("Mapping[str, Any]", item).values())
            elif isinstance(item, (list, tuple)):
                below.extend(cast("list[Any]", item))
            elif isinstance(item, int):
                if not -(2**63) <= item < 2**64:
                    return False
            elif item is not None and not isinstance(item, (str, float)):
                return False
        seen += len(below)
        if not below or seen > MOST_ITEMS:
            return not below
        level = below
    return False


def listed(value: Any) -> list[Any]:
    """The items of a list or a tuple; of anything else, none.

    Examples
    --------
    >>> listed((1, "a")), listed("ab")
    ([1, 'a'], [])
    """
    return list(cast("list[Any]", value)) if isinstance(value, (list, tuple)) else []


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)!r} twice")
    return found

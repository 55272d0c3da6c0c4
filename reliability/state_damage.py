"""Ways in which states are wrong: damage of any kind, and authors who know every checksum."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import croupier as cr
from croupier.run.state_versions import sealed

__all__ = ["HOSTILE", "author", "claims", "damaged_bytes", "edits", "hostile_headers", "packed"]

MAGIC = b"croupier-state-1\n"
DEEP = "@deep@"
HOSTILE: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 3, 2**20 + 1, 2**31, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 10**18, -(10**18), 10**400,
    0.5, 1e308, -0.0, math.nan, math.inf, -math.inf, "", "x", "..", "../../../../etc/passwd", "/dev/zero", "\x00",
    "n\u0303\u202e\U0001f3b2", "\ud800", "x" * 5_000, "cos\nsystem\n(S'true'\ntR.", "__import__('os').system('true')",
    "!!python/object/apply:os.system ['true']", [], {}, [[]], [None], [[0, 0, 0]] * 50, [[[0, 0, 0], [0, 0, 0]]], DEEP,
    {"$array": ["int64", [0], 0]}, {"$array": ["float32", [10**18], 0]}, {"$array": ["int64", [2**32, 2**32], 0]},
    {"$array": ["object", [1], 0]}, {"$array": ["int64", [-1], 0]}, {"$array": None}, {"x": 1},
)  # fmt: skip


def damaged_bytes(whole: bytes, chosen: random.Random, *, most: int, cuts: int = 0) -> Iterator[tuple[str, bytes]]:
    """Cut off at every length, one byte changed in every place, parts exchanged; so many of each, chosen at random."""
    for length in _some(range(len(whole)), chosen, max(cuts, most)):
        yield f"cut off at byte {length}", whole[:length]
    for place in _some(range(len(whole)), chosen, most):
        changed = whole[place] ^ chosen.randrange(1, 256)
        yield f"byte {place} made {changed}", whole[:place] + bytes([changed]) + whole[place + 1 :]
    for _ in range(most // 10):
        low, high = sorted(chosen.sample(range(len(whole) + 1), 2))
        size = min(high - low, len(whole) - high)
        one, other = whole[low : low + size], whole[high : high + size]
        swapped = whole[:low] + other + whole[low + size : high] + one + whole[high + size :]
        if swapped != whole:
            yield f"{size} bytes at {low} and {high} exchanged", swapped
    yield "something after it", whole + b"\0"


def edits(document: Any, chosen: random.Random, *, most: int) -> Iterator[tuple[str, Any]]:
    """A document of JSON with one value made hostile, left out, doubled, or beside a field that nobody knows."""
    places = list(_places(document, ()))
    tried = [(place, value) for place in places if place for value in HOSTILE]
    for place, value in _some(tried, chosen, most):
        yield f"{'.'.join(map(str, place))} made {str(value)[:60]!r}", _with(document, place, lambda _, v=value: v)
    for place in _some([place for place in places if place], chosen, most // 4):
        yield f"{'.'.join(map(str, place))} left out", _without(document, place)
    for place in _some(places, chosen, most // 4):
        yield f"{'.'.join(map(str, place))} grown", _with(document, place, _grown)


def author(document: Any, raw: bytes, path: Path) -> None:
    """Write a state file of this JSON and these arrays, with every checksum in it made to fit, where that can be."""
    path.write_bytes(packed(_text(document), raw))
    try:
        loaded = cr.load_state(path)
        again = sealed({name: value for name, value in loaded.items() if name != "learned_checksum"})
        document = {**document, **{name: again[name] for name in ("learned_checksum", "checksum")}}
    except Exception:
        return
    path.write_bytes(packed(_text(document), raw))


def packed(text: bytes, raw: bytes = b"", length: int | None = None) -> bytes:
    """A state file of this text, whatever it says."""
    body = (len(text) if length is None else length).to_bytes(8, "little") + text + raw
    return MAGIC + hashlib.blake2b(body, digest_size=32).digest() + body


def claims() -> Iterator[tuple[str, bytes]]:
    """Files that are whole, and claim what they do not hold or what no state is."""
    raw = bytes(8_000)
    for length in (1, 7, 2**22 + 1, 2**40, 2**63, 2**64 - 1):
        yield f"{length} bytes of JSON claimed", packed(b"{}", length=length)
    texts = {
        "nothing": b"", "null": b"null", "a list": b"[]", "a string": b'"x"', "half": b'{"a": ', "no UTF-8": b'"\xff"',
        "UTF-16": '{"a": 1}'.encode("utf-16"), "a name twice": b'{"a": 1, "a": 2}', "much nested": b"[" * 10**6,
        "much nested mappings": b'{"a":' * 10**5, "many digits": b'{"a": ' + b"9" * 10**6 + b"}",
        "many small": b'{"a": [' + b"{}," * 5 * 10**4 + b"{}]}",
    }  # fmt: skip
    for name, text in texts.items():
        yield name, packed(text)
    arrays: dict[str, Any] = {
        "the same bytes a thousand times": {str(n): {"$array": ["int64", [1000], 0]} for n in range(1000)},
        "a size that wraps": {"a": {"$array": ["int64", [2**32, 2**32], 0]}},
        "a size that wraps to 8000 bytes": {"a": {"$array": ["int64", [2**61, 8, 1000], 0]}},
        "more than there is": {"a": {"$array": ["int64", [10**18], 0]}},
        "nothing, in a huge shape": {"a": {"$array": ["int64", [0, 10**18, 10**18], 0]}},
        "a hundred thousand dimensions": {"a": {"$array": ["int64", [2**60] * 10**5, 0]}},
        "a place before the first": {"a": {"$array": ["int64", [10], -80]}},
        "a place after the last": {"a": {"$array": ["int64", [10], 10**18]}},
        "objects": {"a": {"$array": ["object", [10], 0]}},
        "a dtype of fields": {"a": {"$array": ["int64,float32", [10], 0]}},
        "a dtype that is a list": {"a": {"$array": [["int64"], [10], 0]}},
        "sizes that are texts": {"a": {"$array": ["int64", ["10"], 0]}},
        "an array in a list": {"a": [[{"$array": ["int64", [10**9], 0]}]]},
        "bytes of no array": {"a": 1},
    }
    for name, document in arrays.items():
        yield name, packed(json.dumps(document).encode(), raw)


def hostile_headers(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """A ``.npy`` file whose header claims something else, padded to the length it had."""
    length = int.from_bytes(whole[8:10], "little")
    header, rest = whole[10 : 10 + length].decode("latin1"), whole[10 + length :]
    descr = header[header.index(": ") + 2 : header.index(", 'fortran_order'")]
    shape = header[header.index("'shape': ") + 9 : header.rindex(", }")]
    changes = [
        *((shape, f"({size},)") for size in (-1, 10**18, 2**62, "True", "0x10", "'a'", "1.0", "10**18", "9" * 400)),
        (shape, "(4294967296, 4294967296)"), (shape, "(0, 1000000000000000000)"), (shape, "[3]"), (shape, "(" * 300),
        *((descr, other) for other in ("'|O'", "'<V0'", "'<U0'", "'|V2000000000'", "'<i99'", "('O', 'O')", "None")),
        (descr, "[('a', '<i4'"), (descr, "__import__('os')"), (descr, "[('a', '<i4', (2147483647, 2147483647))]"),
        ("False", "0"), ("'shape'", "'shapes'"), ("}", "]"), ("{", "{{"),
    ]  # fmt: skip
    for old, new in changes:
        changed = header.replace(old, new, 1).rstrip()
        text = f"{changed:<{length - 1}}\n".encode("latin1")
        yield f"header {changed[:90]}", whole[:8] + len(text).to_bytes(2, "little") + text + rest
    for version in (b"\x02\x00", b"\x03\x00", b"\x09\x09"):
        yield f"header of version {version!r}", whole[:6] + version + whole[8:]
    yield "a zip", b"PK\x03\x04" + whole[4:]
    yield "a pickle", b"\x80\x04cos\nsystem\n(S'true'\ntR."
    yield "an array of objects", whole[:10] + header.replace(descr, "'|O'").encode("latin1") + rest


def _text(document: Any) -> bytes:
    return json.dumps(document).replace(json.dumps(DEEP), "[" * 5_000 + "]" * 5_000).encode()


def _some(values: Any, chosen: random.Random, most: int) -> list[Any]:
    listed = list(values)
    return listed if len(listed) <= most else chosen.sample(listed, most)


def _places(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        yield from _places(item, (*place, name))


def _with(document: Any, place: tuple[Any, ...], change: Any) -> Any:
    if not place:
        return change(document)
    changed = copy.copy(document)
    changed[place[0]] = _with(document[place[0]], place[1:], change)
    return changed


def _without(document: Any, place: tuple[Any, ...]) -> Any:
    def less(value: Any) -> Any:
        left = copy.copy(value)
        del left[place[-1]]
        return left

    return _with(document, place[:-1], less)


def _grown(value: Any) -> Any:
    if isinstance(value, dict):
        return {**value, "surprise": 1}
    if isinstance(value, list):
        return value + value
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return value + "x" if isinstance(value, str) else np.nan

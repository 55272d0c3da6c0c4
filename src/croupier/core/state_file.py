r"""A state as a file: JSON and raw arrays, written atomically, checked before anything is believed or allocated.

croupier-state-1\n   the format of the file; that of what it holds is a version within
32 bytes             BLAKE2b of all that follows
8 bytes              length of the JSON, little endian
JSON                 an array in it is {"$array": [dtype, shape, place among the arrays' bytes]}
arrays               end to end, in the order in which the JSON names them, little endian
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from croupier.core.atomic_file import write_atomically
from croupier.core.plain_array import plain_array
from croupier.core.plain_json import DEEPEST, MOST_BYTES, is_plain, listed, parse_json
from croupier.errors import BadArgument, BadState, checked_path

__all__ = ["load_state", "save_state"]

MAGIC = b"croupier-state-1\n"
DTYPES = ("float32", "int64")
HASH_BYTES = 32
LENGTH_BYTES = 8
ARRAY = "$array"
MOST_DIMENSIONS = 32

Array = npt.NDArray[Any]


def save_state(state: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write what ``state_dict()`` returned; an interrupted write leaves the old file whole.

    A process that is killed while it writes may leave a file beside it that ends in ``.part``: nothing reads it.

    Raises
    ------
    BadArgument
        Something that would not come back as it is: arrays other than float32 and int64, names that are not strings,
        more than 4 MiB beside the arrays.

    Examples
    --------
    >>> import croupier as cr, tempfile, pathlib
    >>> dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(2)), cr.Table(size=6), seed=7)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "data.state"
    >>> save_state(dealer.state_dict(), path)
    >>> dealer.load_state_dict(load_state(path))
    """
    arrays: list[Array] = []
    plain = _without_arrays("state", state, arrays)
    rule = f"be a mapping of numbers, strings, lists, mappings and arrays, nested at most {DEEPEST} deep"
    if not isinstance(plain, dict) or not is_plain(plain):
        raise BadArgument("state", rule, type(state).__name__, "pass what state_dict() returned")
    text = json.dumps(plain).encode()
    if len(text) > MOST_BYTES:
        what = f"{len(text)} bytes"
        raise BadArgument("state", f"have at most {MOST_BYTES} bytes beside its arrays", what, "keep them elsewhere")
    begin = len(text).to_bytes(LENGTH_BYTES, "little") + text
    raw = [array.reshape(-1).view(np.uint8).data for array in arrays]
    hashed = hashlib.blake2b(begin, digest_size=HASH_BYTES)
    for part in raw:
        hashed.update(part)

    def write(file: BinaryIO) -> None:
        file.write(MAGIC + hashed.digest() + begin)
        for part in raw:
            file.write(part)

    write_atomically(Path(checked_path("path", path)), write)


def load_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a state file: in at most twice its size of memory, whatever it claims, and 4 MiB of JSON.

    Raises
    ------
    BadState
        It is no state file, of a newer format, cut off, or changed since it was written. Nothing in it is executed.
    """
    name = f"file {checked_path('path', path)}"
    with Path(path).open("rb") as file:
        start = file.read(len(MAGIC) + HASH_BYTES + LENGTH_BYTES)
        if not start.startswith(MAGIC):
            shown = start[: len(MAGIC)]
            raise BadState(name, f"begin with {MAGIC!r}", shown, "it is no state file, or a newer croupier wrote it")
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(start[-LENGTH_BYTES:], "little")
        # So much is known before the rest is read.
        is_whole = len(start) + length <= size and length <= MOST_BYTES
        body = file.read() if is_whole else b""
    hashed = hashlib.blake2b(start[-LENGTH_BYTES:], digest_size=HASH_BYTES)
    hashed.update(body)
    if not is_whole or hashed.digest() != start[len(MAGIC) : len(MAGIC) + HASH_BYTES]:
        raise BadState(name, "be as it was written", f"{size} bytes of another checksum", "it is cut off or damaged")
    try:
        arrays = _Arrays(memoryview(body)[length:])
        state = arrays.put_into(parse_json(body[:length]))
        arrays.check_end(state)
    except (ValueError, TypeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise BadState(name, "hold a state that croupier wrote", what, "load another") from None
    return cast("dict[str, Any]", state)


def _without_arrays(name: str, value: Any, arrays: list[Array], depth: int = 0) -> Any:
    """The value with arrays named by their places, and the arrays."""
    if depth > DEEPEST:
        raise BadArgument("state", f"nest no deeper than {DEEPEST}", name, "pass what state_dict() returned")
    deeper = partial(_without_arrays, arrays=arrays, depth=depth + 1)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value)
        if ARRAY in items:
            raise BadArgument(name, f"have no entry of the name {ARRAY!r}", sorted(items), "it stands for an array")
        return {inner: deeper(f"{name}[{inner!r}]", item) for inner, item in items.items()}
    if isinstance(value, (list, tuple)):
        return [deeper(f"{name}[{place}]", item) for place, item in enumerate(listed(cast(Any, value)))]
    if isinstance(value, np.generic):
        return cast(Any, value).item()
    if not hasattr(value, "__array__"):  # NumPy arrays, torch tensors
        return value
    array = plain_array(name, value)
    if array.dtype.name not in DTYPES:
        raise BadArgument(name, f"be of {' or '.join(DTYPES)}, as arrays in a state are", array.dtype, "convert it")
    begin = sum(known.nbytes for known in arrays)
    arrays.append(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")))
    return {ARRAY: [array.dtype.name, list(array.shape), begin]}


class _Arrays:
    """Reads arrays that must lie end to end: together they cannot claim more than there is."""

    def __init__(self, raw: memoryview) -> None:
        self.raw = raw
        self.place = 0

    def check_end(self, state: Any) -> None:
        if not isinstance(state, dict) or self.place != len(self.raw):
            raise ValueError("no mapping, or bytes that are of no array")

    def put_into(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.put_into(item) for item in listed(cast(Any, value))]
        if not isinstance(value, dict):
            return value
        items = cast("dict[str, Any]", value)
        if ARRAY not in items:
            return {name: self.put_into(item) for name, item in items.items()}
        dtype, shape, begin = items[ARRAY]
        sizes: list[Any] = listed(shape) if isinstance(shape, list) else [None]
        are_sizes = len(sizes) <= MOST_DIMENSIONS and all(type(size) is int and size >= 0 for size in sizes)
        if len(items) > 1 or dtype not in DTYPES or not are_sizes or begin != self.place:
            raise ValueError(f"an array of {dtype}, shape {sizes}, at {begin}")
        count, item = math.prod(sizes), np.dtype(dtype).newbyteorder("<")
        if count * item.itemsize > len(self.raw) - self.place:
            raise ValueError(f"an array of shape {sizes} in {len(self.raw) - self.place} bytes")
        self.place += count * item.itemsize
        if not count:
            return np.empty(sizes, dtype)
        return np.frombuffer(self.raw, item, count, begin).reshape(sizes).astype(dtype)

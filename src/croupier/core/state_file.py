"""A state as a file: JSON and raw arrays, written atomically, checked before anything is believed or allocated."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from croupier.errors import BadState

__all__ = ["load_state", "save_state"]

MAGIC = b"croupier-state-1\n"
DTYPES = ("float32", "int64")
HASH_BYTES = 32


def save_state(state: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write what ``state_dict()`` returned; an interrupted write leaves the old file whole.

    Examples
    --------
    >>> import croupier as cr, tempfile, pathlib
    >>> dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(2)), cr.Table(size=6), seed=7)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "data.state"
    >>> save_state(dealer.state_dict(), path)
    >>> dealer.load_state_dict(load_state(path))
    """
    arrays: list[bytes] = []
    text = json.dumps(_without_arrays(state, arrays)).encode()
    body = len(text).to_bytes(8, "little") + text + b"".join(arrays)
    target = Path(path)
    beside = target.with_name(target.name + ".part")
    with beside.open("wb") as file:
        file.write(MAGIC + hashlib.blake2b(body, digest_size=HASH_BYTES).digest() + body)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(target)


def load_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a state file.

    Raises
    ------
    BadState
        It is no state file, of a newer format, cut off, or changed since it was written. Nothing in it is executed.
    """
    content = Path(path).read_bytes()
    name = f"file {os.fspath(path)}"
    if not content.startswith(MAGIC):
        shown = content[: len(MAGIC)]
        raise BadState(name, f"begin with {MAGIC!r}", shown, "it is no state file, or a newer croupier wrote it")
    body = content[len(MAGIC) + HASH_BYTES :]
    if hashlib.blake2b(body, digest_size=HASH_BYTES).digest() != content[len(MAGIC) : len(MAGIC) + HASH_BYTES]:
        raise BadState(
            name, "be as it was written", f"{len(content)} bytes of another checksum", "it is cut off or damaged"
        )
    size = int.from_bytes(body[:8], "little")
    try:
        return _with_arrays(json.loads(body[8 : 8 + size]), body[8 + size :])
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        what = f"{type(error).__name__}: {error}"
        raise BadState(name, "hold a state that croupier wrote", what, "load another") from None


def _without_arrays(value: Any, arrays: list[bytes]) -> Any:
    if hasattr(value, "__array__"):  # NumPy arrays, torch tensors
        array = np.ascontiguousarray(np.asarray(value))
        begin = sum(map(len, arrays))
        arrays.append(array.astype(array.dtype.newbyteorder("<")).tobytes())
        return {"$array": [str(array.dtype), list(array.shape), begin]}
    if isinstance(value, Mapping):
        return {name: _without_arrays(item, arrays) for name, item in cast("Mapping[str, Any]", value).items()}
    return value


def _with_arrays(value: Any, raw: bytes) -> Any:
    if not isinstance(value, dict):
        return value
    items = cast("dict[str, Any]", value)
    if "$array" not in items:
        return {name: _with_arrays(item, raw) for name, item in items.items()}
    dtype, shape, begin = items["$array"]
    if dtype not in DTYPES or min(shape, default=0) < 0 or begin < 0:
        raise ValueError(f"an array of {dtype}, shape {shape}, at {begin}")
    count = int(np.prod(shape, dtype=np.int64))
    return np.frombuffer(raw, dtype=np.dtype(dtype).newbyteorder("<"), count=count, offset=begin).reshape(shape).copy()

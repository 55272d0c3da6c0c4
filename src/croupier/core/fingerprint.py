"""Tell whether a saved state belongs to this plan and this table, without a pass over a large table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from croupier.core.table import Table
from croupier.errors import BadArgument
from croupier.kernels.mixing import draws_below

__all__ = ["describe", "differences", "digest", "table_fingerprint"]

SAMPLED_ROWS = 256
FULL_HASH_BYTES = 2**26
"""Tables up to this size (64 MiB of columns) are hashed whole; larger ones by schema, size and sampled rows."""


def describe(value: Any) -> Any:
    """A plan as JSON: class names, fields, and digests of arrays. Equal descriptions deal equal batches.

    Fields whose metadata say ``{"fingerprint": False}`` are left out: paths, say, which a move changes.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, (np.integer, np.floating)):
        return cast(Any, value).item()
    if isinstance(value, np.ndarray):
        array = cast("npt.NDArray[Any]", value)
        return {"array": str(array.dtype), "shape": list(array.shape), "digest": _array_digest(array)}
    if isinstance(value, range):
        return {"range": [value.start, value.stop, value.step]}
    if isinstance(value, (tuple, list)):
        return [describe(item) for item in cast("tuple[Any, ...]", value)]
    if isinstance(value, Mapping):
        return {str(name): describe(item) for name, item in cast("Mapping[Any, Any]", value).items()}
    if is_dataclass(value) and not isinstance(value, type):
        described = {
            f.name: describe(getattr(value, f.name)) for f in fields(value) if f.metadata.get("fingerprint", 1)
        }
        return {"class": type(value).__name__, **described}
    raise BadArgument(
        "a stage", "be a frozen dataclass of numbers, strings, arrays and stages", value,
        "so that a saved state can be matched to its plan",
    )  # fmt: skip


def differences(name: str, one: Any, two: Any) -> Iterator[tuple[str, Any, Any]]:
    """The smallest parts in which two descriptions differ, by name, with both values.

    Examples
    --------
    >>> list(differences("run", {"seed": 1, "sizes": [2, 3]}, {"seed": 1, "sizes": [2, 4]}))
    [('run.sizes[1]', 3, 4)]
    """
    first, second = _parts(name, one), _parts(name, two)
    if first is None or second is None or first.keys() != second.keys():
        if one != two:
            yield name, one, two
        return
    for part in first:
        yield from differences(part, first[part], second[part])


def _parts(name: str, value: Any) -> dict[str, Any] | None:
    if isinstance(value, Mapping):
        return {f"{name}.{key}" if name else str(key): item for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return {f"{name}[{place}]": item for place, item in enumerate(cast("list[Any]", value))}
    return None


def digest(description: Any) -> str:
    """A short hash of a description."""
    text = json.dumps(description, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def table_fingerprint(table: Table) -> dict[str, Any]:
    """Schema, size and a hash of sampled rows; of all rows where the table is small."""
    rows = np.unique(draws_below(0, np.arange(SAMPLED_ROWS, dtype=np.int64), np.full(SAMPLED_ROWS, table.size)))
    sample = np.concatenate([np.array([0, table.size - 1]), rows])
    small = sum(values.nbytes for values in table.columns.values()) <= FULL_HASH_BYTES
    return {
        "size": table.size,
        "columns": {name: [str(v.dtype), list(v.shape[1:])] for name, v in table.columns.items()},
        "categories": digest({name: list(names) for name, names in table.categories.items()}),
        "shards": None if table.shard_offsets is None else _array_digest(table.shard_offsets),
        "sample": {name: _array_digest(v[sample]) for name, v in table.columns.items()},
        "full": {name: _array_digest(v) for name, v in table.columns.items()} if small else None,
    }


def _array_digest(values: npt.NDArray[Any]) -> str:
    canonical = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
    return hashlib.blake2b(canonical.tobytes(), digest_size=16).hexdigest()

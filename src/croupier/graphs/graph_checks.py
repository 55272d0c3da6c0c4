"""Refuse arrays that describe no graph, in passes that hold little at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.plain_array import plain_array
from croupier.errors import BadArgument, checked_int

__all__ = ["LARGEST_NODES", "check_aliases", "check_offsets", "check_rows", "node_count", "whole", "whole_times"]

UInt64 = npt.NDArray[np.uint64]

LARGEST_NODES = 2**31
CHUNK_EDGES = 2**20


def node_count(heads: npt.NDArray[Any], tails: npt.NDArray[Any], nodes: int | None) -> int:
    """How many nodes there are, said or seen; the edges must join these."""
    largest = max((int(part.max()) for part in (heads, tails) if part.size), default=-1)
    least = min((int(part.min()) for part in (heads, tails) if part.size), default=0)
    count = largest + 1 if nodes is None else nodes
    count = checked_int("nodes", count, at_least=1, at_most=LARGEST_NODES, fix="pass how many nodes there are")
    if least < 0 or largest >= count:
        raise BadArgument(
            "edges", f"join nodes from 0 to {count - 1}", f"{least} to {largest}", "number the nodes from 0"
        )
    return count


def whole(name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    """The values as an array of integers, or the error that names them."""
    array = plain_array(name, values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise BadArgument(
            name, "be a list of integers", f"{array.dtype}, shape {array.shape}", "number the nodes from 0"
        )
    return array if array.dtype.kind in "iu" else np.empty(0, np.int64)


def whole_times(values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Times as int64, or the error that says why they are none."""
    array = plain_array("times", values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        fix = "give whole numbers in a smaller unit: seconds, say"
        raise BadArgument("times", "be a list of integers", f"{array.dtype}, shape {array.shape}", fix)
    if array.dtype.kind == "u" and array.size and array.max() >= 2**63:
        raise BadArgument("times", "be below 2**63", int(array.max()), "count from a later time")
    return array.astype(np.int64) if array.size else np.empty(0, np.int64)


def check_offsets(offsets: npt.NDArray[Any], edges: int) -> None:
    """Refuse rows that do not lie end to end."""
    if offsets.size < 2 or offsets[0] != 0 or offsets[-1] != edges or np.any(offsets[1:] < offsets[:-1]):
        raise BadArgument(
            "offsets", f"go from 0 to the {edges} targets without decreasing", offsets, "let Graph.from_edges make them"
        )


def check_rows(offsets: npt.NDArray[Any], targets: npt.NDArray[Any], nodes: int) -> None:
    """Refuse rows that name other nodes, or do not ascend."""
    for begin, part in _chunks(targets):
        inner = part[1:] > part[:-1]
        first = np.searchsorted(offsets, begin, side="right")
        walls = offsets[first : np.searchsorted(offsets, begin + part.size - 1, side="right")] - begin
        inner[walls[(walls > 0) & (walls < part.size)] - 1] = True
        if part.min() < 0 or part.max() >= nodes or not inner.all():
            raise BadArgument(
                "targets", f"be below {nodes} and ascend within each row", f"a row with {part[:8].tolist()}...",
                "let Graph.from_edges make them",
            )  # fmt: skip


def check_aliases(offsets: npt.NDArray[Any], aliases: UInt64) -> None:
    """Refuse alias words that lead out of their row."""
    longest = np.diff(offsets)
    for begin, part in _chunks(aliases):
        node = np.searchsorted(offsets, np.arange(begin, begin + part.size), side="right") - 1
        if np.any((part & np.uint64(0xFFFFFFFF)).astype(np.int64) >= longest[node]):
            raise BadArgument("aliases", "name places within their rows", "others", "let Graph.from_edges make them")


def _chunks(values: npt.NDArray[Any]) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Parts that overlap by one, so that each pair of neighbours is in one of them."""
    for begin in range(0, values.size, CHUNK_EDGES):
        yield begin, values[begin : begin + CHUNK_EDGES + 1]

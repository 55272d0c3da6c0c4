"""A graph in compressed rows: 4 bytes an edge, 8 more where edges have weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from croupier.core.cumulative_weights import quantised_chunks
from croupier.core.plain_array import plain_array
from croupier.errors import BadArgument, checked_int
from croupier.graphs.graph_checks import (
    LARGEST_NODES,
    check_aliases,
    check_offsets,
    check_rows,
    node_count,
    whole,
    whole_times,
)
from croupier.kernels.alias import alias_words
from croupier.kernels.walks import Rows

__all__ = ["Graph"]

Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, repr=False)
class Graph:
    """Edges in rows: those of node ``v`` lead to ``targets[offsets[v]:offsets[v + 1]]``. ``from_edges`` makes one.

    Parameters
    ----------
    offsets : integer array of shape (nodes + 1,)
        From 0 to the number of edges, non-decreasing.
    targets : integer array of shape (edges,)
        Ascending within the row of a node, none twice. Mapped files stay where they are.
    aliases : uint64 array of shape (edges,), optional
        Alias words of the weights (``kernels/alias.py``); None where all edges weigh the same.
    times : int64 array of shape (edges,), optional
        Since when each edge is there.

    Attributes
    ----------
    digest : str
        Stands for the arrays, so that a plan that holds a graph is described and compared at once.

    Guarantees: indices of 4 bytes wherever they suffice; the arrays cannot be written to through the graph.

    Raises
    ------
    BadArgument
        Arrays that do not describe a graph.

    Examples
    --------
    >>> graph = Graph.from_edges([0, 0, 1], [1, 2, 2], nodes=4)
    >>> graph
    Graph(nodes=4, edges=6)
    >>> graph.neighbours(2).tolist(), graph.degrees.tolist()
    ([0, 1], [2, 2, 2, 0])
    """

    offsets: npt.NDArray[Any] = field(compare=False, metadata={"fingerprint": False})
    targets: npt.NDArray[Any] = field(compare=False, metadata={"fingerprint": False})
    aliases: UInt64 | None = field(default=None, compare=False, metadata={"fingerprint": False})
    times: Int64 | None = field(default=None, compare=False, metadata={"fingerprint": False})
    digest: str = field(init=False, default="")

    def __post_init__(self) -> None:
        offsets, targets = whole("offsets", self.offsets), whole("targets", self.targets)
        check_offsets(offsets, targets.size)
        nodes = offsets.size - 1
        offsets = offsets.astype(np.int32 if targets.size < 2**31 else np.int64, copy=False)
        check_rows(offsets, targets, nodes)
        targets = targets.astype(np.int32 if nodes <= LARGEST_NODES else np.int64, copy=False)
        more = {name: getattr(self, name) for name in ("aliases", "times") if getattr(self, name) is not None}
        more = {name: plain_array(name, values) for name, values in more.items()}
        for name, dtype in (("aliases", np.uint64), ("times", np.int64)):
            values = more.get(name)
            if values is not None and (values.shape != targets.shape or values.dtype != dtype):
                raise BadArgument(
                    name, f"be {np.dtype(dtype)} of shape {targets.shape}", f"{values.dtype} of shape {values.shape}",
                    "let Graph.from_edges make it",
                )  # fmt: skip
        if "aliases" in more:
            check_aliases(offsets, more["aliases"])
        hashed = hashlib.blake2b(digest_size=16)
        arrays = {"offsets": offsets, "targets": targets, "aliases": more.get("aliases"), "times": more.get("times")}
        for name, values in arrays.items():
            kept = None if values is None else _read_only(values)
            object.__setattr__(self, name, kept)
            hashed.update(f"{name} {'' if kept is None else kept.shape}".encode())
            if kept is not None:
                hashed.update(np.ascontiguousarray(kept).astype(kept.dtype.newbyteorder("<"), copy=False).data)
        object.__setattr__(self, "digest", hashed.hexdigest())

    @classmethod
    def from_edges(
        cls,
        sources: npt.ArrayLike,
        targets: npt.ArrayLike,
        *,
        weights: npt.ArrayLike | None = None,
        times: npt.ArrayLike | None = None,
        nodes: int | None = None,
        undirected: bool = True,
    ) -> Self:
        """A graph of edges in any order.

        Parameters
        ----------
        sources, targets : integer arrays of shape (n,)
            Nodes, numbered from 0.
        weights : array of shape (n,), optional
            Finite and 0 or more, on any scale. An edge of weight 0 is left out.
        times : integer array of shape (n,), optional
            Since when each edge is there, in any unit.
        nodes : int, optional
            By default one more than the largest node named.
        undirected : bool
            Whether each edge can be walked both ways.

        Guarantees: edges named more than once are one edge; their weights are added, the earliest time is kept. Where
        edges are undirected, (a, b) and (b, a) name the same one. A loop (a, a) is one edge. Memory is a small multiple
        of the edges, whatever the degrees.

        Raises
        ------
        BadArgument
            Nodes that are no integers, below 0 or not below ``nodes``; lists of different lengths.
        BadTable
            Weights that are negative or not finite, or all 0.
        """
        heads, tails = whole("sources", sources), whole("targets", targets)
        if not isinstance(undirected, bool):
            raise BadArgument("undirected", "be True or False", undirected, "pass False where edges have a direction")
        masses = None if weights is None else plain_array("weights", weights)
        since = None if times is None else whole_times(times)
        for name, values in (("targets", tails), ("weights", masses), ("times", since)):
            if values is not None and values.shape != heads.shape:
                raise BadArgument(
                    name, f"have one value for each of {heads.size} edges", values.shape, "give lists of one length"
                )
        count = node_count(heads, tails, nodes)
        units = None if masses is None or not heads.size else _units(masses)
        heads, tails = heads.astype(np.int64), tails.astype(np.int64)
        codes = heads * count + tails
        if undirected:
            turned = np.flatnonzero(heads != tails)
            codes = np.concatenate([codes, tails[turned] * count + heads[turned]])
            units = None if units is None else np.concatenate([units, units[turned]])
            since = None if since is None else np.concatenate([since, since[turned]])
        if units is not None and not units.all():
            codes, since = codes[units > 0], None if since is None else since[units > 0]
            units = units[units > 0]
        codes, units, since = _merged(codes, units, since)
        offsets = np.zeros(count + 1, np.int64)
        np.cumsum(np.bincount(codes // count, minlength=count), out=offsets[1:])
        aliases = None if units is None else alias_words(offsets, units)
        return cls(offsets, (codes % count).astype(np.int32), aliases, since)

    def __repr__(self) -> str:
        facts = "".join(f", {name}" for name in ("aliases", "times") if getattr(self, name) is not None)
        return f"Graph(nodes={self.nodes}, edges={self.edges}{facts.replace('aliases', 'weighted')})"

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return self.offsets.size - 1

    @property
    def edges(self) -> int:
        """How many edges there are; one that can be walked both ways counts twice."""
        return self.targets.size

    @property
    def degrees(self) -> Int64:
        """Edges of each node, shape (nodes,)."""
        return np.diff(self.offsets).astype(np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(v.nbytes for v in (self.offsets, self.targets, self.aliases, self.times) if v is not None)

    @property
    def rows(self) -> Rows:
        """The arrays as kernels take them."""
        return self.offsets, self.targets, np.empty(0, np.uint64) if self.aliases is None else self.aliases

    def neighbours(self, node: int) -> npt.NDArray[Any]:
        """Where the edges of a node lead, ascending."""
        node = checked_int("node", node, at_least=0, at_most=self.nodes - 1, fix="pass a node of the graph")
        return self.targets[self.offsets[node] : self.offsets[node + 1]]


def _merged(codes: Int64, units: Int64 | None, since: Int64 | None) -> tuple[Int64, Int64 | None, Int64 | None]:
    """Each code once, ascending, its units added, its earliest time."""
    if units is None and since is None:
        codes = np.sort(codes)
        return codes[np.diff(codes, prepend=-1) != 0], None, None
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    begins = np.flatnonzero(np.diff(codes, prepend=-1) != 0)
    units = units if units is None or not units.size else np.add.reduceat(units[order], begins)
    since = since if since is None or not since.size else np.minimum.reduceat(since[order], begins)
    return codes[begins], units, since


def _units(weights: npt.NDArray[Any]) -> Int64:
    if weights.dtype.kind not in "biuf":
        raise BadArgument("weights", "be numbers", f"dtype {weights.dtype}", "pass weights >= 0")
    return np.concatenate([part for _, part in quantised_chunks(weights, "weights")])


def _read_only(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = values.view()
    view.setflags(write=False)
    return view

"""Draw the neighbourhoods of links for a graph network that predicts them, the links themselves left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.key import Key, checked_key
from croupier.core.plain_array import plain_array
from croupier.errors import BadArgument, checked_int
from croupier.graphs.graph import Graph
from croupier.graphs.graph_checks import whole_times
from croupier.kernels.neighbours import most_nodes, sample_neighbours

__all__ = ["LinkNeighbours", "Neighbourhoods"]

Int64 = npt.NDArray[np.int64]

MOST_NODES = 2**20


@dataclass(frozen=True, slots=True)
class Neighbourhoods:
    """One small graph a link, all in one: as graph libraries take it.

    Parameters
    ----------
    nodes : int64 array of shape (n,)
        The node at each place: link after link, each link's nodes once.
    batch : int64 array of shape (n,)
        The link that each place belongs to.
    edge_index : int64 array of shape (2, edges)
        Places: of a neighbour, and of the node it was drawn for. So messages flow towards the links.
    link_index : int64 array of shape (2, links)
        Places of the head and of the tail of each link.
    """

    nodes: Int64
    batch: Int64
    edge_index: Int64
    link_index: Int64


@dataclass(frozen=True, slots=True)
class LinkNeighbours:
    """For each link some neighbours of both its nodes, some of theirs, and so on.

    Parameters
    ----------
    graph : Graph
        A node's neighbours are those its edges lead to; weights are not read.
    fan_outs : sequence of int
        How many neighbours of a node to draw at each hop, at most: all, if it has no more.

    Guarantees: the drawn neighbours of a node are a uniform subset, without replacement; neither direction of the link
    itself is among a link's edges, so that the label cannot leak; under a time, no edge that came later, at any hop. A
    link's draw depends on the key and its id alone, not on the batch around it: the same on any rank and when resumed.

    Raises
    ------
    BadArgument
        No fan-outs, or neighbourhoods that may have more than a million nodes.

    Source: neighbour sampling of Hamilton et al., "GraphSAGE" (NeurIPS 2017); see ``kernels/neighbours.py``.

    Examples
    --------
    >>> import croupier as cr
    >>> path = cr.Graph.from_edges([0, 1, 2], [1, 2, 3])
    >>> drawn = LinkNeighbours(path, [2, 2]).draw([1], [2], key=cr.Key(0))
    >>> drawn.nodes.tolist(), drawn.edge_index.tolist()
    ([1, 2, 0, 3], [[2, 3, 0, 1], [0, 1, 2, 3]])
    """

    graph: Graph
    fan_outs: Sequence[int]

    def __post_init__(self) -> None:
        if not isinstance(self.graph, Graph):
            raise BadArgument("graph", "be a Graph", self.graph, "write Graph.from_edges(sources, targets)")
        if not isinstance(self.fan_outs, Sequence) or isinstance(self.fan_outs, (str, bytes)) or not self.fan_outs:
            raise BadArgument("fan_outs", "have a number for each hop", self.fan_outs, "pass [10, 5], say")
        counts = [
            checked_int(f"fan_outs[{hop}]", count, at_least=1, at_most=2**12, fix="pass how many neighbours to draw")
            for hop, count in enumerate(self.fan_outs)
        ]
        if most_nodes(np.array(counts)) > MOST_NODES:
            raise BadArgument("fan_outs", f"reach at most {MOST_NODES} nodes a link", self.fan_outs, "draw fewer")
        object.__setattr__(self, "fan_outs", tuple(counts))

    def draw(
        self,
        heads: npt.ArrayLike,
        tails: npt.ArrayLike,
        *,
        key: Key,
        ids: npt.ArrayLike | None = None,
        times: npt.ArrayLike | None = None,
    ) -> Neighbourhoods:
        """The neighbourhoods of these links.

        Parameters
        ----------
        heads, tails : integer arrays of shape (links,)
            Links of the graph, or negatives that are none.
        key : Key
            ``Key(seed).child(epoch)``, say, to draw anew in every epoch.
        ids : integer array of shape (links,), optional
            What tells links apart in the draw: the ids of a deal; by default the place in the lists.
        times : integer array of shape (links,), optional
            Only edges that were there at that time are drawn; for a graph whose edges have times.

        Raises
        ------
        BadArgument
            Nodes that the graph has not, lists of different lengths, times where the graph has none.
        """
        checked_key(key)
        first = _checked("heads", heads, None, self.graph.nodes)
        second = _checked("tails", tails, first.shape, self.graph.nodes)
        names = np.arange(first.size) if ids is None else _checked("ids", ids, first.shape, 2**62)
        until = names if times is None else _checked("times", whole_times(times), first.shape, None)
        if times is not None and self.graph.times is None:
            raise BadArgument(
                "times", "be left out", "times, for a graph without", "write Graph.from_edges(..., times=)"
            )
        since = np.empty(0, np.int64) if times is None or self.graph.times is None else self.graph.times
        nodes, edges, offsets = sample_neighbours(
            key.bits, (names, first, second, until), (self.graph.offsets, self.graph.targets, since),
            np.array(self.fan_outs, np.int64),
        )  # fmt: skip
        of_heads = offsets[:-1]
        return Neighbourhoods(
            nodes, np.repeat(np.arange(first.size), np.diff(offsets)), edges,
            np.stack([of_heads, of_heads + (first != second)]),
        )  # fmt: skip


def _checked(name: str, values: npt.ArrayLike, shape: tuple[int, ...] | None, limit: int | None) -> Int64:
    array: npt.NDArray[Any] = plain_array(name, values)
    if (
        array.ndim != 1
        or array.shape != (array.shape if shape is None else shape)
        or (array.size and array.dtype.kind not in "iu")
    ):
        raise BadArgument(
            name, "be a list of integers, one a link", f"{array.dtype}, shape {array.shape}", "pass one value a link"
        )
    if limit is not None and array.size and (array.min() < 0 or array.max() >= limit):
        raise BadArgument(
            name, f"be from 0 to {limit - 1}", f"{array.min()} to {array.max()}", "pass nodes of the graph"
        )
    return array.astype(np.int64)

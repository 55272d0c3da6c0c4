"""Walk at random on a graph, from the node of each row."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches
from croupier.core.facts import check_free
from croupier.core.key import Key
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable, checked_int, checked_positive, keep_plain_numbers
from croupier.graphs.graph import Graph
from croupier.kernels.alias import SLOT_UNITS
from croupier.kernels.second_order_walks import walk_second_order
from croupier.kernels.walks import walk_first_order

__all__ = ["RandomWalks"]

LARGEST_PARAMETER = 1024


@dataclass(frozen=True, slots=True)
class RandomWalks:
    """A walk from each id: its node, and where ``steps`` random edges lead from there.

    The table's rows are the graph's nodes: ``Table(size=graph.nodes)``. Put it after an order; ``Repeat(order, k)``
    gives k walks a node.

    Parameters
    ----------
    graph : Graph
        Edges are drawn in proportion to their weights.
    steps : int
        Edges a walk; it has one node more.
    return_parameter, in_out_parameter : float
        p and q of node2vec, from 1/1024 to 1024: after a step from u to v, an edge of v weighs 1/p times as much if it
        leads back to u, as much as it does if it leads to a node that u has an edge to, and 1/q times elsewhere. With
        1 and 1 (default) walks are of first order, as DeepWalk's.

    Adds column ``walk`` of shape (n, steps + 1), int32. A walk ends at a node without edges: the rest of it is -1.

    Guarantees: each step is drawn with these probabilities, to 2**-32 of the largest, without tables for pairs of
    edges: memory is that of the graph. The draws belong to the position in the epoch, the same on any rank.

    Raises
    ------
    BadTable
        The table has not one row a node.

    Source: Perozzi et al., "DeepWalk" (KDD 2014); Grover and Leskovec, "node2vec" (KDD 2016); by rejection, as
    ``kernels/second_order_walks.py`` says.

    Examples
    --------
    >>> import croupier as cr
    >>> ring = cr.Graph.from_edges([0, 1, 2], [1, 2, 0], undirected=False)
    >>> plan = cr.chain(cr.Sequential(), RandomWalks(ring, steps=3), cr.FixedSize(2))
    >>> cr.Dealer(plan, cr.Table(size=ring.nodes), seed=0).first().columns["walk"].tolist()
    [[0, 1, 2, 0], [1, 2, 0, 1]]
    """

    graph: Graph
    steps: int
    return_parameter: float = 1.0
    in_out_parameter: float = 1.0
    name: str = "random_walks"

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        if not isinstance(self.graph, Graph):
            raise BadArgument("graph", "be a Graph", self.graph, "write Graph.from_edges(sources, targets)")
        steps = checked_int("steps", self.steps, at_least=1, at_most=2**24, fix="pass the edges of a walk")
        object.__setattr__(self, "steps", steps)
        for name in ("return_parameter", "in_out_parameter"):
            value = checked_positive(name, getattr(self, name), fix="pass 1.0 for walks of first order")
            if not 1 / LARGEST_PARAMETER <= value <= LARGEST_PARAMETER:
                raise BadArgument(
                    name, "be from 1/1024 to 1024", value, "beyond that, steps of its kind are as good as forbidden"
                )
            object.__setattr__(self, name, value)  # a float, of which a fraction can be made

    @property
    def prepared_per_epoch(self) -> bool:
        """The graph holds for the run."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """Check that rows are nodes; and with what chance an edge that is drawn is taken."""
        if table.size != self.graph.nodes:
            raise BadTable(
                "the rows", f"be the {self.graph.nodes} nodes of the graph", f"{table.size} rows",
                "write Table(size=graph.nodes), and choose nodes by the order",
            )  # fmt: skip
        check_free(table, "walk", self.name)
        return {"chances": self._chances()}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Add the walks."""
        key, rows = context.segment_key.bits, self.graph.rows
        if self.return_parameter == self.in_out_parameter == 1:
            walks = walk_first_order(key, 0, batches.indices, self.steps, rows)
        else:
            walks = walk_second_order(key, 0, batches.indices, self.steps, rows, context.prepared["chances"])
        return batches.with_new_columns(self.name, walk=walks)

    def _chances(self) -> npt.NDArray[np.uint64]:
        """Of going back, to a neighbour of the node before, and elsewhere, over the largest that is not folded."""
        back, far = 1 / Fraction(self.return_parameter), 1 / Fraction(self.in_out_parameter)
        # Of edges with weights, the one that leads back is not known before it is drawn: nothing is folded.
        largest = max(Fraction(1), far) if self.graph.aliases is None else max(back, Fraction(1), far)
        return np.array([round(SLOT_UNITS * chance / largest) for chance in (back, Fraction(1), far)], np.uint64)

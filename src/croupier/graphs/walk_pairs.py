"""Turn walks into pairs of nodes that occur close together: what a skip-gram model trains on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from croupier.core.batches import Batches
from croupier.core.facts import check_free, gathered
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable, checked_int
from croupier.kernels.pairing import pair_up

__all__ = ["WalkPairs"]


@dataclass(frozen=True, slots=True)
class WalkPairs:
    """Deal, for each walk, all pairs of its nodes that are at most ``window`` steps apart.

    Parameters
    ----------
    window : int
        The most steps between the nodes of a pair.
    walk : str
        The column of walks, of shape (n, nodes): nodes, then -1 from where a walk has ended.

    Replaces that column by ``head`` and ``tail``, the earlier and the later node. The id is that of the walk, once for
    each of its pairs; a walk of one node has none, and the ledger counts it.

    Pairs of one walk are alike, so they are dealt far apart: of W walks in a segment, or in an incoming batch, each W
    pairs in a row hold one of every walk. No draw is needed for that, and walks that follow each other are as far from
    alike as the order has made them.

    A segment of n ids has n x about steps x window pairs: 16 bytes each. ``chain(..., segment_ids=2**12)`` keeps what
    is held at once small, and where every walk is full it still has whole batches only.

    Guarantees: every pair of every walk once; where all are full, two pairs of one walk are at least W pairs apart.

    Raises
    ------
    BadTable
        No such column, or one of another shape.

    Source: DeepWalk's pairs; dealt apart as in the pseudo shuffle of Zhu et al., "GraphVite" (WWW 2019), here for any
    number of pairs, and with all distances in every stretch.

    Examples
    --------
    >>> import croupier as cr
    >>> line = cr.Table(walk=[[0, 1, 2], [5, 6, 7]])
    >>> deal = cr.Dealer(cr.chain(cr.Sequential(), WalkPairs(2), cr.FixedSize(6)), line, seed=0).first()
    >>> deal.columns["head"].tolist(), deal.columns["tail"].tolist()
    ([0, 6, 0, 5, 1, 5], [1, 7, 2, 6, 2, 7])
    """

    window: int
    walk: str = "walk"
    name: str = "walk_pairs"

    def __post_init__(self) -> None:
        window = checked_int(
            "window", self.window, at_least=1, at_most=2**16, fix="pass the most steps between two nodes"
        )
        object.__setattr__(self, "window", window)
        if not isinstance(self.walk, str):
            raise BadArgument("walk", "be a column's name", self.walk, 'pass "walk", as RandomWalks adds it')

    @property
    def prepared_per_epoch(self) -> bool:
        """Nothing changes with the epoch."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """Check that the columns can be added; derives nothing."""
        for name in ("head", "tail"):
            check_free(table, name, self.name)
        if self.walk in table.categories:
            raise BadTable(self.walk, "hold walks", "strings, which are categories", "number the nodes from 0")
        return {}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Pairs of each incoming batch."""
        walks = gathered(batches, context.table, self.walk)
        if walks.ndim != 2 or walks.dtype.kind != "i":
            raise BadTable(
                self.walk, "hold walks", f"dtype {walks.dtype}, shape {walks.shape}", "RandomWalks makes them"
            )
        window = min(self.window, walks.shape[1] - 1)
        if not window:
            raise BadTable(self.walk, "have two nodes or more a row", f"shape {walks.shape}", "walk at least one step")
        if bool(((walks[:, 1:] >= 0) & (walks[:, :-1] < 0)).any()):
            raise BadTable(
                self.walk, "hold -1 at the end of a walk alone", "a node after -1", "move the nodes together"
            )
        heads, tails, rows, offsets = pair_up(walks, batches.offsets, window)
        columns = {name: values for name, values in batches.columns.items() if name != self.walk}
        paired = replace(batches, columns=columns).take(rows, offsets)
        alone = int(np.count_nonzero(walks[:, 1] < 0))
        return paired.with_columns(head=heads, tail=tails).with_ledger(
            Ledger.of(self.name, "left out: a walk of one node", alone)
        )

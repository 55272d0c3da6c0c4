"""An order whose neighbours are near each other, from clusters that training refreshes: batches of hard negatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.saved_arrays import SavedArrays
from croupier.core.shuffling import invert_shuffle, shuffled
from croupier.core.stage import Context
from croupier.core.table import Table
from croupier.errors import BadTable
from croupier.negatives.balanced_clusters import KIND, Clusters

__all__ = ["NegativeAware"]


@dataclass(frozen=True, slots=True)
class NegativeAware:
    """Clusters in random order, each with its rows side by side, each row once an epoch; a shuffle until clusters come.

    Put a stage that cuts after it: with ``FixedSize(1024)`` and clusters of 64, a batch holds 16 clusters. Every few
    epochs, on one rank: ``balanced_clusters(bank.embeddings, size, key=...).save(folder)``, from the embeddings that
    training reported to an :class:`EmbeddingBank`; then on every rank ``dealer.adopt("negative_aware", folder)``. They
    hold from the next epoch on: adopted between epochs, in the one about to begin.

    Where the table grows, a row that the clusters do not know is a cluster of its own, as in a shuffle, until clusters
    of all rows are adopted.

    Guarantees: every row once an epoch; any segment at once; the same for any number of ranks; resumes within and
    between versions, whose checksums are in the state. 16 bytes a row, and 24 a cluster in each segment planned.

    Raises
    ------
    BadTable
        Clusters adopted for an epoch whose table has another number of rows.

    Source: Dahiya and others, "NGAME: Negative mining-aware mini-batching for extreme classification", WSDM 2023,
    algorithm read from their public code.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(NegativeAware(), cr.FixedSize(2))
    >>> sorted(row for deal in cr.Dealer(plan, cr.Table(size=4), seed=0) for row in deal.ids.tolist())
    [0, 1, 2, 3]
    """

    name: str = "negative_aware"

    @property
    def refreshed_per_epoch(self) -> bool:
        """An order cannot change within an epoch without losing rows."""
        return True

    def load_version(self, folder: str, checksum: str | None, table: Table) -> tuple[Clusters, str]:
        """The clusters in a folder, with the rows that a table has grown by since they were adopted."""
        saved = SavedArrays.read(folder, KIND, checksum)
        clusters = Clusters.of_saved(saved)
        rows, is_adopted_now = clusters.members.size, checksum is None
        if rows > table.size or (is_adopted_now and rows < table.size):
            raise BadTable("clusters", f"have the {table.size} rows of the table", rows, "make them of its rows")
        return clusters.with_rows(table.size), saved.checksum

    def epoch_size(self, table: Table, epoch: int) -> int:
        """Every row once."""
        return table.size

    def plan(self, batches: Batches, context: Context) -> Batches:
        """The rows at these positions."""
        positions = batches.indices
        if not context.refreshed:
            return batches.with_indices(shuffled(positions, context.table.size, context.epoch_key))
        clusters, order, begins = _in_order(context)
        turn = np.searchsorted(begins, positions, side="right") - 1
        return batches.with_indices(clusters.members[clusters.offsets[order[turn]] + positions - begins[turn]])

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes."""
        if not context.refreshed:
            return invert_shuffle(np.asarray(ids, np.int64), context.table.size, context.epoch_key)
        clusters, order, begins = _in_order(context)
        places = np.empty(clusters.members.size, dtype=np.int64)
        places[clusters.members] = np.arange(places.size)
        cluster = np.searchsorted(clusters.offsets, places[ids], side="right") - 1
        turns = np.empty(order.size, dtype=np.int64)
        turns[order] = np.arange(order.size)
        return begins[turns[cluster]] + places[ids] - clusters.offsets[cluster]


def _in_order(context: Context) -> tuple[Clusters, Int64, Int64]:
    """The clusters, the order they are dealt in, and at which position each begins."""
    clusters: Clusters = context.refreshed.content
    count = clusters.offsets.size - 1
    order = shuffled(np.arange(count, dtype=np.int64), count, context.epoch_key)
    sizes = np.diff(clusters.offsets)[order]
    return clusters, order, np.cumsum(sizes) - sizes

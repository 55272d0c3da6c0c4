"""Few fixed length classes, with the bounds that pad least."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.facts import check_length_column, lengths_of
from croupier.core.key import Key
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table, checked_lengths
from croupier.errors import checked_int
from croupier.kernels.bucket_bounds import optimal_bounds
from croupier.kernels.sorting import sort_windows

__all__ = ["LengthBuckets"]

SAMPLE_ROWS = 2**24
"""Up to this many rows the bounds are exact; above, they are those of this many evenly spaced rows."""


@dataclass(frozen=True, slots=True)
class LengthBuckets:
    """Put ids into buckets by length, so that a batch holds one bucket; batches are dealt in random order.

    Within a bucket the ids keep their order, so any two of a bucket may meet: more random than sorted windows, with
    more padding. Choose it where few static shapes are wanted.

    Parameters
    ----------
    buckets : int
        At most this many; the bounds are found once for the run.
    length : str
        The table's column of lengths.

    Guarantees: the same ids, regrouped; among all choices of that many bounds, these have the least padding to the
    bound over the table (an exact dynamic programme, not quantiles); the columns ``length`` and ``bucket`` travel
    with the ids.

    Source: own derivation in ``kernels/bucket_bounds.py``; the recurrence is that of one-dimensional optimal
    quantisation.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(length=[1, 10, 2, 11])
    >>> LengthBuckets(2).prepare(table, cr.Key(0), epoch=0)["bounds"].tolist()
    [2, 11]
    """

    buckets: int
    length: str = "length"
    name: str = "length_buckets"

    def __post_init__(self) -> None:
        checked_int("buckets", self.buckets, at_least=1, at_most=2**12, fix="pass the number of buckets, 30 say")

    @property
    def prepared_per_epoch(self) -> bool:
        """Bounds hold for the run."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The upper bound of each bucket, ascending, int64."""
        check_length_column(table, self.length)
        column = table.column(self.length)
        step = -(-column.shape[0] // SAMPLE_ROWS)
        distinct, counts = np.unique(checked_lengths(self.length, np.asarray(column[::step])), return_counts=True)
        return {"bounds": optimal_bounds(distinct, counts.astype(np.int64), self.buckets)}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """One outgoing batch for each bucket of each incoming batch, short buckets first."""
        lengths = lengths_of(batches, context.table, self.length)
        bounds: Int64 = context.prepared["bounds"]
        # A row longer than any the bounds were made from goes to the last bucket: it can only have come in by growth.
        bucket = np.minimum(np.searchsorted(bounds, lengths), bounds.size - 1)
        incoming = np.repeat(np.arange(len(batches)), batches.sizes)
        rows = sort_windows(incoming * bounds.size + bucket, np.array([0, lengths.size]))
        grouped = batches.with_columns(**{self.length: lengths, "bucket": bucket.astype(np.int32)})
        edges = np.flatnonzero(np.diff((incoming * bounds.size + bucket)[rows], prepend=-1))
        cut = grouped.take(rows, np.append(edges, lengths.size).astype(np.int64))
        return replace(cut, interchangeable=True)

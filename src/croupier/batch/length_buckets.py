"""Few fixed length classes, with the bounds that pad least."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.batch.rate_outliers import RateOutliers
from croupier.core.batches import Batches, Int64
from croupier.core.facts import check_free, check_length_column, checked_names, several_lengths_of
from croupier.core.key import Key
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table, checked_lengths
from croupier.errors import BadArgument, BadTable, checked_int
from croupier.kernels.box_bounds import fit_boxes
from croupier.kernels.covering import cheapest_cover
from croupier.kernels.grouping import group_rows

__all__ = ["LengthBuckets", "fit_bounds"]

EXACT_ROWS = 2**24
"""Up to this many rows the bounds are exact; above, they are those of evenly spaced blocks: pages of a mapped file that
are read at a restart too, in a few milliseconds."""
BLOCKS, BLOCK_ROWS = 2**9, 2**9
COUNTED_LENGTH = 2**24
MOST_BOXES = 2**9
LARGEST_SUM = 2**62


@dataclass(frozen=True, slots=True)
class LengthBuckets:
    """Put ids into buckets by length, so that a batch holds one bucket; batches are dealt in random order.

    Within a bucket the ids keep their order, so any two of a bucket may meet: more random than sorted windows, with
    more padding. Choose it where few static shapes are wanted, or where there are several lengths to pad.

    Parameters
    ----------
    buckets : int
        At most this many; the bounds are found once for the run.
    length : str or tuple of str
        The table's column of lengths, or several: those of input and output, say. A bucket has a bound for each.
    multiple_of : int
        Bounds are multiples of this, and the best among those: pass what the collate function rounds up to.
    outliers : RateOutliers, optional
        With two or more lengths: what becomes of pairs that do not match, such as a long text of a short recording.

    Guarantees: the same ids, regrouped. With one length, no choice of that many bounds has less padding to the bound
    over the table (an exact dynamic programme, not quantiles). With several, an id goes to the cheapest bucket that
    covers it, and no exchange of a bucket pads less. The columns of lengths and ``bucket`` travel with the ids.

    Source: own derivations in ``kernels/bucket_bounds.py`` and ``kernels/box_bounds.py``; the recurrence of the first
    is that of one-dimensional optimal quantisation.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(length=[1, 10, 2, 11])
    >>> LengthBuckets(2).prepare(table, cr.Key(0), epoch=0)["bounds"].tolist()
    [[2], [11]]
    >>> pairs = cr.Table(source=[1, 2, 9, 9], target=[9, 8, 1, 2])
    >>> LengthBuckets(2, length=("source", "target")).prepare(pairs, cr.Key(0), epoch=0)["bounds"].tolist()
    [[2, 9], [9, 2]]
    """

    buckets: int
    length: str | tuple[str, ...] = "length"
    multiple_of: int = 1
    outliers: RateOutliers | None = None
    name: str = "length_buckets"

    def __post_init__(self) -> None:
        buckets = checked_int(
            "buckets", self.buckets, at_least=1, at_most=2**12, fix="pass the number of buckets, 30 say"
        )
        object.__setattr__(self, "buckets", buckets)
        names = checked_names(self.length)
        if len(names) > 1:
            buckets = checked_int("buckets", self.buckets, at_least=1, at_most=MOST_BOXES, fix="pass 60 for pairs, say")
            object.__setattr__(self, "buckets", buckets)
        multiple_of = checked_int(
            "multiple_of", self.multiple_of, at_least=1, at_most=2**30, fix="pass 1 for no rounding"
        )
        object.__setattr__(self, "multiple_of", multiple_of)
        if self.outliers is not None and not isinstance(self.outliers, RateOutliers):
            raise BadArgument(
                "outliers", "be RateOutliers or None", self.outliers, "write RateOutliers(max_z_score=4.0)"
            )
        if self.outliers is not None and len(names) < 2:
            raise BadArgument(
                "outliers", "be None where there is one length", self.outliers,
                'a rate needs two: length=("frames", "tokens")',
            )  # fmt: skip

    @property
    def prepared_per_epoch(self) -> bool:
        """Bounds hold for the run."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The upper bounds of each bucket, cheapest first, int64 of shape (k, d); and what counts as an outlier."""
        names = checked_names(self.length)
        check_free(table, "bucket", self.name)
        limits: Prepared = {} if self.outliers is None else self.outliers.prepare(table, names)
        return {"bounds": fit_bounds(table, self.buckets, names, self.multiple_of, self.outliers), **limits}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """One outgoing batch for each bucket of each incoming batch, cheap buckets first."""
        names = checked_names(self.length)
        bounds: Int64 = context.prepared["bounds"]
        lengths = several_lengths_of(batches, context.table, names)
        batches = batches.with_columns(**dict(zip(names, lengths.T, strict=True)))
        if self.outliers is not None:
            batches = self.outliers.settle(batches, context.prepared, names, stage=self.name)
            lengths = several_lengths_of(batches, context.table, names)
        # A row that no bound covers goes to the last bucket: it can only have come in by growth, or beyond the sample.
        bucket = np.minimum(cheapest_cover(lengths, bounds), bounds.shape[0] - 1)
        if self.outliers is not None:
            bucket[self.outliers.find(lengths, context.prepared)] = bounds.shape[0]
        kinds = bounds.shape[0] + 1
        incoming = np.repeat(np.arange(len(batches)), batches.sizes)
        rows, offsets = group_rows(incoming * kinds + bucket, len(batches) * kinds)
        cut = batches.with_columns(bucket=bucket.astype(np.int32)).take(rows, offsets)
        return replace(cut, interchangeable=True)


def fit_bounds(
    table: Table, buckets: int, names: tuple[str, ...], multiple_of: int, outliers: RateOutliers | None
) -> Int64:
    """The caps of the buckets that pad least, int64 of shape (at most buckets, d), cheapest first."""
    for name in names:
        check_length_column(table, name)
    sampled = np.stack([checked_lengths(name, _sample(table.column(name))) for name in names], axis=1)
    if outliers is not None:
        sampled = sampled[~outliers.find(sampled, outliers.prepare(table, names))]
    rounded = -(-sampled // multiple_of) * multiple_of
    if int(rounded.max()) * rounded.size > LARGEST_SUM:
        raise BadTable(
            names[0], "be in so large a unit that the lengths of all rows sum to less than 2**62",
            f"up to {int(rounded.max())}", "use milliseconds for microseconds, say",
        )  # fmt: skip
    if len(names) == 1 and int(rounded.max()) < COUNTED_LENGTH:
        numbers = np.bincount(rounded[:, 0])
        distinct = np.flatnonzero(numbers)
        return fit_boxes(distinct[:, None], numbers[distinct].astype(np.int64), buckets)
    distinct, counts = np.unique(rounded, axis=0, return_counts=True)
    return fit_boxes(distinct, counts.astype(np.int64), buckets)


def _sample(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if column.shape[0] <= EXACT_ROWS:
        return np.asarray(column)
    begins = [block * (column.shape[0] - BLOCK_ROWS) // (BLOCKS - 1) for block in range(BLOCKS)]
    return np.concatenate([column[begin : begin + BLOCK_ROWS] for begin in begins])

"""Sample contrasts for their scores and ranks, and count the ages of mined negatives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.errors import BadArgument
from croupier.negatives.known_positives import KnownPositives
from croupier.report.contrast_rows import AuditScope, Contrast, ContrastRows
from croupier.report.contrast_sample import ContrastSample
from croupier.report.hardness import Embedded, ranks_of, score_differences
from croupier.report.negative_figures import HardnessFigures, StalenessFigures

__all__ = ["ScoreSamples"]

Float64 = npt.NDArray[np.float64]

HARDNESS_CONTRASTS = 2**16
"""So many contrasts are sampled for the hardness,"""
RANKED_NEGATIVES = 2**9
"""and so many explicit negatives are ranked."""
BINS = 40


class ScoreSamples:
    """What is kept of a contrast: query, positive, negative, and the difference of their scores where it was given.

    Examples
    --------
    >>> rows = ContrastRows(np.array([0]), np.array([5]), np.array([[6]]), np.array([[0.5, 0.25]]), None, None, None)
    >>> samples = ScoreSamples(KnownPositives.of([0], [5]), AuditScope())
    >>> samples.add(0, rows)
    >>> samples.hardness().mean
    0.25
    """

    def __init__(
        self,
        known: KnownPositives,
        scope: AuditScope,
        embedded: Embedded | None = None,
        mined_with: Embedded | None = None,
    ) -> None:
        self._known, self._scope, self._embedded, self._mined_with = known, scope, embedded, mined_with
        self._hard, self._ranked = ContrastSample(HARDNESS_CONTRASTS), ContrastSample(RANKED_NEGATIVES)
        self._ages: tuple[int, int, int, int] | None = None

    def add(self, number: int, rows: ContrastRows) -> None:
        """Take a batch's part of the samples."""
        size, count = rows.negatives.shape
        if rows.mined_at is not None:
            self._add_ages((number if rows.now is None else rows.now) - rows.mined_at[rows.negatives >= 0], number)
        if self._mined_with is not None:
            self._mined_with.check("mined_with", rows.queries, rows.negatives)
            pairs = np.stack([np.repeat(rows.queries, count), rows.negatives.ravel()], axis=1).astype(np.float64)
            self._ranked.take(size * count, lambda places: pairs[places])
        if self._embedded is not None:
            self._embedded.check("embedded", rows.queries, np.append(rows.items, rows.negatives))
        if rows.scores is not None:
            if self._embedded is not None and self._mined_with is None:
                what = f"scores in batch {number}"
                raise BadArgument("embedded", "be left out where batches have scores", what, "leave out one of them")
            self._hard.take(size * count, lambda places: _scored(rows, places))
        elif self._embedded is not None:
            contrast = self._scope.contrast
            width = (0 if contrast is Contrast.OWN else size - 1) + (size if contrast is Contrast.ALL else 1) * count
            self._hard.take(size * max(0, width), lambda places: _unscored(rows, places, width, contrast))

    def hardness(self) -> HardnessFigures | None:
        """The figures, of what is sampled and does not leak; None without scores."""
        found = self._hard.values
        if not found.size:
            return None
        queries, positives, negatives = found[:, :3].T.astype(np.int64)
        kept = (negatives >= 0) & (negatives != positives) & ~self._known.contains(queries, negatives)
        if not kept.any():
            return None
        differences = found[kept, 3]
        if self._embedded is not None and bool(np.isnan(differences).any()):
            differences = score_differences(self._embedded, queries[kept], positives[kept], negatives[kept])
        counts, edges = np.histogram(differences, bins=BINS)
        margin = float(self._scope.margin)
        return HardnessFigures(
            sampled=differences.size, contrasts=self._hard.seen, mean=float(differences.mean()),
            above_positive=float((differences < 0).mean()), suspected=float((differences < margin).mean()),
            margin=margin, edges=tuple(edges.tolist()), counts=tuple(counts.tolist()),
        )  # fmt: skip

    def staleness(self) -> StalenessFigures | None:
        """The figures; None where it is not known when negatives were mined, or by what."""
        sampled = self._ranked.values.reshape(-1, 2)
        queries, items = sampled[sampled[:, 1] >= 0].T.astype(np.int64)
        if self._ages is None and not queries.size:
            return None
        then, now = (
            _quartiles(ranks_of(vectors, self._known, queries, items)) if vectors is not None and queries.size else None
            for vectors in (self._mined_with, self._embedded)
        )
        ages = None if self._ages is None else (self._ages[0], self._ages[1] / self._ages[2], self._ages[3])
        return StalenessFigures(ages, then, now if then is not None else None, queries.size)

    def _add_ages(self, ages: Int64, number: int) -> None:
        if not ages.size:
            return
        least, total, count, most = self._ages or (int(ages.min()), 0, 0, 0)
        self._ages = (
            min(least, int(ages.min())),
            total + int(ages.sum()),
            count + ages.size,
            max(most, int(ages.max())),
        )
        if self._ages[0] < 0:
            what = f"{self._ages[0]} at least"
            raise BadArgument(f"ages in batch {number}", "be >= 0", what, 'give the present step or version as "now"')


def _scored(rows: ContrastRows, places: Int64) -> Float64:
    """Own negatives, whose scores came with them."""
    row, column = np.divmod(places, max(1, rows.negatives.shape[1]))
    scores = np.empty((0, 1)) if rows.scores is None else rows.scores
    differences = scores[row, 0] - scores[row, 1 + column]
    ids = np.stack([rows.queries[row], rows.items[row], rows.negatives[row, column]], axis=1)
    return np.column_stack([ids.astype(np.float64), differences])


def _unscored(rows: ContrastRows, places: Int64, width: int, contrast: Contrast) -> Float64:
    """Of each row first the items of the other rows, then its negatives or those of all rows."""
    row, column = np.divmod(places, width)
    others = 0 if contrast is Contrast.OWN else rows.items.size - 1
    is_explicit = column >= others
    found = np.empty(places.size, dtype=np.int64)
    at = column[~is_explicit]
    found[~is_explicit] = rows.items[at + (at >= row[~is_explicit])]
    at = column[is_explicit] - others
    if contrast is not Contrast.ALL:
        at = at + row[is_explicit] * rows.negatives.shape[1]
    found[is_explicit] = rows.negatives.ravel()[at]
    ids = np.stack([rows.queries[row], rows.items[row], found], axis=1)
    return np.column_stack([ids.astype(np.float64), np.full(row.size, np.nan)])


def _quartiles(values: Int64) -> tuple[float, float, float]:
    least, middle, most = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return least, middle, most

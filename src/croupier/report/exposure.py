"""How often each item serves as a negative."""

from __future__ import annotations

import numpy as np

from croupier.core.batches import Int64
from croupier.errors import BadArgument
from croupier.negatives.known_positives import KnownPositives
from croupier.report.negative_figures import ExposureFigures

__all__ = ["ItemCounts"]

POINTS = 200


class ItemCounts:
    """Counts of items by id, 8 bytes each, up to the largest id there is.

    Parameters
    ----------
    items : int, optional
        How many there are; else as many as are served, or known to be right for some query.

    Examples
    --------
    >>> counts = ItemCounts(items=4)
    >>> counts.add(np.array([3, 1, 3]), times=5)
    >>> figures = counts.figures(KnownPositives.of([0], [0]))
    >>> figures.items, figures.served, round(figures.top_share, 3)
    (4, 2, 0.667)
    """

    def __init__(self, items: int | None = None) -> None:
        self._items = items
        self._counts: Int64 = np.zeros(1024 if items is None else items, dtype=np.int64)

    def add(self, ids: Int64, times: int) -> None:
        """Each of these ids, all >= 0, served so many times."""
        if not ids.size:
            return
        largest = int(ids.max())
        if largest >= self._counts.size:
            if self._items is not None:
                raise BadArgument("scope.items", "be above every id", f"{self._items}, and id {largest}", "raise it")
            grown = np.zeros(max(largest + 1, 2 * self._counts.size), dtype=np.int64)
            grown[: self._counts.size] = self._counts
            self._counts = grown
        np.add.at(self._counts, ids, times)

    def figures(self, known: KnownPositives) -> ExposureFigures:
        """The figures; items known to be right count as items where their number was not given."""
        counts = np.sort(self._counts[self._counts > 0])[::-1]
        items = self._items
        if items is None:
            right = np.unique(known.pairs[1])
            within = right[right < self._counts.size]
            items = counts.size + right.size - int(np.count_nonzero(self._counts[within]))
        sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        total = max(1, int(sums[-1]))
        top = min(-(-items // 100), counts.size)
        at = np.unique(np.linspace(0, counts.size, POINTS).astype(np.int64))
        curve = [(place / items, int(sums[place]) / total) for place in at.tolist()]
        if curve[-1][0] < 1:
            curve.append((1.0, 1.0))
        return ExposureFigures(items, counts.size, int(sums[top]) / total, tuple(curve))

"""Count contrasts, those that leak, and what is left of a query's negatives without them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.errors import BadArgument
from croupier.negatives.known_positives import KnownPositives
from croupier.report.contrast_rows import AuditScope, Contrast, ContrastRows
from croupier.report.exposure import ItemCounts
from croupier.report.negative_figures import ExposureFigures, LeakFigures

__all__ = ["LeakCounts"]


class LeakCounts:
    """Counts batch by batch, in O(n log n) of its ids and what is found.

    Examples
    --------
    >>> none = np.empty((3, 0), np.int64)
    >>> counts = LeakCounts(KnownPositives.of([0, 1], [5, 5]), AuditScope())
    >>> counts.add(0, ContrastRows(np.array([0, 1, 2]), np.array([5, 6, 7]), none, None, None, None, None))
    >>> figures = counts.figures()
    >>> figures.in_batch, figures.in_batch_leaks, figures.first, figures.effective_min
    (6, 1, (0, 1, 5), 1)
    """

    def __init__(self, known: KnownPositives, scope: AuditScope) -> None:
        self._known, self._contrast = known, scope.contrast
        self._served = ItemCounts(scope.items)
        self._batches = self._queries = self._bad_batches = 0
        self._in_batch = self._in_batch_leaks = self._explicit = self._explicit_leaks = 0
        self._first: tuple[int, int, int] | None = None
        self._least: int | None = None

    def add(self, number: int, rows: ContrastRows) -> None:
        """Count a batch: columns are the items of its rows, then the negatives of all rows if all contrast."""
        self._batches += 1
        size, own = rows.queries.size, rows.negatives
        is_shared, has_items = self._contrast is Contrast.ALL, self._contrast is not Contrast.OWN
        others = rows.items if has_items else rows.items[:0]
        columns = np.append(others, own.ravel()) if is_shared else others
        row, column = self._right_for(rows, columns)
        if has_items:
            row, column = row[row != column], column[row != column]
        own_right = np.zeros(own.shape, np.bool_) if is_shared else self._right_among_own(rows)
        in_batch = max(0, others.size - 1)
        own_counts = np.count_nonzero(own >= 0, axis=1)
        explicit = np.full(size, own_counts.sum()) if is_shared else own_counts
        self._queries += size
        self._in_batch += in_batch * size
        self._in_batch_leaks += int(np.count_nonzero(column < others.size))
        self._explicit += int(explicit.sum())
        self._explicit_leaks += int(np.count_nonzero(column >= others.size)) + int(np.count_nonzero(own_right))
        self._served.add(others, in_batch)
        self._served.add(own[own >= 0], size if is_shared else 1)
        left = in_batch + explicit - np.bincount(row, minlength=size) - np.count_nonzero(own_right, axis=1)
        if size:
            self._least = int(left.min()) if self._least is None else min(self._least, int(left.min()))
        if not row.size:
            row, column = np.nonzero(own_right)
            columns = own[row, column]
            column = np.arange(row.size)
        if row.size:
            self._bad_batches += 1
            if self._first is None:
                self._first = (number, int(rows.queries[row[0]]), int(columns[column[0]]))

    def figures(self) -> LeakFigures:
        """The figures, or the error that says that there was nothing to contrast."""
        contrasts = self._in_batch + self._explicit
        if not contrasts:
            what = f"{self._batches:,} batches with nothing to contrast"
            raise BadArgument("batches", "have negatives", what, "give negatives, more rows a batch, another Contrast")
        leaks = self._in_batch_leaks + self._explicit_leaks
        return LeakFigures(
            self._in_batch, self._in_batch_leaks, self._explicit, self._explicit_leaks, self._bad_batches, self._first,
            effective_mean=(contrasts - leaks) / self._queries, effective_min=self._least or 0,
        )  # fmt: skip

    def exposure(self) -> ExposureFigures:
        """How often items served."""
        return self._served.figures(self._known)

    def _right_for(self, rows: ContrastRows, columns: Int64) -> tuple[Int64, Int64]:
        """Places (row, column) of what is known to be right for a row, or equal to its item."""
        numbers, width = np.arange(rows.items.size), max(1, columns.size)
        row, column = self._known.pairs_among(rows.queries, columns)
        also_row, also_column = KnownPositives.of(numbers, rows.items).pairs_among(numbers, columns)
        places = np.unique(np.append(row * width + column, also_row * width + also_column))
        return places // width, places % width

    def _right_among_own(self, rows: ContrastRows) -> npt.NDArray[np.bool_]:
        own = rows.negatives
        asked = np.repeat(rows.queries, own.shape[1])
        return self._known.contains(asked, own.ravel()).reshape(own.shape) | (own == rows.items[:, None])

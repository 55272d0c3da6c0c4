"""What any loader contrasts: negatives that are right, how often which items serve, how hard and how old they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from croupier.errors import BadArgument, check_function
from croupier.negatives.known_positives import KnownPositives
from croupier.negatives.pairs import Pairs
from croupier.report.contrast_rows import AuditScope, ContrastRows, read_rows, rows_of_deals
from croupier.report.hardness import Embedded
from croupier.report.leak_counts import LeakCounts
from croupier.report.negative_figures import DealtFigures, NegativesAudit
from croupier.report.score_samples import ScoreSamples
from croupier.run.dealer import Dealer

__all__ = ["audit_negatives"]


def audit_negatives(
    batches: Iterable[Any],
    known: KnownPositives | Pairs,
    *,
    rows_of: Callable[[Any], Any] | None = None,
    scope: AuditScope | None = None,
    embedded: Embedded | None = None,
    mined_with: Embedded | None = None,
) -> NegativesAudit:
    """Audit the negatives of a loader: one pass over its batches, exact counts, memory of a few numbers an item.

    Parameters
    ----------
    batches : iterable
        What a loader gives: ``islice`` of an endless one. A Dealer deals its next epoch, so give it one of its own.
    known : KnownPositives, or Pairs
        What is right. Pairs are those of a Dealer's table, which then needs no ``rows_of``.
    rows_of : callable, optional
        Says of a batch what it contrasts: a tuple (queries, items) or (queries, items, negatives), or a mapping with
        ``queries`` and ``items`` of shape (B,), and if there are any ``negatives`` (B, k) with -1 for none; ``scores``
        (B, 1 + k) of the item and the negatives; ``mined_at``, the step or version of the index that found a negative,
        and ``now``, the present one (else the number of the batch); ``rows`` (B,) of the dataset. Arrays, lists or
        tensors. Rows of padding have the query -1. Without it, batches are such tuples or mappings themselves. For a
        loss over the items of all ranks, give batches of all ranks.
    scope : AuditScope, optional
        Which negatives a query is contrasted with, how many items and rows there are, and the margin of suspicion.
    embedded : Embedded, optional
        Vectors of all queries and items: then the hardness is measured, where batches have no scores.
    mined_with : Embedded, optional
        Vectors by which negatives were mined: then ranks are compared with those by ``embedded``.

    Returns
    -------
    NegativesAudit
        Prints as a table. Leaks, duplicates, exposure and ages are exact; hardness is of 65,536 contrasts at most,
        each as likely as any other, or of the explicit negatives only where batches have scores; ranks are of 512
        explicit negatives at most.

    Raises
    ------
    BadArgument
        A batch that does not say what it contrasts, by its number; nothing to contrast.

    Examples
    --------
    Queries 0 and 1 ask for the same item, and meet in a batch:

    >>> known = KnownPositives.of(queries=[0, 1, 2], items=[5, 5, 6])
    >>> audit = audit_negatives([([0, 1], [5, 5]), ([2, 0], [6, 5])], known)
    >>> print(audit)
    batches                            2 of 2.0 rows
    leaks, in-batch negatives          2 of 4 (50.000%)
    batches with a leak                1 of 2 (50.000%)
    first leak                         batch 0: item 5 is right for query 0
    queries twice in a batch           0 of 4 (0.000%)
    items twice in a batch             1 of 4 (25.000%)
    negatives a query, leaks masked    0.5 (least 0)
    items that served as negatives     2 of 2 (100.000%)
    contrasts on the top 1 % of items  75.0%
    """
    chosen = AuditScope() if scope is None else scope
    if isinstance(known, Pairs) and isinstance(batches, Dealer):
        table = batches.program.table
        rows_of = rows_of_deals(table, known) if rows_of is None else rows_of
        rows = table.size if chosen.rows is None else chosen.rows
        chosen = AuditScope(chosen.contrast, chosen.items, rows, chosen.margin)
        known = known.known_in(table)
    if not isinstance(known, KnownPositives):
        raise BadArgument("known", "be KnownPositives", known, "pass Pairs with a Dealer, pairs.known_in(table) else")
    _check(batches, rows_of, chosen, embedded, mined_with)
    dealt, leaks = _DealtCounts(chosen.rows), LeakCounts(known, chosen)
    samples = ScoreSamples(known, chosen, embedded, mined_with)
    for number, batch in enumerate(batches):
        rows = read_rows(batch if rows_of is None else rows_of(batch), number)
        for counts in (dealt, leaks, samples):
            counts.add(number, rows)
    leaking = leaks.figures()
    return NegativesAudit(dealt.figures(), leaking, leaks.exposure(), samples.hardness(), samples.staleness())


def _check(batches: Any, rows_of: Any, scope: Any, embedded: Any, mined_with: Any) -> None:
    if getattr(batches, "ndim", None) == 0 or not isinstance(batches, Iterable):
        raise BadArgument("batches", "be iterable", batches, "pass a loader, or a list of (queries, items)")
    if rows_of is not None:
        fix = 'pass lambda batch: (batch["query"], batch["item"]), say'
        check_function("rows_of", rows_of, "be callable", fix=fix)
    if not isinstance(scope, AuditScope):
        raise BadArgument("scope", "be an AuditScope", scope, "pass AuditScope(Contrast.ALL), say")
    for name, value in (("embedded", embedded), ("mined_with", mined_with)):
        if value is not None and not isinstance(value, Embedded):
            raise BadArgument(name, "be Embedded", type(value).__name__, "pass Embedded(query_vectors, item_vectors)")
    if mined_with is not None and embedded is None:
        raise BadArgument("mined_with", "come with embedded", "no embedded", "pass the present vectors too")


class _DealtCounts:
    """Rows, and those whose query or item is in the batch already."""

    def __init__(self, rows: int | None) -> None:
        self._dealt = None if rows is None else np.zeros(rows, dtype=np.bool_)
        self._saw_rows = False
        self._batches = self._rows = self._twice_queries = self._twice_items = 0

    def add(self, number: int, rows: ContrastRows) -> None:
        self._batches += 1
        self._rows += rows.queries.size
        self._twice_queries += rows.queries.size - np.unique(rows.queries).size
        self._twice_items += rows.items.size - np.unique(rows.items).size
        if rows.rows is None or self._dealt is None:
            return
        largest = int(rows.rows.max(initial=-1))
        if largest >= self._dealt.size:
            raise BadArgument(f"rows of batch {number}", f"be below {self._dealt.size}", largest, "mend scope.rows")
        self._saw_rows = True
        self._dealt[rows.rows[rows.rows >= 0]] = True

    def figures(self) -> DealtFigures:
        never = int(np.count_nonzero(~self._dealt)) if self._dealt is not None and self._saw_rows else None
        return DealtFigures(self._batches, self._rows, self._twice_queries, self._twice_items, never)

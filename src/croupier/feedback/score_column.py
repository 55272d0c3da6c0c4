"""Hand a statistic that the run keeps to the training loop, with each batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.batches import Batches
from croupier.core.facts import check_free, checked_names
from croupier.core.keeping import Kept
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.score_layout import unobserved
from croupier.core.score_statistics import Statistic, checked_statistics
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_real, keep_plain_numbers

__all__ = ["ScoreColumn"]


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """Add a column of what :class:`KeepScores` keeps of each id: for a loss weighed by it, or a rule of your own.

    Parameters
    ----------
    statistic : Last, Mean, Variance, Count, Ema or Forgotten
    column : str
    unseen : float, optional
        What stands there for an id that was not observed yet: by default not a number; of ``Count`` 0.

    Adds the column, float32, and ``<column>_version``: the segments whose observations it knows of. The ledger counts
    ids dealt before any observation.

    Raises
    ------
    BadTable
        The table has such a column.

    Examples
    --------
    >>> import croupier as cr
    >>> stages = cr.Shuffle(), cr.KeepScores((cr.Last(),)), ScoreColumn(cr.Last(), "difficulty"), cr.FixedSize(2)
    >>> dealer = cr.Dealer(cr.chain(*stages, segment_ids=4), cr.Table(size=4), seed=0)
    >>> for epoch in range(3):
    ...     for deal in dealer:
    ...         dealer.observe(deal, deal.ids * 10)
    >>> deal.ids.tolist(), deal.columns["difficulty"].tolist(), deal.columns["difficulty_version"].tolist()
    ([1, 0], [10.0, 0.0], [1, 1])
    """

    statistic: Statistic
    column: str = "score"
    unseen: float | None = None
    name: str = "score_column"

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        checked_statistics((self.statistic,))
        if not isinstance(self.column, str) or not self.column:
            raise BadArgument("column", "be a name", self.column, 'write "difficulty"')
        checked_names(self.column, "column")
        if self.unseen is not None:
            unseen = checked_real("unseen", self.unseen, "be finite, or None", fix="None stands for not a number")
            object.__setattr__(self, "unseen", unseen)

    @property
    def reads(self) -> tuple[Statistic, ...]:
        """What must be kept."""
        return (self.statistic,)

    @property
    def prepared_per_epoch(self) -> bool:
        """Nothing is."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """Nothing; the table is checked before the run."""
        for column in self._columns:
            check_free(table, column, self.name)
        return {}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Add the column."""
        kept: Kept = context.kept
        scores = kept.at(self.statistic, batches.indices)
        is_unseen = unobserved(self.statistic, scores)
        values = scores if self.unseen is None else np.where(is_unseen, np.float32(self.unseen), scores)
        versions = np.full(scores.size, kept.version, dtype=np.int64)
        columns = dict(zip(self._columns, (values, versions), strict=True))
        early = Ledger.of(self.name, "dealt before any observation", int(np.count_nonzero(is_unseen)))
        return batches.with_new_columns(self.name, **columns).with_ledger(early)

    @property
    def _columns(self) -> tuple[str, str]:
        return self.column, f"{self.column}_version"

"""Draw examples in proportion to a statistic that the run keeps of them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np

from croupier.core.batches import Batches
from croupier.core.cumulative_weights import from_whole_weights
from croupier.core.keeping import Kept
from croupier.core.ledger import Ledger
from croupier.core.score_layout import Float32, unobserved
from croupier.core.score_statistics import Statistic, checked_statistics
from croupier.core.stage import Context
from croupier.core.table import Table
from croupier.errors import checked_fraction, checked_real, keep_plain_numbers
from croupier.feedback.score_levels import PARTS, level_weights, score_levels

__all__ = ["ScoreWeighted"]

LARGEST_SCORE = 2.0**64 * (1 - 2.0**-53)


@dataclass(frozen=True, slots=True)
class ScoreWeighted:
    """Draw with replacement, in proportion to a statistic that :class:`KeepScores` keeps, mixed with a uniform share.

    Parameters
    ----------
    statistic : Last, Mean, Variance, Count, Ema or Forgotten
        What is below 0 counts as 0; infinite (never right) as the largest finite one, or as ``unseen`` where that is
        larger.
    uniform_share : float in (0, 1]
        At least this part of the draws is uniform, so no importance weight exceeds its inverse.
    unseen : float, optional
        What a row counts as before it was observed, a ``Count`` of 0 too. By default as the largest there is, so that
        these come first.

    Adds columns ``probability``, ``importance_weight`` (1 / (rows x probability): multiply the loss by it and its mean
    is unbiased, whatever the lag) and ``score_version``. The ledger counts ids drawn before any observation.

    Guarantees: an epoch has as many draws as the table rows; draws are decided by integers, the same on every platform,
    of scores rounded down by less than one part in a thousand; a plan costs O(rows) time. For more than 2**31 - 1 rows
    draw by a table.

    Source: as :class:`LossWeighted`.

    Examples
    --------
    >>> import croupier as cr
    >>> kept = cr.KeepScores((cr.Ema(0.5),))
    >>> plan = cr.chain(ScoreWeighted(cr.Ema(0.5)), kept, cr.FixedSize(4), segment_ids=8)
    >>> dealer = cr.Dealer(plan, cr.Table(size=8), seed=0)
    >>> for epoch in range(8):
    ...     for deal in dealer:
    ...         dealer.observe(deal, [9.0 if i == 5 else 0.1 for i in deal])
    >>> deal = dealer.first()
    >>> deal.ids.tolist(), deal.columns["importance_weight"].round(2).tolist()
    ([5, 5, 5, 5], [0.15, 0.15, 0.15, 0.15])
    """

    statistic: Statistic
    uniform_share: float = 0.1
    unseen: float | None = None
    name: str = "score_weighted"

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        checked_statistics((self.statistic,))
        uniform_share = checked_fraction("uniform_share", self.uniform_share, fix="pass a share like 0.1")
        object.__setattr__(self, "uniform_share", uniform_share)
        if self.unseen is not None:
            rule, fix = "be in [0, 2**64)", "pass a typical score, or None"
            unseen = checked_real("unseen", self.unseen, rule, at_least=0, at_most=LARGEST_SCORE, fix=fix)
            object.__setattr__(self, "unseen", unseen)

    @property
    def reads(self) -> tuple[Statistic, ...]:
        """What must be kept."""
        return (self.statistic,)

    def epoch_size(self, table: Table, epoch: int) -> int:
        """As many draws as rows."""
        return table.size

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        kept: Kept = context.kept
        scores = kept.read(self.statistic).values
        is_unseen = unobserved(self.statistic, scores)
        found = score_levels(self._finite(scores, is_unseen))
        sums = from_whole_weights(level_weights(found, ceil(Fraction(self.uniform_share) * PARTS))[found.levels])
        dealt = sums.draw(batches, context.epoch_key)
        early = int(np.count_nonzero(is_unseen[dealt.indices]))
        versions = np.full(dealt.indices.size, kept.version, dtype=np.int64)
        return dealt.with_columns(score_version=versions).with_ledger(
            Ledger.of(self.name, "drawn before any observation", early)
        )

    def _finite(self, scores: Float32, is_unseen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Float32:
        largest = np.float32(np.max(scores, initial=0.0, where=np.isfinite(scores)))
        if largest == 0:
            largest = np.float32(np.isinf(scores).any() or is_unseen.all())
        first = largest if self.unseen is None else np.float32(self.unseen)
        return np.clip(np.where(is_unseen, first, scores), 0.0, max(largest, first))

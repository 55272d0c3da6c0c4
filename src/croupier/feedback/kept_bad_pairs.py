"""Weigh down bad pairs by a statistic that the run keeps of their losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.batches import Batches
from croupier.core.facts import check_free
from croupier.core.keeping import Kept
from croupier.core.key import Key
from croupier.core.score_statistics import Count, Forgotten, Statistic, checked_statistics
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int, keep_plain_numbers
from croupier.feedback.bad_pairs import PairVerdicts, check_deviations, pair_verdicts, with_pair_weights

__all__ = ["KeptBadPairs"]


@dataclass(frozen=True, slots=True)
class KeptBadPairs:
    """Give each pair a weight as :class:`BadPairs` does, by a statistic that :class:`KeepScores` keeps anyway.

    Where :class:`BadPairs` has a mean of its own, in which later losses weigh more, this reads ``Mean()`` or ``Ema()``
    of the losses, to any precision that is kept. Multiply the loss by the column ``pair_weight``.

    Parameters
    ----------
    statistic : Last, Mean, Variance or Ema
    warmup_epochs : int
        Epochs in which all weights are 1.
    noisy_deviations, faulty_deviations : float
        As for :class:`BadPairs`.

    Guarantees: no weight above 1; 1 for a pair not yet observed. Who is held down is decided by integers. A plan costs
    O(rows) time.

    Raises
    ------
    BadTable
        A table column ``pair_weight``.

    Source: as :class:`BadPairs`; the choice of statistic is our own.

    Examples
    --------
    >>> import croupier as cr
    >>> stages = cr.KeepScores((cr.Mean(),)), KeptBadPairs(cr.Mean(), warmup_epochs=2), cr.FixedSize(5)
    >>> plan = cr.chain(cr.Shuffle(), *stages, segment_ids=25)
    >>> dealer = cr.Dealer(plan, cr.Table(size=25), seed=0)
    >>> for epoch in range(3):
    ...     for deal in dealer:
    ...         dealer.observe(deal, [9.0 if i == 24 else 1.0 + i % 2 / 4 for i in deal])
    >>> print(dealer.ledger)
    kept_bad_pairs: 1 ids held down as faulty
    """

    statistic: Statistic
    warmup_epochs: int
    noisy_deviations: float = 2.0
    faulty_deviations: float = 3.0
    name: str = "kept_bad_pairs"

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        warmup_epochs = checked_int(
            "warmup_epochs", self.warmup_epochs, at_least=1, fix="losses must be collected for an epoch first"
        )
        object.__setattr__(self, "warmup_epochs", warmup_epochs)
        checked_statistics((self.statistic,))
        if isinstance(self.statistic, (Count, Forgotten)):
            rule = "be Last, Mean, Variance or Ema"
            raise BadArgument("statistic", rule, self.statistic, "judge pairs by their losses")
        check_deviations(self.noisy_deviations, self.faulty_deviations)

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
        check_free(table, "pair_weight", self.name)
        return {}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Add the column."""
        if context.epoch < self.warmup_epochs:
            return batches.with_new_columns(self.name, pair_weight=np.ones(batches.indices.size))
        return with_pair_weights(batches, self.verdicts(context.kept), self.name)

    def verdicts(self, kept: Kept) -> PairVerdicts:
        """Who is held down, and how far; before and after the warm-up alike."""
        losses = kept.read(self.statistic).values.astype(np.float64)
        return pair_verdicts(losses, ~np.isnan(losses), self.noisy_deviations, self.faulty_deviations)

"""Deal each row its exact share of an epoch, rounded down or up, in random order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.batches import Batches
from croupier.core.cumulative_weights import CumulativeWeights, cumulative_weights, weight_column
from croupier.core.key import Key
from croupier.core.shuffling import shuffled
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import checked_int
from croupier.kernels.mixing import draws_below

__all__ = ["SystematicWeighted"]

MOST_DRAWS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class SystematicWeighted:
    """Deal a row of share p exactly floor(M p) or ceil(M p) times in an epoch of M, spread over the whole epoch.

    Drawing with replacement misses 37 % of the rows of an epoch at equal weights and deals others four times; this
    deals each once. It is the choice wherever the weights say how often a row should come.

    Parameters
    ----------
    weight : str
        The column of weights: finite, 0 or more, one of them above 0.
    epoch_samples : int, optional
        M, up to 2**31 - 1; by default as many as the table has rows.

    Adds columns ``probability`` (p of this id) and ``importance_weight`` (1 / (rows x p), over rows of weight above 0).

    Guarantees: the counts; their means over epochs are exactly M p; draws computed from their position alone.
    Not guaranteed: which rows get the extra draw is not independent between rows that stand together in the table.
    Prepares 8 to 12 bytes a row.

    Source: systematic sampling with unequal probabilities (Madow, "On the theory of systematic sampling, II", 1949),
    in integers: draw k falls on point floor((k T + u) / M) of T, under a computed permutation of k.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(weight=[1.0, 2.0, 5.0])
    >>> plan = cr.chain(SystematicWeighted(epoch_samples=16), cr.FixedSize(8))
    >>> np.bincount(np.concatenate([deal.ids for deal in cr.Dealer(plan, table, seed=0)])).tolist()
    [2, 4, 10]
    """

    weight: str = "weight"
    epoch_samples: int | None = None
    name: str = "systematic_weighted"

    def __post_init__(self) -> None:
        if self.epoch_samples is not None:
            epoch_samples = checked_int(
                "epoch_samples", self.epoch_samples, at_least=1, at_most=MOST_DRAWS, fix="pass None for one draw a row"
            )
            object.__setattr__(self, "epoch_samples", epoch_samples)

    @property
    def prepared_per_epoch(self) -> bool:
        """The weights hold for the run."""
        return False

    def epoch_size(self, table: Table, epoch: int) -> int:
        """The draws of an epoch."""
        if self.epoch_samples is not None:
            return self.epoch_samples
        return checked_int(
            "epoch_samples", table.size, at_least=1, at_most=MOST_DRAWS, fix="pass epoch_samples for so large a table"
        )

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """Running sums of the weights, and a guide to search them by."""
        return {"sums": cumulative_weights(weight_column(table, self.weight), self.weight)}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        sums: CumulativeWeights = context.prepared["sums"]
        draws = self.epoch_size(context.table, context.epoch)
        start = int(draws_below(context.epoch_key.child("start").bits, np.array([0]), np.array([sums.total]))[0])
        place = shuffled(batches.indices, draws, context.epoch_key)
        # floor((place * total + start) / draws), in parts that stay below 2**63
        step, rest = divmod(sums.total, draws)
        ids, probability = sums.rows_at(place * step + (place * rest + start) // draws)
        return batches.with_indices(ids, **sums.draw_columns(probability))

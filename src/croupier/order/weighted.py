"""Draw rows with replacement, in proportion to a column of weights."""

from __future__ import annotations

from dataclasses import dataclass

from croupier.core.batches import Batches
from croupier.core.cumulative_weights import CumulativeWeights, cumulative_weights, weight_column
from croupier.core.key import Key
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import checked_int

__all__ = ["Weighted"]


@dataclass(frozen=True, slots=True)
class Weighted:
    """Draw with replacement: what WeightedRandomSampler does, on any number of ranks and rows.

    Parameters
    ----------
    weight : str
        The column of weights: finite, 0 or more, one of them above 0; they need not sum to 1. A row of weight 0 is
        never dealt. A memory-mapped column stays where it is.
    epoch_samples : int, optional
        Draws in an epoch; by default as many as the table has rows.

    Adds columns ``probability`` (of this id in one draw) and ``importance_weight`` (1 / (rows x probability), over the
    rows of positive weight: multiply the loss by it, and its mean estimates that of uniform sampling without bias).

    Guarantees: each draw is computed from its position alone, so that any part of an epoch is there at once, on any
    rank; weights are quantised once, to integers of 62 bits in all, so that the same rows are drawn everywhere.
    Prepares 8 to 12 bytes a row. For exact counts instead of random ones see :class:`SystematicWeighted`; for
    weights that change while training, :class:`LiveWeighted`.

    Source: inversion with an indexed search (Chen and Asau, 1974), see ``kernels/cumulative.py``.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(weight=[0.0, 1.0, 3.0])
    >>> deal = cr.Dealer(cr.chain(Weighted("weight"), cr.FixedSize(3)), table, seed=0).first()
    >>> deal.ids.tolist(), deal.columns["probability"].tolist()
    ([2, 1, 2], [0.75, 0.25, 0.75])
    """

    weight: str = "weight"
    epoch_samples: int | None = None
    name: str = "weighted"

    def __post_init__(self) -> None:
        if self.epoch_samples is not None:
            epoch_samples = checked_int(
                "epoch_samples", self.epoch_samples, at_least=1, fix="pass None for one draw a row"
            )
            object.__setattr__(self, "epoch_samples", epoch_samples)

    @property
    def prepared_per_epoch(self) -> bool:
        """The weights hold for the run."""
        return False

    def epoch_size(self, table: Table, epoch: int) -> int:
        """The draws of an epoch."""
        return table.size if self.epoch_samples is None else self.epoch_samples

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """Running sums of the weights, and a guide to search them by."""
        return {"sums": cumulative_weights(weight_column(table, self.weight), self.weight)}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        sums: CumulativeWeights = context.prepared["sums"]
        return sums.draw(batches, context.epoch_key)

"""Draw rows by weights that training changes as it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.cumulative_weights import CumulativeWeights, check_weights, cumulative_weights, weight_column
from croupier.core.key import Key
from croupier.core.stage import Context, Learned, Observation, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int, checked_path

__all__ = ["LiveWeighted"]

NEVER_SET = -1.0


@dataclass(frozen=True, slots=True)
class LiveWeighted:
    """Draw with replacement, in proportion to weights that ``loader.observe(new_weights)`` sets for the ids of a batch.

    For weights of any rule of your own: pass rates, novelty, uncertainty. (For losses see :class:`LossWeighted`.)

    Parameters
    ----------
    weight : str, optional
        The column of weights to begin with; without it all rows begin at 1.
    epoch_samples : int, optional
        Draws in an epoch; by default as many as the table has rows.
    artefact : path, optional
        A folder of this run's own that holds the weights as a mapped file with a journal. Without it they are part of
        every checkpoint: 4 bytes a row.

    Adds columns ``probability``, ``importance_weight`` (1 / (rows x probability), over rows of positive weight) and
    ``score_version`` (the segments whose new weights the draw knew).

    Guarantees: what was set in segment s counts from segment s + 2 on, on every rank and at any prefetch depth. Where a
    row was dealt more than once in a segment, the last weight set counts. A row set to 0 is not drawn again; at least
    one weight must stay above 0. A segment costs a few passes over all rows for the new running sums: 0.1 s at 10^7
    rows, so choose ``segment_ids`` accordingly.

    Source: as :class:`Weighted`; the rule of two segments is in ARCHITECTURE.md, "Feedback".

    Examples
    --------
    >>> import croupier as cr
    >>> dealer = cr.Dealer(cr.chain(LiveWeighted(), cr.FixedSize(4), segment_ids=8), cr.Table(size=8), seed=0)
    >>> for epoch in range(3):
    ...     for deal in dealer:
    ...         dealer.observe(deal, [0.0 if i else 1.0 for i in deal])    # keep row 0 alone
    >>> sorted(set(dealer.first())) == list(range(8))
    False
    """

    weight: str | None = None
    epoch_samples: int | None = None
    artefact: str | PathLike[str] | None = field(default=None, metadata={"fingerprint": False})
    name: str = "live_weighted"

    def __post_init__(self) -> None:
        if self.artefact is not None:
            checked_path("artefact", self.artefact, fix="pass a folder, or None to keep scores in the state")
        if self.epoch_samples is not None:
            epoch_samples = checked_int(
                "epoch_samples", self.epoch_samples, at_least=1, fix="pass None for one draw a row"
            )
            object.__setattr__(self, "epoch_samples", epoch_samples)

    @property
    def initial_score(self) -> float:
        """Below any weight: this row's weight was never set."""
        return NEVER_SET

    def epoch_size(self, table: Table, epoch: int) -> int:
        """The draws of an epoch."""
        return table.size if self.epoch_samples is None else self.epoch_samples

    @property
    def prepared_per_epoch(self) -> bool:
        """The first weights are checked once."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """Refuse a column of weights that cannot be drawn from; derives nothing."""
        if self.weight is not None:
            check_weights(weight_column(table, self.weight), self.weight)
        return {}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        learned: Learned = context.learned
        sums = self._sums(context.table, learned.values)
        version = np.full(batches.indices.size, learned.version, dtype=np.int64)
        return sums.draw(batches, context.epoch_key).with_columns(score_version=version)

    def check_signal(self, signal: npt.NDArray[np.float32]) -> None:
        """Refuse negative weights."""
        if signal.size and signal.min() < 0:
            raise BadArgument("signal", "be weights >= 0", float(signal.min()), "set 0 to leave a row out")

    def observe(self, scores: npt.NDArray[np.float32], indices: Int64, signal: npt.NDArray[np.float32]) -> Observation:
        """The last weight set for each id."""
        return Observation.last_of(indices, signal)

    def _sums(self, table: Table, scores: npt.NDArray[np.float32]) -> CumulativeWeights:
        initial = np.float32(1.0) if self.weight is None else table.column(self.weight)
        return cumulative_weights(np.where(scores >= 0, scores, initial), self.weight or "live weights")

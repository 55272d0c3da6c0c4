"""Draw examples in proportion to the last loss that training reported for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from os import PathLike

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.cumulative_weights import from_whole_weights
from croupier.core.stage import Context, Learned, Observation
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_fraction, checked_path, checked_real, keep_plain_numbers

__all__ = ["LossWeighted"]

RESOLUTION = 2**20
"""Weights are integers: one unit of loss is this many."""
LARGEST_LOSS = 2.0**12
LARGEST_BITS = 62


@dataclass(frozen=True, slots=True)
class LossWeighted:
    """Draw with replacement, with probability proportional to the last observed loss, mixed with a uniform share.

    Report losses with ``loader.observe(losses)``; one above 4096 counts as 4096. What was observed in segment s counts
    from segment s + 2 on, on every rank and at any prefetch depth.

    Parameters
    ----------
    uniform_share : float in (0, 1]
        This part of the draws is uniform, so no example is ever lost and no importance weight exceeds its inverse.
    initial_loss : float
        What an example counts as before it was observed: high explores first.
    artefact : path, optional
        A folder of this run's own that holds the losses as a mapped file with a journal. Without it they are part of
        every checkpoint: 4 bytes a row.

    Adds columns ``probability`` (of this draw of this id), ``importance_weight`` (1 / (rows x probability): multiply
    the loss by it and its mean is unbiased, whatever the lag) and ``score_version`` (the segments whose observations
    the draw knew).

    Guarantees: an epoch has as many draws as the table rows; draws decided by integers, the same on every platform;
    a plan costs O(rows) time for the running sum of the weights.

    Source: loss-proportional importance sampling with a defensive uniform component (Hesterberg, "Weighted average
    importance sampling and defensive mixture distributions", 1995).

    Examples
    --------
    >>> import croupier as cr
    >>> deal = cr.Dealer(cr.chain(LossWeighted(), cr.FixedSize(4)), cr.Table(size=8), seed=0).first()
    >>> deal.columns["importance_weight"].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    uniform_share: float = 0.1
    initial_loss: float = 1.0
    artefact: str | PathLike[str] | None = field(default=None, metadata={"fingerprint": False})
    name: str = "loss_weighted"

    def __post_init__(self) -> None:
        if self.artefact is not None:
            checked_path("artefact", self.artefact, fix="pass a folder, or None to keep scores in the state")
        keep_plain_numbers(self)
        uniform_share = checked_fraction("uniform_share", self.uniform_share, fix="pass a share like 0.1")
        object.__setattr__(self, "uniform_share", uniform_share)
        rule, fix = f"be in [0, {LARGEST_LOSS:.0f}]", "pass a typical first loss"
        loss = checked_real("initial_loss", self.initial_loss, rule, at_least=0, at_most=LARGEST_LOSS, fix=fix)
        object.__setattr__(self, "initial_loss", loss)

    @property
    def initial_score(self) -> float:
        """The score of a row that was never observed."""
        return float(self.initial_loss)

    def epoch_size(self, table: Table, epoch: int) -> int:
        """As many draws as rows."""
        return table.size

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        learned: Learned = context.learned
        sums = from_whole_weights(_whole_weights(learned.values, self.uniform_share))
        version = np.full(batches.indices.size, learned.version, dtype=np.int64)
        return sums.draw(batches, context.epoch_key).with_columns(score_version=version)

    def check_signal(self, signal: npt.NDArray[np.float32]) -> None:
        """Refuse negative losses."""
        if signal.size and signal.min() < 0:
            raise BadArgument("signal", "be losses >= 0", float(signal.min()), "report a loss, not a log-likelihood")

    def observe(self, scores: npt.NDArray[np.float32], indices: Int64, signal: npt.NDArray[np.float32]) -> Observation:
        """The last loss of each id is its score."""
        return Observation.last_of(indices, signal)


def _whole_weights(losses: npt.NDArray[np.float32], uniform_share: float) -> Int64:
    """Integer weights: the quantised loss, plus the same constant for all that makes up the uniform share."""
    clipped = np.clip(losses.astype(np.float64), 0.0, LARGEST_LOSS)
    weights = np.rint(clipped * RESOLUTION).astype(np.int64)
    total = int(weights.sum())
    if uniform_share >= 1.0 or total == 0:
        return np.ones(losses.size, dtype=np.int64)
    # share = rows * c / (total + rows * c)
    constant = max(1, ceil(total * uniform_share / ((1.0 - uniform_share) * losses.size)))
    excess = (total + constant * losses.size).bit_length() - LARGEST_BITS
    # A bit more where there are too many, for the constant is rounded up.
    return weights + constant if excess <= 0 else (weights >> excess + 1) - (-constant >> excess + 1)

"""Train again on the mini-batches of highest loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from os import PathLike

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.ledger import Ledger
from croupier.core.policies import Tail
from croupier.core.shuffling import shuffled
from croupier.core.stage import Context, Learned, Observation
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_fraction, checked_int, checked_path, keep_plain_numbers
from croupier.kernels.mixing import draws

__all__ = ["HardBatches"]

NEVER_SEEN = -1.0
DIGITS = 26
"""Losses are compared as integers of so many binary digits, the largest's."""
MOST_ROWS_OF_A_BATCH = 2**24


@dataclass(frozen=True, slots=True)
class HardBatches:
    """Mini-batches that stay the same all through the run; after an epoch of all of them, epochs of the hardest.

    An order that makes its batches itself: ``chain(HardBatches(...))`` is a whole plan. Report the loss of each example
    with ``loader.observe(losses)``; what counts for a mini-batch is the mean of its examples' last losses. What was
    observed in segment s counts from segment s + 2 on, on every rank and at any prefetch depth.

    Parameters
    ----------
    batch_size : int
        Ids per batch: per rank under Lockstep, of the whole step under Balanced.
    delta : float in (0, 1]
        The part of the mini-batches that an epoch deals, rounded down; at least one.
    full_epochs : int
        Epochs that deal them all, before.
    artefact : path, optional
        A folder of this run's own that holds the losses as a mapped file with a journal. Without it they are part of
        every checkpoint: 4 bytes a row.

    The published code ranks all mini-batches once a round, deals the first ``int(delta x mini-batches)`` in the order
    of the data, and ranks anew. Its rounds are the epochs here. Two things differ, so that nothing depends on what is
    prefetched: an epoch of several segments chooses in each among a part of the mini-batches, the same part of the
    whole as the segment is of the epoch; and a choice knows the losses up to the segment before the last. Mini-batches
    that were never observed come first; with epochs of one segment nothing is known before the third, so choose
    ``segment_ids`` well below an epoch.

    Guarantees: no mini-batch twice in an epoch; within a segment they come in the order of the data, shuffled once for
    the run; what is left out is in the ledger. Who comes is decided by integers, ties by the hash of the epoch. The
    last mini-batch is filled up with the first rows. **Biased**: an epoch's mean is not that of the data, and nothing
    corrects it. A loss that noise keeps high is trained on to the end.

    Source: Sahayam, Zakkam and Jayaraman, "Can we learn better with hard samples?" (2023, arXiv 2304.03486), of which
    the abstract could be read, and the code of one of its authors, which settles the order.

    Examples
    --------
    >>> import croupier as cr
    >>> dealer = cr.Dealer(cr.chain(HardBatches(2, delta=0.5), segment_ids=2), cr.Table(size=8), seed=0)
    >>> for deal in dealer:
    ...     dealer.observe(deal, deal.ids)    # the higher the row, the harder
    ...     print(deal.ids.tolist())
    [6, 7]
    [4, 0]
    [2, 5]
    [3, 1]
    >>> [deal.ids.tolist() for deal in dealer]
    [[6, 7], [2, 5]]
    """

    batch_size: int
    delta: float
    full_epochs: int = 1
    artefact: str | PathLike[str] | None = field(default=None, metadata={"fingerprint": False})
    name: str = "hard_batches"

    def __post_init__(self) -> None:
        if self.artefact is not None:
            checked_path("artefact", self.artefact, fix="pass a folder, or None to keep scores in the state")
        keep_plain_numbers(self)
        batch_size = checked_int(
            "batch_size", self.batch_size, at_least=1, at_most=MOST_ROWS_OF_A_BATCH, fix="pass the ids of a mini-batch"
        )
        object.__setattr__(self, "batch_size", batch_size)
        delta = checked_fraction("delta", self.delta, fix="pass the part of the mini-batches to train on, like 0.5")
        object.__setattr__(self, "delta", delta)
        full_epochs = checked_int(
            "full_epochs", self.full_epochs, at_least=1, fix="losses must be seen once before any can be high"
        )
        object.__setattr__(self, "full_epochs", full_epochs)

    @property
    def tail(self) -> Tail:
        """The last batches of an epoch that do not fill a step become smaller ones."""
        return Tail.SHORT

    @property
    def may_repeat(self) -> bool:
        """The last mini-batch is filled up."""
        return True

    @property
    def initial_score(self) -> float:
        """Below any loss: this row was never observed."""
        return NEVER_SEEN

    def epoch_size(self, table: Table, epoch: int) -> int:
        """Whole mini-batches: all, then a part of them."""
        return self._dealt(table, epoch) * self.batch_size

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        every, dealt = self._dealt(context.table, 0), self._dealt(context.table, context.epoch)
        positions = batches.indices
        if dealt == every or not positions.size:
            return self._with_rows(batches, positions, context)
        first, after = int(positions[0]) // self.batch_size, int(positions[-1]) // self.batch_size + 1
        # Mini-batch j belongs to the turn floor(j x dealt / every) of the epoch: each turn has at least one.
        candidates = np.arange(-(-first * every // dealt), -(-after * every // dealt), dtype=np.int64)
        losses = self._losses(candidates, context)
        ties = draws(context.epoch_key.child("ties").bits, candidates)
        chosen = np.sort(candidates[np.lexsort((ties, -losses))[: after - first]])
        places = chosen[positions // self.batch_size - first] * self.batch_size + positions % self.batch_size
        easy = (candidates.size - chosen.size) * self.batch_size
        return self._with_rows(batches, places, context).with_ledger(
            Ledger.of(self.name, "left out: mini-batches of lower loss", easy)
        )

    def check_signal(self, signal: npt.NDArray[np.float32]) -> None:
        """Refuse negative losses."""
        if signal.size and signal.min() < 0:
            raise BadArgument("signal", "be losses >= 0", float(signal.min()), "report a loss, not a log-likelihood")

    def observe(self, scores: npt.NDArray[np.float32], indices: Int64, signal: npt.NDArray[np.float32]) -> Observation:
        """The last loss of each row counts."""
        return Observation.last_of(indices, signal)

    def _dealt(self, table: Table, epoch: int) -> int:
        every = -(-table.size // self.batch_size)
        if epoch < self.full_epochs:
            return every
        # As the decimal it is written as: 0.29 of 100 is 29.
        return max(1, int(Fraction(self.delta).limit_denominator(10**9) * every))

    def _losses(self, candidates: Int64, context: Context) -> Int64:
        """The sum of each one's last losses in whole numbers; above any other where one of its rows was never seen."""
        places = candidates[:, None] * self.batch_size + np.arange(self.batch_size)
        learned: Learned = context.learned
        known = learned.values[self._rows(places.ravel(), context)].astype(np.float64).reshape(places.shape)
        digits = DIGITS - int(np.frexp(known.max(initial=0.0))[1])
        sums = np.rint(np.ldexp(known, digits)).astype(np.int64).sum(axis=1)
        return np.where(known.min(axis=1) < 0, np.iinfo(np.int64).max, sums)

    def _with_rows(self, batches: Batches, places: Int64, context: Context) -> Batches:
        filled = Ledger.of(self.name, "repeated to fill a mini-batch", int((places >= context.table.size).sum()))
        return batches.with_indices(self._rows(places, context)).with_ledger(filled)

    def _rows(self, places: Int64, context: Context) -> Int64:
        return shuffled(places % context.table.size, context.table.size, context.key.child("batches"))

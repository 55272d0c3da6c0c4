"""Weigh down pairs whose contrastive loss stays too low or too high: Dynamic Bad Pair Mining."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from os import PathLike
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.facts import check_free
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.stage import Context, Learned, Observation, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int, checked_path, checked_positive, keep_plain_numbers
from croupier.feedback.counted_means import UNSEEN, counted_means, with_observed
from croupier.kernels.elementary import exponential

__all__ = ["BadPairs", "PairVerdicts", "check_deviations", "pair_verdicts", "with_pair_weights"]

Float64 = npt.NDArray[np.float64]

DIGITS = 26
"""Means are compared as integers of so many binary digits, the largest mean's."""


class PairVerdicts(NamedTuple):
    """What the losses of all pairs say of each: arrays of shape (rows,)."""

    weights: Float64
    """In [0, 1]: below 1 where the pair is held down."""
    is_noisy: npt.NDArray[np.bool_]
    """Its loss stays too low: what the two sides have in common is noise."""
    is_faulty: npt.NDArray[np.bool_]
    """Its loss stays too high: the two sides do not belong together."""
    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class BadPairs:
    """Give each pair a weight for its loss: 1, or close to 0 where its past losses are far from those of the others.

    Report the contrastive loss of each pair with ``loader.observe(losses)``, before it is weighed, and multiply the
    loss by the column ``pair_weight``. What was observed in segment s counts from segment s + 2 on, on every rank. The
    stage may stand anywhere after the order.

    Parameters
    ----------
    warmup_epochs : int
        Epochs in which losses are only collected and all weights are 1. The paper: 50 of 80.
    noisy_deviations, faulty_deviations : float
        Beta of the paper: a pair is held down below mean - noisy_deviations x deviation, or above
        mean + faulty_deviations x deviation.
    artefact : path, optional
        A folder of this run's own that holds the scores. Without it they are part of every checkpoint: 4 bytes a row.

    Adds the column ``pair_weight`` (float64, in [0, 1]). The ledger counts the ids dealt "held down as noisy" and
    "held down as faulty"; :meth:`verdicts` says it of all rows.

    What is kept of a pair is the mean of its losses in which the k-th weighs k, and their number
    (``counted_means.py``). The paper's statistic at epoch e is the same times (e + 1) / 2E, a factor that all pairs
    share, mean and deviation too, so the same pairs are held down; without it, a pair observed once less than others
    is not taken for a low one. A held-down pair weighs exp(-z**2 / 2), z its distance from the mean in deviations:
    the normal density over its peak. The published code multiplies by the density itself, which is above 1 near the
    mean of losses that hardly differ, and takes it at the present loss, in another scale than the mean; here it is that
    of the kept statistic, as the present loss is not known when a batch is dealt.

    Guarantees: no weight above 1; 1 for a pair not yet observed, and for all where losses do not differ. At most
    1 / (1 + beta**2) of the pairs are held down on either side (Cantelli's inequality), so one in ten as faulty by
    default: with one pair in twenty mismatched, 3 finds about half of them in the test's small training and 2 about
    three quarters. Who is held down is decided by integers. A plan costs O(rows) time.

    Raises
    ------
    BadTable
        A table column ``pair_weight``.

    Source: Lan et al., "Towards enhancing time series contrastive learning: a dynamic bad pair mining approach" (ICLR
    2024, arXiv 2302.03357), section 3, and its published code.

    Examples
    --------
    >>> import croupier as cr
    >>> stage = BadPairs(warmup_epochs=1)
    >>> losses = np.array([1.0, 1.25] * 12 + [9.0], np.float32)
    >>> seen = stage.observe(np.zeros(25, np.float32), np.arange(25), losses)
    >>> verdicts = stage.verdicts(seen.values)
    >>> np.flatnonzero(verdicts.is_faulty).tolist(), verdicts.weights[[0, 24]].round(5).tolist()
    ([24], [1.0, 1e-05])
    """

    warmup_epochs: int
    noisy_deviations: float = 2.0
    faulty_deviations: float = 3.0
    artefact: str | PathLike[str] | None = field(default=None, metadata={"fingerprint": False})
    name: str = "bad_pairs"

    def __post_init__(self) -> None:
        if self.artefact is not None:
            checked_path("artefact", self.artefact, fix="pass a folder, or None to keep scores in the state")
        keep_plain_numbers(self)
        warmup_epochs = checked_int(
            "warmup_epochs", self.warmup_epochs, at_least=1, fix="losses must be collected for an epoch first"
        )
        object.__setattr__(self, "warmup_epochs", warmup_epochs)
        check_deviations(self.noisy_deviations, self.faulty_deviations)

    @property
    def initial_score(self) -> float:
        """The score of a pair that was never observed."""
        return UNSEEN

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
        learned: Learned = context.learned
        return with_pair_weights(batches, self.verdicts(learned.values), self.name)

    def verdicts(self, scores: npt.NDArray[np.float32]) -> PairVerdicts:
        """Who is held down, and how far, by the scores of all rows; before and after the warm-up alike."""
        means, counts = counted_means(scores)
        return pair_verdicts(means, counts > 0, self.noisy_deviations, self.faulty_deviations)

    def check_signal(self, signal: npt.NDArray[np.float32]) -> None:
        """Refuse negative losses."""
        if signal.size and signal.min() < 0:
            raise BadArgument("signal", "be losses >= 0", float(signal.min()), "report each pair's contrastive loss")

    def observe(self, scores: npt.NDArray[np.float32], indices: Int64, signal: npt.NDArray[np.float32]) -> Observation:
        """Carry on the mean of each pair."""
        return with_observed(scores, indices, signal)


def check_deviations(noisy: float, faulty: float) -> None:
    """Refuse what is no number of deviations."""
    noisy = checked_positive("noisy_deviations", noisy, fix="the paper uses 2")
    faulty = checked_positive("faulty_deviations", faulty, fix="the paper uses 3")


def pair_verdicts(
    means: Float64, is_seen: npt.NDArray[np.bool_], noisy_deviations: float, faulty_deviations: float
) -> PairVerdicts:
    """Who is held down, and how far, by the mean loss of each pair that was seen."""
    seen = np.flatnonzero(is_seen)
    whole, unit = _as_integers(means[seen])
    mean, deviation = _mean_and_deviation(whole)
    away = whole - mean
    is_noisy, is_faulty = (np.zeros(means.size, dtype=np.bool_) for _ in range(2))
    is_noisy[seen] = away < -noisy_deviations * deviation
    is_faulty[seen] = away > faulty_deviations * deviation
    weights = np.ones(means.size)
    held = is_noisy[seen] | is_faulty[seen]
    weights[seen[held]] = exponential(-0.5 * (away[held] / deviation) ** 2)
    return PairVerdicts(weights, is_noisy, is_faulty, mean * unit, deviation * unit)


def with_pair_weights(batches: Batches, verdicts: PairVerdicts, stage: str) -> Batches:
    """Add the column of weights, and to the ledger how many were held down."""
    ids = batches.indices
    noisy = Ledger.of(stage, "held down as noisy", int(np.count_nonzero(verdicts.is_noisy[ids])))
    faulty = Ledger.of(stage, "held down as faulty", int(np.count_nonzero(verdicts.is_faulty[ids])))
    return batches.with_new_columns(stage, pair_weight=verdicts.weights[ids]).with_ledger(noisy, faulty)


def _as_integers(means: Float64) -> tuple[Int64, float]:
    """Means as integers of DIGITS binary digits, and what one of them is: a power of two, so nothing depends on it."""
    digits = DIGITS - int(np.frexp(np.abs(means).max(initial=0.0))[1])
    return np.rint(np.ldexp(means, digits)).astype(np.int64), math.ldexp(1.0, -digits)


def _mean_and_deviation(whole: Int64) -> tuple[float, float]:
    """The same bits on every platform, as the sums are of integers; squares in two halves, which cannot overflow."""
    if not whole.size:
        return 0.0, 0.0
    count, total, squares = whole.size, int(whole.sum()), whole * whole
    squared = (int((squares >> DIGITS).sum()) << DIGITS) + int((squares & ((1 << DIGITS) - 1)).sum())
    return total / count, math.sqrt(count * squared - total * total) / count

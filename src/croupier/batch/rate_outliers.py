"""Pairs whose lengths do not match: far more tokens for each second than others of their length have."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.ledger import Ledger
from croupier.core.policies import TooLong
from croupier.core.stage import Prepared
from croupier.core.table import Table, checked_lengths
from croupier.errors import BadArgument, BadTable, checked_kind, checked_positive

__all__ = ["RateOutliers"]

SAMPLE_ROWS = 2**20
ROWS_FOR_A_RATE = 1_000
MOST_RATES = 30
ONE = 2**20
"""Rates are integers: output for each input, in units of one in a million."""


@dataclass(frozen=True, slots=True)
class RateOutliers:
    """Find pairs with too much output for their input: a z-score of the rate, among inputs of similar length.

    Such pairs are usually wrong (a transcript of more than was said), and cost memory: one long output pads the whole
    batch. Too little output costs nothing and is kept.

    Parameters
    ----------
    max_z_score : float
        A pair whose rate (last length over first) is more standard deviations above the mean of its class of inputs
        is an outlier. The classes hold equally many rows, at least a thousand, at most thirty of them.
    too_long : TooLong
        ``DROP`` (default): leave it out, in the ledger. ``ALONE``: deal it in a bucket of its own kind.
        ``REFUSE``: raise before the run.

    Source: the z-score on tokens per second is NeMo's (``estimate_duration_bins_2d``); here it is computed in integers.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(frames=[100] * 50, tokens=[30, 31] * 24 + [32, 900])
    >>> plan = cr.chain(cr.Shuffle(), cr.LengthBuckets(4, length=("frames", "tokens"), outliers=RateOutliers()))
    >>> print(cr.preview(plan, table, seed=0).ledger)
    length_buckets: 1 ids dropped for its rate of tokens (900 tokens)
    """

    max_z_score: float = 4.0
    too_long: TooLong = TooLong.DROP

    def __post_init__(self) -> None:
        checked_kind("too_long", self.too_long, TooLong, fix="pass one of TooLong, say TooLong.REFUSE")
        object.__setattr__(self, "max_z_score", checked_positive("max_z_score", self.max_z_score, fix="pass 4.0, say"))
        if self.too_long not in (TooLong.DROP, TooLong.ALONE, TooLong.REFUSE):
            raise BadArgument(
                "too_long", "be TooLong.DROP, TooLong.ALONE or TooLong.REFUSE", self.too_long,
                "an outlier is not cut, it is wrong",
            )  # fmt: skip

    def prepare(self, table: Table, names: tuple[str, ...]) -> Prepared:
        """The classes of inputs, by their last input length, and the largest rate of each."""
        step = -(-table.size // SAMPLE_ROWS)
        inputs = checked_lengths(names[0], np.asarray(table.column(names[0])[::step]))
        rates = _rates(inputs, checked_lengths(names[-1], np.asarray(table.column(names[-1])[::step])))
        classes = min(MOST_RATES, max(1, inputs.size // ROWS_FOR_A_RATE))
        ends = np.unique(np.sort(inputs)[np.arange(1, classes + 1) * inputs.size // classes - 1])
        place = np.searchsorted(ends, inputs)
        limits = np.array([self._limit(rates[place == one]) for one in range(ends.size)], dtype=np.int64)
        if self.too_long is TooLong.REFUSE:
            self._refuse(table, names, {"rate_ends": ends, "rate_limits": limits})
        return {"rate_ends": ends, "rate_limits": limits}

    def find(self, lengths: Int64, prepared: Prepared) -> npt.NDArray[np.bool_]:
        """Which rows of lengths, shape (n, d), are outliers."""
        ends: Int64 = prepared["rate_ends"]
        limits: Int64 = prepared["rate_limits"]
        place = np.minimum(np.searchsorted(ends, lengths[:, 0]), ends.size - 1)
        return _rates(lengths[:, 0], lengths[:, -1]) > limits[place]

    def settle(self, batches: Batches, prepared: Prepared, names: tuple[str, ...], *, stage: str) -> Batches:
        """Leave outliers out, or write down that they are dealt apart."""
        lengths = np.stack([batches.columns[name] for name in names], axis=1)
        is_outlier = self.find(lengths, prepared)
        count, tokens = int(is_outlier.sum()), int(lengths[is_outlier, -1].sum())
        if self.too_long is TooLong.ALONE:
            return batches.with_ledger(Ledger.of(stage, f"dealt apart for its rate of {names[-1]}", count, tokens))
        return batches.without(is_outlier).with_ledger(
            Ledger.of(stage, f"dropped for its rate of {names[-1]}", count, tokens)
        )

    def _limit(self, rates: Int64) -> int:
        # Sums of Python integers: the same on every machine, which sums of floats are not.
        count = rates.size
        total, squares = sum(rates.tolist()), sum(rate * rate for rate in rates.tolist())
        deviation = isqrt(count * squares - total * total)
        z_numerator, z_denominator = float(self.max_z_score).as_integer_ratio()
        return min(2**62, (total * z_denominator + deviation * z_numerator) // (count * z_denominator))

    def _refuse(self, table: Table, names: tuple[str, ...], prepared: Prepared) -> None:
        lengths = np.stack([checked_lengths(name, np.asarray(table.column(name))) for name in names], axis=1)
        rows = np.flatnonzero(self.find(lengths, prepared))
        if rows.size:
            raise BadTable(
                names[-1],
                f"have no rate to {names[0]!r} above a z-score of {self.max_z_score}",
                f"{rows.size} rows that have, the first {lengths[rows[0]].tolist()} in row {rows[0]}",
                "mend the pairs, or pass RateOutliers(too_long=TooLong.DROP)",
            )


def _rates(inputs: Int64, outputs: Int64) -> Int64:
    return np.minimum(outputs, 2**40) * ONE // np.maximum(inputs, 1)

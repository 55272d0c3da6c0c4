"""Easy rows first, then more and more of them, then all."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.key import Key
from croupier.core.shuffling import shuffled
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable, checked_flag, checked_fraction, checked_int

__all__ = ["Curriculum", "Pacing"]

STAGES = 100
"""In how many steps the pool of rows grows. Part of the format."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """What fraction of the rows, the easiest, may be dealt after so many samples.

    Parameters
    ----------
    warmup_samples : int
        Samples after which all rows may be dealt.
    start_fraction : float in (0, 1]
        Of the rows, at the beginning.
    root : bool
        Grow with the square root of the samples, so that each row gets about the same time as the newest (default);
        else linearly.

    Source: Platanios et al., "Competence-based curriculum learning for neural machine translation" (NAACL 2019),
    equations 6 and 7.

    Examples
    --------
    >>> pacing = Pacing(warmup_samples=1000, start_fraction=0.1)
    >>> [round(pacing(samples), 3) for samples in (0, 250, 1000, 5000)]
    [0.1, 0.507, 1.0, 1.0]
    """

    warmup_samples: int
    start_fraction: float = 0.1
    root: bool = True

    def __post_init__(self) -> None:
        warmup_samples = checked_int(
            "warmup_samples", self.warmup_samples, at_least=1, fix="pass the samples until all rows are dealt"
        )
        object.__setattr__(self, "warmup_samples", warmup_samples)
        start_fraction = checked_fraction(
            "start_fraction", self.start_fraction, fix="pass the share of rows to begin with, like 0.1"
        )
        object.__setattr__(self, "start_fraction", start_fraction)
        object.__setattr__(self, "root", checked_flag("root", self.root, fix="pass False to grow linearly"))

    def __call__(self, samples: int) -> float:
        """The fraction after so many samples."""
        samples = checked_int("samples", samples, at_least=0, fix="pass the samples dealt so far")
        done = min(1.0, samples / self.warmup_samples)
        if self.root:
            return sqrt(self.start_fraction**2 + done * (1.0 - self.start_fraction**2))
        return self.start_fraction + done * (1.0 - self.start_fraction)


@dataclass(frozen=True, slots=True)
class Curriculum:
    """Deal from the easiest rows only, from more of them as training goes on, and from all after the warm-up.

    Parameters
    ----------
    score : str
        A column of difficulties: length, loss of a small model, rarity. Rows of one score keep the table's order.
    pacing : Pacing
        How the pool of rows grows, in 100 steps over the warm-up.
    hardest_first : bool
        Begin at the other end: anti-curriculum.

    Guarantees: until a step of the warm-up is over, a row comes again only once all of the pool has come; from the
    first whole epoch after the warm-up on, each id once an epoch. An epoch has as many samples as the table has rows.
    A stage that groups by length regroups within a segment: choose ``segment_ids`` well below the warm-up.
    Prepares 4 or 8 bytes a row, in one sort.

    Source: Bengio et al., "Curriculum learning" (ICML 2009); pacing as in :class:`Pacing`.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(length=[9, 1, 8, 2, 7, 3, 6, 4])
    >>> plan = cr.chain(Curriculum("length", Pacing(warmup_samples=8, start_fraction=0.25)), cr.FixedSize(2))
    >>> deals = list(cr.Dealer(plan, table, seed=0))
    >>> [int(table.column("length")[list(deal)].max()) for deal in deals]
    [4, 4, 8, 8]
    """

    score: str
    pacing: Pacing
    hardest_first: bool = False
    name: str = "curriculum"

    def __post_init__(self) -> None:
        if not isinstance(self.pacing, Pacing):
            raise BadArgument("pacing", "be a Pacing", self.pacing, "write Pacing(warmup_samples=100_000)")
        hardest_first = checked_flag("hardest_first", self.hardest_first, fix="pass True to begin at the other end")
        object.__setattr__(self, "hardest_first", hardest_first)

    @property
    def prepared_per_epoch(self) -> bool:
        """Difficulties hold for the run."""
        return False

    def epoch_size(self, table: Table, epoch: int) -> int:
        """All rows."""
        return table.size

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The rows from easy to hard; from which sample on which number of them is dealt."""
        scores = table.column(self.score)
        if self.score in table.categories or scores.ndim != 1:
            raise BadTable(self.score, "hold one number a row", f"shape {scores.shape}", "pass a difficulty a row")
        if scores.dtype.kind == "f" and np.isnan(scores).any():
            bad = int(np.flatnonzero(np.isnan(scores))[0])
            raise BadTable(self.score, "not be NaN", f"NaN in row {bad}", "give every row a difficulty")
        rows = np.argsort(scores[::-1] if self.hardest_first else scores, kind="stable")
        rows = table.size - 1 - rows[::-1] if self.hardest_first else rows
        warmup = self.pacing.warmup_samples
        starts = np.unique([stage * warmup // STAGES for stage in range(STAGES)])
        pools = [max(1, min(table.size, ceil(table.size * self.pacing(start)))) for start in starts.tolist()]
        return {
            "rows": rows.astype(np.int32 if table.size < 2**31 else np.int64),
            "starts": np.append(starts, warmup),
            "pools": np.array([*pools, table.size], dtype=np.int64),
        }

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        rows, starts, pools = (context.prepared[name] for name in ("rows", "starts", "pools"))
        size = context.table.size
        first = context.epoch * size
        if first >= self.pacing.warmup_samples:
            return batches.with_indices(rows[shuffled(batches.indices, size, context.epoch_key)].astype(np.int64))
        samples = batches.indices + first
        stages = np.searchsorted(starts, samples, side="right") - 1
        passes, places = np.divmod(samples - starts[stages], pools[stages])
        ranks: Int64 = np.empty_like(samples)
        for stage in np.unique(stages).tolist():
            for turn in np.unique(passes[stages == stage]).tolist():
                here = np.flatnonzero((stages == stage) & (passes == turn))
                pool_key = context.key.child("stage", stage, turn)
                ranks[here] = shuffled(places[here], int(pools[stage]), pool_key)
        return batches.with_indices(rows[ranks].astype(np.int64))

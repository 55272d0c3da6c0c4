"""What a run has kept of its examples, in a few numbers: how many were never seen, forgotten, never learnt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from croupier.core.keeping import Kept
from croupier.core.score_statistics import Count, Forgotten, Statistic
from croupier.errors import BadArgument
from croupier.feedback.score_store import ScoreStore

__all__ = ["ForgottenSummary", "ScoreSummary", "StatisticSummary", "score_summary"]

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class StatisticSummary:
    """A statistic over the rows that were observed: its mean, and least, quartiles and largest; None where none was."""

    statistic: Statistic
    mean: float | None
    levels: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class ForgottenSummary:
    """Rows by what became of them: never right, forgotten at least once, right from some time on ("unforgettable")."""

    statistic: Forgotten
    never_learnt: int
    forgotten: int
    unforgettable: int


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """What :func:`score_summary` counts; prints as a table."""

    rows: int
    version: int
    never_observed: dict[str, int]
    """By signal."""
    statistics: tuple[StatisticSummary | ForgottenSummary, ...]

    def __str__(self) -> str:
        lines = [f"{self.rows:,} rows at version {self.version}"]
        lines += [f"{signal}: {count:,} rows never observed" for signal, count in self.never_observed.items()]
        for part in self.statistics:
            if isinstance(part, ForgottenSummary):
                lines.append(
                    f"{part.statistic}: {part.forgotten:,} rows forgotten, {part.never_learnt:,} never learnt,"
                    f" {part.unforgettable:,} unforgettable"
                )
            elif part.levels is not None:
                levels = " ".join(f"{level:.4g}" for level in part.levels)
                lines.append(f"{part.statistic}: mean {part.mean:.4g}; least, quartiles, largest {levels}")
        return "\n".join(lines)


def score_summary(scores: Kept | ScoreStore) -> ScoreSummary:
    """Count what a run, a folder or a store has kept: ``kept_scores(dealer)``, ``ScoreStore.load(folder)``.

    Examples
    --------
    >>> store = ScoreStore(4, (Count(), Forgotten()))
    >>> for correct in ([1, 0], [0, 0], [1, 0]):
    ...     store.update([0, 1], {"loss": [0.5, 2.0], "correct": correct})
    >>> print(score_summary(store))
    4 rows at version 0
    loss: 2 rows never observed
    correct: 2 rows never observed
    Count(signal='loss'): mean 3; least, quartiles, largest 3 3 3 3 3
    Forgotten(signal='correct'): 1 rows forgotten, 1 never learnt, 0 unforgettable
    """
    if not isinstance(scores, (ScoreStore, Kept)):
        raise BadArgument("scores", "be a ScoreStore, or what kept_scores gave", scores, "pass kept_scores(dealer)")
    kept = scores.kept if isinstance(scores, ScoreStore) else scores
    signals = dict.fromkeys(statistic.signal for statistic in kept.statistics)
    counts = {signal: kept.read(Count(signal)).values for signal in signals}
    never = {signal: int(np.count_nonzero(values == 0)) for signal, values in counts.items()}
    parts = tuple(_summary(kept, statistic, counts[statistic.signal] > 0) for statistic in kept.statistics)
    return ScoreSummary(kept.rows, kept.version, never, parts)


def _summary(
    kept: Kept, statistic: Statistic, is_seen: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> StatisticSummary | ForgottenSummary:
    values = kept.read(statistic).values[is_seen]
    if isinstance(statistic, Forgotten):
        never, forgotten = np.isinf(values), (values > 0) & np.isfinite(values)
        return ForgottenSummary(
            statistic, int(never.sum()), int(forgotten.sum()), int(values.size - never.sum() - forgotten.sum())
        )
    if not values.size:
        return StatisticSummary(statistic, None, None)
    levels = np.quantile(values, LEVELS).tolist()
    return StatisticSummary(statistic, float(values.mean(dtype=np.float64)), tuple(levels))

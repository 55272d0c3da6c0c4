"""Which of the nearest items serve as hard negatives: ranks, scores, margins, how many, which ones."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.key import Key
from croupier.errors import BadArgument, checked_int, keep_plain_numbers
from croupier.kernels.mixing import GOLDEN, draws, mix64

__all__ = ["Hardest", "MiningRules", "RandomOfWindow", "RankWindow", "ScoreLimits"]

LARGEST = 1e38
"""Comparisons are in float32."""

Bools = npt.NDArray[np.bool_]

WIDER = 10
"""Where filters take some away, so many candidates are looked at for each negative, as mine_hard_negatives does."""


@dataclass(frozen=True, slots=True)
class RankWindow:
    """Candidates from rank ``range_min`` to before ``range_max``, counted after the filters; 0 is the hardest.

    Parameters
    ----------
    range_min : int
        So many of the hardest are passed over: they may be positives that nobody labelled.
    range_max : int, optional
        By default ``range_min`` + negatives wanted, ten times as many where a filter may take some away, + the largest
        number of positives of a query.
    """

    range_min: int = 0
    range_max: int | None = None

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        range_min = checked_int("range_min", self.range_min, at_least=0, fix="pass 0 to begin with the hardest")
        object.__setattr__(self, "range_min", range_min)
        if self.range_max is not None:
            least = self.range_min + 1
            range_max = checked_int(
                "range_max", self.range_max, at_least=least, fix="it is the rank after the last one"
            )
            object.__setattr__(self, "range_max", range_max)


@dataclass(frozen=True, slots=True)
class ScoreLimits:
    """Filters against false negatives, and against easy ones; each is off by default.

    Parameters
    ----------
    max_score, min_score : float, optional
        Candidates that score higher, or lower, are left out.
    absolute_margin : float, optional
        Left out: score + margin > the score of the positive.
    relative_margin : float, optional
        Left out: score > positive - margin * abs(positive). 0.05 is the published choice for it.

    The positive is the one that scores lowest, where a query has several. All comparisons are in float32.

    Source: Moreira and others, "NV-Retriever: Improving text embedding models with effective hard-negative mining",
    2024, section 3.2 (TopK-MarginPos, TopK-PercPos).
    """

    max_score: float | None = None
    min_score: float | None = None
    absolute_margin: float | None = None
    relative_margin: float | None = None

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        for argument in ("max_score", "min_score", "absolute_margin", "relative_margin"):
            value = getattr(self, argument)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if value is not None and not (is_number and abs(value) < LARGEST):
                raise BadArgument(argument, "be a finite number, or None", value, "leave it out to switch it off")

    @property
    def has_margin(self) -> bool:
        """Whether the positive's score is asked for."""
        return self.absolute_margin is not None or self.relative_margin is not None

    def left_out(self, scores: npt.NDArray[np.float32], positive: npt.NDArray[np.float32]) -> dict[str, Bools]:
        """For each filter that is on, in the order they are counted: which candidates it takes, shape (n, width)."""
        wanted = positive[:, None]
        found: dict[str, Bools] = {}
        if self.absolute_margin is not None:
            found["absolute_margin"] = scores + np.float32(self.absolute_margin) > wanted
        if self.relative_margin is not None:
            found["relative_margin"] = scores > wanted - np.abs(wanted) * np.float32(self.relative_margin)
        if self.max_score is not None:
            found["max_score"] = scores > np.float32(self.max_score)
        if self.min_score is not None:
            found["min_score"] = scores < np.float32(self.min_score)
        return found


@dataclass(frozen=True, slots=True)
class Hardest:
    """Of the window, those that score highest."""

    def chosen(self, in_window: Bools, query_ids: Int64, items: Int64, count: int) -> Bools:
        """Those of the candidates ``in_window``, by score descending, that are taken."""
        return in_window & (np.cumsum(in_window, axis=1) <= count)


@dataclass(frozen=True, slots=True)
class RandomOfWindow:
    """Of the window, a random choice, each as likely as the other, without replacement.

    Parameters
    ----------
    seed : int
        What a query gets is a hash of the seed, its id and the items: other queries change nothing.
    """

    seed: int = 0

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        object.__setattr__(self, "seed", checked_int("seed", self.seed, at_least=0, fix="pass 0, say"))

    def chosen(self, in_window: Bools, query_ids: Int64, items: Int64, count: int) -> Bools:
        """Those of the candidates ``in_window`` that are taken."""
        of_query = draws(Key(self.seed).child("mining").bits, query_ids)
        with np.errstate(over="ignore"):
            lots = mix64(of_query[:, None] + (items.astype(np.uint64) + np.uint64(1)) * GOLDEN)
        lots[~in_window] = np.uint64(2**64 - 1)
        taken = np.argsort(lots, axis=1, kind="stable")[:, :count]
        is_taken = np.zeros_like(in_window)
        np.put_along_axis(is_taken, taken, values=True, axis=1)
        return is_taken & in_window


@dataclass(frozen=True, slots=True)
class MiningRules:
    """How many negatives a query gets, and which.

    Parameters
    ----------
    per_query : int
        Negatives a query; fewer where the window holds fewer.
    window : RankWindow
    limits : ScoreLimits
    choice : Hardest or RandomOfWindow
    cosine : bool
        Scores are cosines, so embeddings must have length 1: anything else is refused, nothing is normalised.
        ``False``: inner products of any embeddings.

    Examples
    --------
    >>> rules = MiningRules(5, RankWindow(10, 50), ScoreLimits(relative_margin=0.05), RandomOfWindow(seed=1))
    >>> rules.ranks(most_positives=1, is_rescored=False), MiningRules(3).ranks(most_positives=1, is_rescored=False)
    (50, 4)
    """

    per_query: int = 3
    window: RankWindow = field(default_factory=RankWindow)
    limits: ScoreLimits = field(default_factory=ScoreLimits)
    choice: Hardest | RandomOfWindow = field(default_factory=Hardest)
    cosine: bool = True

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        per_query = checked_int("per_query", self.per_query, at_least=1, fix="pass the number of negatives a query")
        object.__setattr__(self, "per_query", per_query)
        kinds = {"window": RankWindow, "limits": ScoreLimits, "choice": (Hardest, RandomOfWindow), "cosine": bool}
        for argument, kind in kinds.items():
            value = getattr(self, argument)
            if not isinstance(value, kind):
                names = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
                raise BadArgument(argument, f"be {names}", value, f"pass {names.split(' ', maxsplit=1)[0]}(...), say")
        end = self.window.range_max
        if end is not None and end - self.window.range_min < self.per_query:
            what = f"{self.window.range_min} .. {end} for {self.per_query}"
            raise BadArgument("window", "have a rank for each negative", what, "raise range_max or want fewer")

    def ranks(self, *, most_positives: int, is_rescored: bool) -> int:
        """The rank after the last of the window."""
        if self.window.range_max is not None:
            return self.window.range_max
        is_filtered = self.limits.has_margin or self.limits.max_score is not None or is_rescored
        return self.window.range_min + self.per_query * (WIDER if is_filtered else 1) + most_positives

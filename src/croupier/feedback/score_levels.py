"""Scores as integers of few values, and how much of a uniform share keeps draws by them worth their number."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64

__all__ = ["PARTS", "ScoreLevels", "effective_share", "least_uniform_parts", "level_weights", "score_levels"]

PARTS = 1024
"""A uniform share is so many parts of the draws."""
_DROPPED_BITS = 13
"""Of the 23 bits after the point of a float32: ten are kept."""
_OCTAVE = 1 << (23 - _DROPPED_BITS)
_MOST_DIGITS = 30
_ONE = 1 << 62


class ScoreLevels(NamedTuple):
    """Scores rounded down to eleven binary digits: few values, each of many rows.

    ``levels`` uint32 of shape (rows,) says which value each row has; ``whole`` int64 of shape (values,) what it is in
    units of ``unit``, a power of two; ``counts`` int64 of shape (values,) how many rows have it.
    """

    levels: npt.NDArray[np.uint32]
    whole: Int64
    counts: Int64
    unit: float

    @property
    def total(self) -> int:
        """The sum of all scores, in units."""
        return int((self.whole * self.counts).sum())


def score_levels(scores: npt.NDArray[np.float32]) -> ScoreLevels:
    """The levels of finite scores >= 0, float32 of shape (rows,), at least one and fewer than 2**31 rows.

    Guarantees: a score is rounded down by less than one part in a thousand; one below 2**-29 of the largest (2**-20 for
    a billion rows) may count as 0; the sum of all is below 2**51.

    Examples
    --------
    >>> found = score_levels(np.array([4.0, 0.0, 1.0, 4.001], np.float32))
    >>> (found.whole[found.levels] * found.unit).tolist(), found.total * found.unit
    ([4.0, 0.0, 1.0, 4.0], 9.0)
    """
    digits = min(_MOST_DIGITS, 51 - scores.size.bit_length())
    largest = float(scores.max())
    exponent = math.frexp(largest)[1]
    bits = np.ascontiguousarray(scores, dtype=np.float32).view(np.uint32) >> np.uint32(_DROPPED_BITS)
    top = int(bits.max())
    last = min(top, (digits + 2) * _OCTAVE)
    levels = np.minimum(np.uint32(top) - bits, np.uint32(last))
    kept = np.arange(top, top - last - 1, -1, dtype=np.int64).astype(np.uint32) << np.uint32(_DROPPED_BITS)
    whole = np.rint(np.ldexp(kept.view(np.float32).astype(np.float64), digits - exponent)).astype(np.int64)
    return ScoreLevels(levels, whole, np.bincount(levels, minlength=last + 1), math.ldexp(1.0, exponent - digits))


def level_weights(found: ScoreLevels, parts: int) -> Int64:
    """The weight of each level, so that ``parts`` of PARTS draws are uniform: its score plus the same for all.

    Guarantees: every weight is 1 or more, their sum over the rows below 2**62; all are 1 where all scores are 0.

    Examples
    --------
    >>> found = score_levels(np.array([3.0, 1.0], np.float32))
    >>> weights = level_weights(found, PARTS // 2)[found.levels]
    >>> (weights / weights.sum()).tolist()
    [0.625, 0.375]
    """
    total = found.total
    if parts >= PARTS or total == 0:
        return np.ones_like(found.whole)
    # share = rows * c / (total + rows * c)
    return found.whole + max(1, -(-total * parts // ((PARTS - parts) * int(found.counts.sum()))))


def effective_share(weights: Int64, counts: Int64) -> Fraction:
    """Of draws in proportion to the weights: how many uniform ones they are worth by their importance weights, each.

    With p the probability of a row, an importance weight is 1 / (rows p), its mean 1 and its mean square
    sum(1 / p) / rows**2; so (sum w)**2 / sum w**2 over the draws is on average their number times
    rows**2 / sum(1 / p). Rounded up by less than one part in 2**20, to no more than 1.

    Examples
    --------
    >>> float(effective_share(np.array([3, 1]), np.array([1, 1])))
    0.75
    """
    held = counts > 0
    weights, counts = weights[held], counts[held]
    inverses = _ONE // weights
    # In two halves, which cannot overflow.
    high, low = inverses >> 31, inverses & ((1 << 31) - 1)
    inverse = (int((high * counts).sum()) << 31) + int((low * counts).sum())
    return min(Fraction(1), Fraction(int(counts.sum()) ** 2 * _ONE, int((weights * counts).sum()) * inverse))


def least_uniform_parts(found: ScoreLevels, least: int, share: Fraction) -> int:
    """The smallest uniform share, of ``least`` parts or more, at which draws are worth ``share`` of uniform ones.

    More of a uniform share never makes them worth less: sum(1 / p) is convex in it, and least where all p are equal.

    Examples
    --------
    >>> found = score_levels(np.array([1000.0, 1.0, 1.0, 1.0], np.float32))
    >>> least_uniform_parts(found, 0, Fraction(1, 2)) / PARTS
    0.390625
    """
    low, high = least, PARTS
    while low < high:
        middle = (low + high) // 2
        if effective_share(level_weights(found, middle), found.counts) >= share:
            high = middle
        else:
            low = middle + 1
    return low

"""Choose some of a few candidates by weights: with replacement, or none twice with stated probabilities."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.key import Key
from croupier.core.shuffling import shuffled
from croupier.feedback.score_levels import PARTS
from croupier.kernels.mixing import draws_below

__all__ = ["Choice", "chosen_once", "chosen_with_replacement"]

Float32 = npt.NDArray[np.float32]


class Choice(NamedTuple):
    """Places of the candidates chosen, int64 of shape (k,), and a probability for each, float64 of shape (k,)."""

    places: Int64
    probability: npt.NDArray[np.float64]


def chosen_with_replacement(scores: Float32, count: int, uniform_parts: int, key: Key) -> Choice:
    """Draw ``count`` times in proportion to the scores, ``uniform_parts`` of 1,024 uniformly.

    ``probability`` is that of the place in one draw.

    Examples
    --------
    >>> choice = chosen_with_replacement(np.array([1, 3], np.float32), 4, 0, Key(0))
    >>> choice.places.tolist(), choice.probability.tolist()
    ([1, 0, 1, 1], [0.75, 0.25, 0.75, 0.75])
    """
    weights = _weights(scores, uniform_parts)
    running = np.cumsum(weights)
    total = int(running[-1])
    points = draws_below(key.bits, np.arange(count, dtype=np.int64), np.full(count, total, dtype=np.int64))
    places = np.searchsorted(running, points, side="right")
    return Choice(places, weights[places] / total)


def chosen_once(scores: Float32, count: int, uniform_parts: int, key: Key) -> Choice:
    """Choose ``count`` different places, each with a probability in proportion to its score, or with certainty.

    ``probability`` is that of the place being among them: ``count * weight / sum of weights``, where that is below 1.
    What would be above is certain, and the others share what is left. Systematic draws of the candidates in random
    order (Madow, "On the theory of systematic sampling, II", 1949), in integers, so the probabilities hold exactly.
    Where too few have a weight above 0, the first ones of weight 0 make up the number.

    Examples
    --------
    >>> choice = chosen_once(np.array([9, 1, 1, 1, 1], np.float32), 3, 0, Key(0))
    >>> choice.places.tolist(), choice.probability.tolist()
    ([0, 2, 4], [1.0, 0.5, 0.5])
    """
    weights = _weights(scores, uniform_parts)
    count = min(count, weights.size)
    order = shuffled(np.arange(weights.size, dtype=np.int64), weights.size, key.child("order"))
    certain, rest = _certain(weights, count)
    left = count - int(certain.sum())
    probability = np.ones(weights.size)
    taken = certain.copy()
    if left:
        # A candidate is a stretch of left x weight points; the draws stand one total apart, so they meet each once.
        steps = np.where(certain, 0, weights)[order]
        ends = np.cumsum(left * steps)
        start = int(draws_below(key.child("start").bits, np.zeros(1, np.int64), np.array([rest]))[0])
        taken[order[np.searchsorted(ends, start + rest * np.arange(left, dtype=np.int64), side="right")]] = True
        probability = np.where(certain, 1.0, left * weights / rest)
    places = np.flatnonzero(taken)
    return Choice(places, probability[places])


def _weights(scores: Float32, uniform_parts: int) -> Int64:
    """Whole weights, none of a positive score 0, small enough that 2**20 times their sum is below 2**62."""
    largest = float(scores.max())
    if largest == 0 or uniform_parts >= PARTS:
        return np.ones(scores.size, dtype=np.int64)
    digits = 40 - scores.size.bit_length() - math.frexp(largest)[1]
    weights = np.rint(np.ldexp(scores.astype(np.float64), digits)).astype(np.int64)
    if uniform_parts:
        # share = candidates * c / (total + candidates * c)
        weights += -(-int(weights.sum()) * uniform_parts // ((PARTS - uniform_parts) * scores.size))
    excess = max(0, int(weights.sum()).bit_length() - 41)
    return np.maximum(weights >> excess, (scores > 0) | (uniform_parts > 0))


def _certain(weights: Int64, count: int) -> tuple[npt.NDArray[np.bool_], int]:
    """Who is certain, and the sum of the others' weights: heaviest first, until none is owed a whole draw."""
    heaviest = np.argsort(-weights, kind="stable")
    certain = np.zeros(weights.size, dtype=np.bool_)
    rest, left = int(weights.sum()), count
    for place in heaviest.tolist():
        weight = int(weights[place])
        if left == 0 or (left * weight < rest and rest > 0):
            break
        certain[place] = True
        rest, left = rest - weight, left - 1
    return certain, rest

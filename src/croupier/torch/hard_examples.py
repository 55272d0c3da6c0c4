"""Train on some of a batch of candidates: the hardest, or a sample of them that can be weighed back."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import numpy as np
import numpy.typing as npt
import torch

from croupier.core.key import Key, checked_key
from croupier.errors import BadArgument, checked_flag, checked_fraction, checked_int, checked_real
from croupier.feedback.choosing import Choice, chosen_once, chosen_with_replacement
from croupier.feedback.score_levels import PARTS
from croupier.kernels.elementary import power
from croupier.torch.dense_tensors import on_host

__all__ = ["BiasedChoice", "WeightedChoice", "hardest", "importance_sample", "percentile_sample"]

Float32 = npt.NDArray[np.float32]
LARGEST = 2.0**64


@dataclass(frozen=True, slots=True, eq=False)
class BiasedChoice:
    """Some of a batch's candidates, chosen by a rule that no weight can undo: others had no chance at all.

    ``places`` int64 of shape (k,), rising, on the device of the losses; ``candidates`` how many there were.
    """

    places: torch.Tensor
    candidates: int


@dataclass(frozen=True, slots=True, eq=False)
class WeightedChoice:
    """Some of a batch's candidates, with weights: the mean of weights x losses estimates the mean of all candidates.

    ``places`` int64, ``weights`` float32, both of shape (k,) and on the device of the scores; ``probability`` float64
    of shape (k,) on the host: that of each draw, with replacement, else that of being chosen; ``candidates`` their
    number.
    """

    places: torch.Tensor
    weights: torch.Tensor
    probability: torch.Tensor
    candidates: int


def hardest(losses: torch.Tensor, count: int) -> BiasedChoice:
    """The ``count`` candidates of highest loss: online hard example mining. **Biased**, by design.

    Parameters
    ----------
    losses : Tensor of shape (n,)
        Of a forward pass over the candidates, without gradients. Examples that overlap (regions of one image) are for
        the caller to thin out before, as the paper does.
    count : int
        How many to train on; all where there are fewer.

    Ties go to the candidate that comes first.

    Source: Shrivastava, Gupta and Girshick, "Training region-based object detectors with online hard example mining"
    (2016), section 4; described from memory, the paper could not be read here.

    Examples
    --------
    >>> hardest(torch.tensor([0.1, 2.0, 0.5, 2.0]), 2).places.tolist()
    [1, 3]
    """
    values = _scores("losses", losses, least=-LARGEST)
    order = np.argsort(-values, kind="stable")[: _count(count)]
    return BiasedChoice(torch.as_tensor(np.sort(order)).to(losses.device), values.size)


def percentile_sample(losses: torch.Tensor, keep: float, key: Key, *, uniform_share: float = 0.1) -> WeightedChoice:
    """A part of the candidates, each with a probability that rises with its rank by loss: selective back-propagation.

    Parameters
    ----------
    losses : Tensor of shape (n,)
        Of a forward pass over the candidates, without gradients.
    keep : float in (0, 1]
        The part to train on, rounded to the nearest; at least one.
    key : Key
        ``loader.choice_key()``: new for each batch, the same again after a resume.
    uniform_share : float in [0, 1]
        This part of the probability is shared out evenly, so no weight exceeds its inverse. 0 as published.

    The probability of rank q (from 0 for the lowest loss, to 1) is q**(1 / keep - 1), whose mean over q is ``keep``;
    the number chosen is fixed and none comes twice.

    Guarantees: the weighted mean is unbiased. The published method has no weights; leave them out for it, and it is
    biased towards high losses.

    Source: Jiang et al., "Accelerating deep learning by focusing on the biggest losers" (2019, arXiv 1910.00762), with
    the exponent from ``keep`` as MosaicML's Composer has it; the weights and the fixed number are our own.

    Examples
    --------
    >>> choice = percentile_sample(torch.tensor([0.1, 2.0, 0.5, 3.0]), 0.5, Key(0))
    >>> choice.places.tolist(), [round(w, 2) for w in choice.weights.tolist()]
    ([1, 3], [0.82, 0.6])
    """
    keep = checked_fraction("keep", keep, fix="pass the part to train on, like 0.5")
    values = _scores("losses", losses, least=-LARGEST)
    parts = _uniform_parts(uniform_share)
    ranks = np.empty(values.size)
    ranks[np.argsort(values, kind="stable")] = (np.arange(values.size) + 0.5) / values.size
    chances = power(ranks, 1.0 / keep - 1.0).astype(np.float32)
    count = max(1, floor(keep * values.size + 0.5))
    choice = chosen_once(chances, count, parts, checked_key(key))
    return _weighted(choice, choice.places.size / values.size, losses)


def importance_sample(
    scores: torch.Tensor, count: int, key: Key, *, uniform_share: float = 0.1, replacement: bool = False
) -> WeightedChoice:
    """Some of the candidates, in proportion to a score: importance sampling within a batch.

    Parameters
    ----------
    scores : Tensor of shape (n,)
        0 or more: gradient norms, as :func:`last_layer_bound` bounds them, give the gradient of least variance. Equal
        ones give a uniform sample.
    count : int
        How many to train on; without replacement, all where there are fewer.
    key : Key
        ``loader.choice_key()``: new for each batch, the same again after a resume.
    uniform_share : float in [0, 1]
        This part of the draws is uniform, so no weight exceeds its inverse. 0 as published; then what has score 0 is
        never drawn, and must have a loss (or gradient) of 0 for the mean to be unbiased.
    replacement : bool
        Draw with replacement, as published: weights 1 / (n p). Else none comes twice, the probability of being chosen
        is ``count`` x p, capped at 1 (and the others' raised), and weights are its inverse x count / n (Horvitz and
        Thompson): less variance, the more so the larger the part chosen.

    Guarantees: the weighted mean is unbiased, with probabilities that are exact for what was drawn.

    Source: Katharopoulos and Fleuret, "Not all samples are created equal: deep learning with importance sampling"
    (2018); Horvitz and Thompson, "A generalization of sampling without replacement from a finite universe" (1952).

    Examples
    --------
    >>> choice = importance_sample(torch.tensor([9.0, 1.0, 1.0, 1.0]), 2, Key(0), uniform_share=0.0)
    >>> choice.places.tolist(), [round(w, 3) for w in choice.weights.tolist()]
    ([0, 2], [0.5, 1.5])
    """
    replacement = checked_flag("replacement", replacement, fix="pass True or False")
    values, parts = _scores("scores", scores, least=0.0), _uniform_parts(uniform_share)
    wanted, stream = _count(count), checked_key(key)
    if replacement:
        return _weighted(chosen_with_replacement(values, wanted, parts, stream), 1.0 / values.size, scores)
    choice = chosen_once(values, wanted, parts, stream)
    return _weighted(choice, choice.places.size / values.size, scores)


def _weighted(choice: Choice, scale: float, like: torch.Tensor) -> WeightedChoice:
    weights = torch.as_tensor((scale / choice.probability).astype(np.float32)).to(like.device)
    places = torch.as_tensor(choice.places).to(like.device)
    return WeightedChoice(places, weights, torch.as_tensor(choice.probability), len(like))


def _scores(name: str, values: torch.Tensor, *, least: float) -> Float32:
    if not isinstance(values, torch.Tensor) or values.ndim != 1 or not len(values):
        what = f"shape {tuple(values.shape)}" if isinstance(values, torch.Tensor) else f"a {type(values).__name__}"
        raise BadArgument(name, "be a tensor of shape (n,), n >= 1", what, 'use reduction="none"; skip an empty batch')
    host = on_host(name, values).float().numpy()
    if not (np.isfinite(host).all() and least <= host.min() and host.max() <= LARGEST):
        rule = "be in [0, 2**64]" if least == 0 else "be finite, 2**64 at most"
        bad = host[~(np.isfinite(host) & (host >= least) & (host <= LARGEST))]
        raise BadArgument(name, rule, float(bad[0]), "skip steps that overflowed")
    return host


def _count(count: int) -> int:
    return checked_int("count", count, at_least=1, at_most=2**20, fix="pass how many to train on")


def _uniform_parts(share: float) -> int:
    share = checked_real("uniform_share", share, "be in [0, 1]", at_least=0, at_most=1, fix="pass a share like 0.1")
    if isinstance(share, bool) or not 0.0 <= float(share) <= 1.0:
        raise BadArgument("uniform_share", "be in [0, 1]", share, "pass a share like 0.1")
    return ceil(Fraction(float(share)) * PARTS)

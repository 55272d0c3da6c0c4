"""How far an unlabelled item counts as a negative: weights against false negatives."""

from __future__ import annotations

from typing import Any

__all__ = ["inverse_propensity", "negative_posterior"]


def negative_posterior(relevance: Any, observed: Any) -> Any:
    """The probability that an item without a label is not relevant, to weigh it as a negative.

    Parameters
    ----------
    relevance : float, array or tensor
        The model's probability that the item is relevant, in [0, 1]; detach it from the gradient.
    observed : float, array or tensor
        The probability that a relevant item would have been labelled: of being pooled and judged, or of being seen. 1
        says that every label is there: then each unlabelled item counts whole.

    Returns
    -------
    like relevance, in [0, 1]
        ``(1 - r) / (1 - r o)``: by Bayes, with P(label) = r o.

    Two published weights are this one. Noisy labels: with o = 1 - g, where g is the rate at which a positive is
    recorded as a negative, it is the posterior of NBPO ("Sampler design for implicit feedback data by noisy-label
    robust learning", SIGIR 2020; derived here from the likelihood of its abstract, its surrogate gradient is not).
    Pooling bias: with o the probability of being selected for judgement ("Hard negatives or false negatives: correcting
    pooling bias in training neural ranking models", CIKM 2022; our derivation from the same factorisation, the paper's
    normalisation could not be checked).

    Examples
    --------
    >>> negative_posterior(0.5, 1.0), round(negative_posterior(0.9, 0.2), 3), negative_posterior(0.0, 0.3)
    (1.0, 0.122, 1.0)
    """
    return (1 - relevance) / (1 - relevance * observed)


def inverse_propensity(observed: Any, largest: float = 10.0) -> Any:
    """The weight of a labelled item that makes up for those like it that were never judged: ``1 / o``, clipped.

    Parameters
    ----------
    observed : float, array or tensor
        The probability of being labelled if relevant, in (0, 1].
    largest : float
        Weights above this are cut: less variance, for some bias.

    Examples
    --------
    >>> inverse_propensity(0.5), inverse_propensity(0.01)
    (2.0, 10.0)
    """
    floor = 1 / largest
    # The larger of both, in operations that floats, arrays and tensors share.
    return 1 / ((observed + floor + abs(observed - floor)) / 2)

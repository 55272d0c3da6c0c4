"""How far an unlabelled item counts as a negative: weights against false negatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.errors import BadArgument, checked_positive

__all__ = ["inverse_propensity", "negative_posterior"]


def negative_posterior(relevance: Any, observed: Any) -> Any:
    """The probability that an item without a label is not relevant, to weigh it as a negative.

    Parameters
    ----------
    relevance : float, array or tensor
        The model's probability that the item is relevant, in [0, 1]; detach it from the gradient.
    observed : float, array or tensor
        The probability that a relevant item would have been labelled: of being pooled and judged, or of being seen. 1
        says that every label is there: then each unlabelled item counts whole, also where the relevance is 1.

    Returns
    -------
    like relevance, in [0, 1]; of NumPy in float64
        ``(1 - r) / (1 - r o)``: by Bayes, with P(label) = r o.

    Raises
    ------
    BadArgument
        A number or an array with a value that is no probability. Tensors are not looked into: that would wait for the
        device.

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
    relevance = _checked_probability("relevance", relevance)
    observed = _checked_probability("observed", observed)
    shapes = tuple(getattr(relevance, "shape", ())), tuple(getattr(observed, "shape", ()))
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise BadArgument(
            "observed", f"fit relevance, of shape {shapes[0]}", f"shape {shapes[1]}", "pair them"
        ) from None
    rest = 1 - relevance * observed
    # Both are 0 where all is labelled and relevant; 1 is the limit. In operations that floats, arrays, tensors share.
    is_none = rest == 0
    return (1 - relevance + is_none) / (rest + is_none)


def inverse_propensity(observed: Any, largest: float = 10.0) -> Any:
    """The weight of a labelled item that makes up for those like it that were never judged: ``1 / o``, clipped.

    Parameters
    ----------
    observed : float, array or tensor
        The probability of being labelled if relevant, in [0, 1].
    largest : float
        Weights above this are cut: less variance, for some bias.

    Raises
    ------
    BadArgument
        A number or an array with a value that is no probability; ``largest`` not above 0.

    Examples
    --------
    >>> inverse_propensity(0.5), inverse_propensity(0.01)
    (2.0, 10.0)
    """
    observed = _checked_probability("observed", observed)
    floor = 1 / checked_positive("largest", largest, fix="pass 10.0, say")
    # The larger of both, in operations that floats, arrays and tensors share.
    return 1 / ((observed + floor + abs(observed - floor)) / 2)


def _is_held(tensor: Any) -> bool:
    """Whether it has its numbers, one after another: a tensor that is sparse or on no device has not."""
    return str(tensor.layout) == "torch.strided" and not tensor.is_meta


def _checked_probability(argument: str, values: Any) -> Any:
    """As they are, or in float64 where they are of NumPy: half floats would be calculated in halves."""
    shown: object = values
    tensor: Any = values
    if isinstance(values, (int, float, np.ndarray, np.generic)) and not isinstance(values, bool):
        array: npt.NDArray[Any] = np.asarray(values)
        if array.dtype.kind in "iuf" and bool(((array >= 0) & (array <= 1)).all()):
            return array.astype(np.float64) if array.ndim else float(array)
    elif hasattr(values, "detach") and tensor.is_floating_point() and _is_held(tensor):
        return tensor
    raise BadArgument(argument, "be probabilities: a number, an array or a tensor", shown, "pass numbers from 0 to 1")

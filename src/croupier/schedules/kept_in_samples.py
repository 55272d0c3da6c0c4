"""What else moves with the batch size, so that its memory stays as long in samples: betas, averages, weight decay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from croupier.errors import BadArgument, keep_plain_numbers
from croupier.schedules.arithmetic import checked_number

__all__ = ["KeptInSamples", "Optimizer", "half_life_samples", "rescaled_beta", "rescaled_momentum"]


def rescaled_beta(beta: float, ratio: float) -> float:
    """A beta of Adam or an average for batches ``ratio`` times as large: beta ** ratio, of one half-life in samples.

    Examples
    --------
    >>> round(rescaled_beta(0.999, 4), 6)
    0.996006
    """
    _check_beta("beta", beta)
    ratio = _checked_above_zero("ratio", ratio, fix="pass the new batch size over the old")
    return beta**ratio


def rescaled_momentum(momentum: float, ratio: float) -> float:
    """The share of the new value, of BatchNorm or an average: 1 - (1 - m) ** ratio.

    Examples
    --------
    >>> rescaled_momentum(0.1, 2)
    0.19
    """
    _check_beta("momentum", momentum)
    ratio = _checked_above_zero("ratio", ratio, fix="pass the new batch size over the old")
    return -math.expm1(ratio * math.log1p(-momentum))


def half_life_samples(beta: float, batch_size: float) -> float:
    """After how many samples an average with this beta has forgotten half.

    Examples
    --------
    >>> round(half_life_samples(0.999, 256))
    177357
    """
    _check_beta("beta", beta)
    batch_size = _checked_above_zero("batch_size", batch_size, fix="pass a batch size")
    return 0.0 if beta == 0 else batch_size * math.log(0.5) / math.log(beta)


class Optimizer(NamedTuple):
    """An optimizer's settings at one batch size."""

    beta1: float
    beta2: float
    weight_decay: float


@dataclass(frozen=True, slots=True)
class KeptInSamples:
    """An optimizer's settings as tuned at one batch size, and what they are at another.

    Betas keep their half-lives in samples. Weight decay keeps tau = size / (rate x decay x samples of the run), the
    part of the run that the weights remember: so it follows size over learning rate, and stays where the rate is
    scaled linearly.

    Parameters
    ----------
    tuned_at : int
        The batch size of the settings.
    beta1, beta2, weight_decay : float
        As AdamW takes them.

    Source: betas as in Malladi et al., "On the SDEs and scaling rules for adaptive gradient algorithms" (2022), to
    first order; averages: Busbridge et al., "How to scale your EMA" (2023); weight decay: Bergsma et al., "Power lines"
    (2025).

    Examples
    --------
    >>> adam = KeptInSamples(256, beta1=0.9, beta2=0.95, weight_decay=0.1)
    >>> [round(value, 4) for value in adam.at(1024, rate=2.0)]
    [0.6561, 0.8145, 0.2]
    """

    tuned_at: int
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        _checked_above_zero("tuned_at", self.tuned_at, fix="pass a batch size")
        _check_beta("beta1", self.beta1)
        _check_beta("beta2", self.beta2)
        rule, fix = "be a number of at least 0", "pass AdamW's weight_decay"
        checked_number("weight_decay", self.weight_decay, rule, above=-math.ulp(0.0), fix=fix)

    def at(self, size: float, rate: float = 1.0) -> Optimizer:
        """The settings at a batch size where the learning rate is scaled by ``rate``."""
        size = _checked_above_zero("size", size, fix="pass a batch size")
        rate = _checked_above_zero("rate", rate, fix="pass the factor of a scaling rule")
        ratio = size / self.tuned_at
        return Optimizer(
            rescaled_beta(self.beta1, ratio), rescaled_beta(self.beta2, ratio), self.weight_decay * ratio / rate
        )


def _checked_above_zero(argument: str, value: Any, *, fix: str) -> Any:
    return checked_number(argument, value, "be a number above 0", above=0, fix=fix)


def _check_beta(argument: str, beta: Any) -> None:
    if not isinstance(beta, (int, float)) or isinstance(beta, bool) or not 0 <= beta < 1:
        raise BadArgument(argument, "be a number from 0 to below 1", beta, "0.9 is usual")

"""How a learning rate follows the batch size: factors of the rate that was tuned at one size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from croupier.errors import MOST_SIZE, keep_plain_numbers
from croupier.schedules.arithmetic import above_zero, checked_number

__all__ = ["LinearScaling", "NoiseScaling", "ScalingRule", "SqrtScaling", "SurgeScaling"]


class ScalingRule(Protocol):
    """A factor of the learning rate over the batch size; 1 at the size the rate was tuned at."""

    def __call__(self, size: Any, /) -> Any:
        """The factor at a batch size, or at an array of them."""
        ...


@dataclass(frozen=True, slots=True)
class LinearScaling:
    """As many times the rate as the batch: for SGD, below its noise scale (Goyal et al. 2017).

    Examples
    --------
    >>> LinearScaling(256)(1024)
    4.0
    """

    tuned_at: float

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        _check_size("tuned_at", self.tuned_at)

    def __call__(self, size: Any) -> Any:
        """Size / tuned_at."""
        return above_zero("size", size, fix="pass a batch size") / self.tuned_at


@dataclass(frozen=True, slots=True)
class SqrtScaling:
    """The root of the ratio: for Adam below its noise scale (Granziol et al. 2022), and 'Train longer' (2017)."""

    tuned_at: float

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        _check_size("tuned_at", self.tuned_at)

    def __call__(self, size: Any) -> Any:
        """(size / tuned_at) ** 1/2."""
        return (above_zero("size", size, fix="pass a batch size") / self.tuned_at) ** 0.5


@dataclass(frozen=True, slots=True)
class NoiseScaling:
    """Linear below the gradient noise scale, flat above it: 1 / (1 + noise / size), as the best rate of SGD goes.

    It is AdaScale's gain as well, where the noise is that of the moment.

    Parameters
    ----------
    tuned_at : number
        The batch size the rate was tuned at.
    noise_scale : number
        The batch size at which the noise of the gradient is as large as the gradient, trace(cov) / |G|^2.

    Source: McCandlish et al., "An empirical model of large-batch training" (2018), section 2.

    Examples
    --------
    >>> rule = NoiseScaling(tuned_at=32, noise_scale=1024)
    >>> round(rule(64), 3), round(rule(1024), 2), round(rule(10**9), 1)
    (1.941, 16.5, 33.0)
    """

    tuned_at: float
    noise_scale: float

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        _check_size("tuned_at", self.tuned_at)
        _check_size("noise_scale", self.noise_scale, up_to=math.inf)

    def __call__(self, size: Any) -> Any:
        """(1 + noise / tuned_at) / (1 + noise / size); where the noise is infinite its limit, size / tuned_at."""
        size = above_zero("size", size, fix="pass a batch size")
        if math.isinf(self.noise_scale / self.tuned_at):
            return size / self.tuned_at
        return (1.0 + self.noise_scale / self.tuned_at) / (1.0 + self.noise_scale / size)


@dataclass(frozen=True, slots=True)
class SurgeScaling:
    """A root up to the noise scale, then down again: 2 / (sqrt(noise / size) + sqrt(size / noise)), for Adam.

    Parameters
    ----------
    tuned_at, noise_scale : number
        As for :class:`NoiseScaling`; here the noise scale is that of the signs of the gradient, the size where the best
        rate peaks. It grows in the course of training.

    Source: Li et al., "Surge phenomenon in optimal learning rate and batch size scaling" (2024), theorem 3, which holds
    in the limit of small batches; far above the peak the paper sees the best rate level off, not fall for ever.

    Examples
    --------
    >>> rule = SurgeScaling(tuned_at=32, noise_scale=512)
    >>> [round(rule(size), 3) for size in (32, 512, 8192)]
    [1.0, 2.125, 1.0]
    """

    tuned_at: float
    noise_scale: float

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        _check_size("tuned_at", self.tuned_at)
        _check_size("noise_scale", self.noise_scale, up_to=math.inf)

    def __call__(self, size: Any) -> Any:
        """The rate at a size over the rate at ``tuned_at``; its limit, a root, where the noise scale is infinite."""
        size = above_zero("size", size, fix="pass a batch size")
        if self.tuned_at / self.noise_scale == 0:
            return (size / self.tuned_at) ** 0.5
        return _surge(self.tuned_at / self.noise_scale) / _surge(size / self.noise_scale)


def _surge(ratio: Any) -> Any:
    return ratio**-0.5 + ratio**0.5


def _check_size(argument: str, size: Any, *, up_to: float = MOST_SIZE) -> None:
    checked_number(argument, size, "be a number above 0", above=0, up_to=up_to, fix="pass a batch size")

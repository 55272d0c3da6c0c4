"""What batch size the noise of the gradient asks for: one interface, several rules that read the same numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from croupier.errors import BadArgument, checked_fraction, checked_kind, checked_positive, keep_plain_numbers
from croupier.feedback.noise_estimate import NoiseEstimate

__all__ = ["BatchSizePolicy", "CoupledSize", "LeastEfficiency", "NoiseScale", "WantedSize"]


class WantedSize(NamedTuple):
    """A batch size in samples, a real number or infinity, and between which bounds it lies."""

    size: float
    low: float
    high: float


@runtime_checkable
class BatchSizePolicy(Protocol):
    """A rule for the batch size. Implementations are frozen dataclasses."""

    def wanted(self, estimate: NoiseEstimate, confidence: float) -> WantedSize:
        """The size for these numbers, with an interval."""
        ...


@dataclass(frozen=True, slots=True)
class NoiseScale:
    """A multiple of the gradient noise scale, trace / ``|G|**2``.

    Parameters
    ----------
    times : float
        1 is the size at which steps and samples to a given loss are both twice their least.

    Source: McCandlish et al., "An empirical model of large-batch training" (2018), section 2.2.

    Examples
    --------
    >>> import croupier as cr
    >>> noise = cr.GradientNoise(half_life_samples=1e5)
    >>> noise.observe(cr.GradientNorms(groups=4.0, whole=1.75, group_samples=8, samples=32))
    >>> NoiseScale().wanted(noise.estimate, 0.95)
    WantedSize(size=24.0, low=0.0, high=inf)
    """

    times: float = 1.0

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        times = checked_positive("times", self.times, fix="pass 1 for the noise scale itself")
        object.__setattr__(self, "times", times)

    def wanted(self, estimate: NoiseEstimate, confidence: float) -> WantedSize:
        """The noise scale times ``times``."""
        checked_kind("estimate", estimate, NoiseEstimate, fix="pass GradientNoise.estimate")
        above = (self.times * estimate.noise_trace, (0.0, self.times, 0.0, 0.0))
        below = (estimate.gradient_squared, (1.0, 0.0, 0.0, 0.0))
        return WantedSize(*estimate.ratio(above, below, confidence=confidence))


@dataclass(frozen=True, slots=True)
class LeastEfficiency:
    """The largest size at which a sample still brings a given share of what it brings at a base size.

    The gain of AdaScale, r = (trace / B0 + ``|G|**2``) / (trace / B + ``|G|**2``), is how many steps at B0 one at B is
    worth; r / (B / B0), what a sample is worth then, is (scale + B0) / (scale + B) with the noise scale.

    Parameters
    ----------
    base_samples : int
        B0: a size known to train well.
    efficiency : float in (0, 1]
        0.5 allows twice the base size plus the noise scale.

    Source: Johnson et al., "AdaScale SGD" (ICML 2020), section 3; the efficiency is that of Qiao et al., "Pollux" (OSDI
    2021), section 3.1. Both from memory of the papers and checked by derivation.
    """

    base_samples: float
    efficiency: float = 0.5

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        base_samples = checked_positive("base_samples", self.base_samples, fix="pass a batch size that trains well")
        object.__setattr__(self, "base_samples", base_samples)
        efficiency = checked_fraction("efficiency", self.efficiency, fix="pass a share like 0.5")
        object.__setattr__(self, "efficiency", efficiency)

    def wanted(self, estimate: NoiseEstimate, confidence: float) -> WantedSize:
        """(scale + B0) / efficiency - scale."""
        scales = NoiseScale().wanted(estimate, confidence)
        # Not as it reads above: infinity less infinity, at an efficiency of 1.
        more = 1 / self.efficiency - 1
        return WantedSize(*(self.base_samples / self.efficiency + (scale * more if more else 0.0) for scale in scales))


@dataclass(frozen=True, slots=True)
class CoupledSize:
    """The size that the learning rate asks for: learning rate x trace / loss, for plain SGD.

    Parameters
    ----------
    learning_rate : float
        The present one; under a schedule, make the policy anew with ``dataclasses.replace``.

    Reads the loss, taken to be 0 at the optimum: give it in :class:`GradientNorms`, less what cannot be learned.

    Source: Balles et al., "Coupling adaptive batch sizes with learning rates" (UAI 2017), the rule "CABS"; from memory
    of the paper: the abstract confirms that the variance shrinks in proportion to the loss.
    """

    learning_rate: float

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        learning_rate = checked_positive("learning_rate", self.learning_rate, fix="pass that of the optimizer")
        object.__setattr__(self, "learning_rate", learning_rate)

    def wanted(self, estimate: NoiseEstimate, confidence: float) -> WantedSize:
        """Learning rate x trace / loss."""
        if math.isnan(estimate.loss):
            raise BadArgument(
                "norms", "tell the loss for CoupledSize", "steps without one", "pass loss= when gradients are measured"
            )
        rate = self.learning_rate
        above, below = (rate * estimate.noise_trace, (0.0, rate, 0.0, 0.0)), (estimate.loss, (0.0, 0.0, 0.0, 1.0))
        return WantedSize(*estimate.ratio(above, below, confidence=confidence))

"""Tests of the batch size along the gradient and across it, from inner products of samples' gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass

from croupier.errors import BadArgument, checked_positive, keep_plain_numbers
from croupier.feedback.batch_size_policies import WantedSize
from croupier.feedback.batch_size_tests import over
from croupier.feedback.gradient_norms import GradientNorms, InnerProducts
from croupier.feedback.noise_estimate import NoiseEstimate, Term

__all__ = ["AugmentedTest", "InnerProductTest", "OrthogonalityTest"]


@dataclass(frozen=True, slots=True)
class InnerProductTest:
    """The step goes downhill with high probability: b = G' Sigma G / (theta**2 ``|G|**4``).

    Needs ``inner`` in the norms: :func:`croupier.torch.per_sample_norms`.

    Parameters
    ----------
    theta : float
        AdAdaGrad's published example: 0.5.

    ``|G|**4`` is the square of the mean of ``|G|**2`` less its variance, which makes it unbiased too.

    Source: Bollapragada, Byrd and Nocedal, "Adaptive sampling strategies for stochastic optimization" (SIAM Journal on
    Optimization 2018, arXiv 1710.11258). Over all parameters at once: AdAdaGrad's published code adds up the variances
    of single layers.
    """

    theta: float

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        object.__setattr__(self, "theta", checked_positive("theta", self.theta, fix="pass a number like 0.5"))

    def wanted(self, estimate: NoiseEstimate, confidence: float) -> WantedSize:
        """With an interval by first derivatives."""
        _check_inner(not math.isnan(estimate.along))
        return _over_fourth_power(estimate, (estimate.along, (0.0, 0.0, 1.0, 0.0)), self.theta, confidence)

    def published(self, norms: GradientNorms) -> float:
        """Var <g_i, g> / (theta**2 ``|g|**4``)."""
        return over(_inner(norms).variance, self.theta**2 * norms.whole**2)


@dataclass(frozen=True, slots=True)
class OrthogonalityTest:
    """The step stays near the gradient's line: b = (trace - G' Sigma G / ``|G|**2``) / (nu**2 ``|G|**2``).

    Needs ``inner`` in the norms. The numerator is the variance of samples' gradients across that line, as the whole
    variance is that along it and that across it.

    Parameters
    ----------
    nu : float
        The tangent of an angle; AdAdaGrad's published example: 1.

    Source: as for :class:`InnerProductTest`.
    """

    nu: float

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        nu = checked_positive("nu", self.nu, fix="pass the tangent of an angle, 1 for 45 degrees")
        object.__setattr__(self, "nu", nu)

    def wanted(self, estimate: NoiseEstimate, confidence: float) -> WantedSize:
        """With an interval by first derivatives."""
        _check_inner(not math.isnan(estimate.along))
        squared = max(estimate.gradient_squared, 0.0)
        across = estimate.noise_trace * squared - estimate.covariance[0][1] - estimate.along
        above = (across, (estimate.noise_trace, squared, -1.0, 0.0))
        return _over_fourth_power(estimate, above, self.nu, confidence)

    def published(self, norms: GradientNorms) -> float:
        """The sum of Var(g_i - <g_i, g> g / ``|g|**2``) over nu**2 ``|g|**2``."""
        across = norms.noise_trace - over(_inner(norms).variance, norms.whole)
        return over(max(across, 0.0), self.nu**2 * norms.whole)


@dataclass(frozen=True, slots=True)
class AugmentedTest:
    """The inner-product test and the orthogonality test: the larger size of the two.

    Parameters
    ----------
    theta, nu : float
        As there.

    Source: as for :class:`InnerProductTest`.
    """

    theta: float
    nu: float

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        self._both()

    def wanted(self, estimate: NoiseEstimate, confidence: float) -> WantedSize:
        """The larger of both, bound by bound."""
        both = [test.wanted(estimate, confidence) for test in self._both()]
        return WantedSize(*map(max, *both))

    def published(self, norms: GradientNorms) -> float:
        """The larger of both."""
        return max(test.published(norms) for test in self._both())

    def _both(self) -> tuple[InnerProductTest, OrthogonalityTest]:
        return InnerProductTest(self.theta), OrthogonalityTest(self.nu)


def _over_fourth_power(estimate: NoiseEstimate, above: Term, share: float, confidence: float) -> WantedSize:
    """Something over share**2 ``|G|**4``."""
    squared, factor = max(estimate.gradient_squared, 0.0), share**2
    variance = estimate.covariance[0][0]
    below = (factor * max(squared**2 - variance, 0.0), (2 * factor * squared, 0.0, 0.0, 0.0))
    # The second derivative's part of the variance of a square: all there is where the gradient is lost in noise.
    more = 2 * (factor * variance) ** 2
    return WantedSize(*estimate.ratio(above, below, confidence=confidence, more_variance=more))


def _inner(norms: GradientNorms) -> InnerProducts:
    _check_inner(norms.inner is not None)
    return norms.inner or InnerProducts(0.0, 0.0)


def _check_inner(is_there: bool) -> None:
    if not is_there:
        raise BadArgument(
            "norms", "tell the inner products of samples for this test", "norms alone",
            "take them with croupier.torch.per_sample_norms, or use NormTest",
        )  # fmt: skip

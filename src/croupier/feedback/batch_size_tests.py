"""Is the batch large enough for its gradient to be trusted? The tests of adaptive sampling, with their bias removed.

Each asks for a size b at which the error of the batch's gradient is small against the true gradient G. Published code
puts the gradient of the batch itself in the place of G. Its square is ``|G|**2 + trace / B`` on average, so where noise
dominates, the norm test asks for no more than about B / eta**2, whatever the truth; and the variance along it has
tr(Sigma**2) / B too much. Here both are estimated without bias, over many steps; :class:`AsPublished` has the rules
of the papers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from croupier.errors import BadArgument, checked_kind, checked_positive, keep_plain_numbers
from croupier.feedback.batch_size_policies import NoiseScale, WantedSize
from croupier.feedback.gradient_norms import GradientNorms
from croupier.feedback.noise_estimate import NoiseEstimate

__all__ = ["AsPublished", "BatchSizeTest", "NormTest", "over"]


@runtime_checkable
class BatchSizeTest(Protocol):
    """A test of the batch size: with its bias removed, and as it was published."""

    def wanted(self, estimate: NoiseEstimate, confidence: float) -> WantedSize:
        """The size at which the test would just pass, from unbiased means over many steps."""
        ...

    def published(self, norms: GradientNorms) -> float:
        """The size that the papers' formula gives for one batch."""
        ...


@dataclass(frozen=True, slots=True)
class NormTest:
    """The error of the batch's gradient is at most eta times the gradient: b = trace / (eta**2 ``|G|**2``).

    Parameters
    ----------
    eta : float
        1 asks for the noise scale, 0.5 for four times that.

    Source: Byrd et al., "Sample size selection in optimization methods for machine learning" (2012); Lau, Liu and
    Kolar, "AdAdaGrad: adaptive batch size schemes for adaptive gradient methods" (2024, arXiv 2402.11215) and its
    published code. Where groups are ranks or micro-batches, that is the test of Lau et al. (2024, arXiv 2412.21124).

    Examples
    --------
    A noise scale of 155 asks for 155 / 0.25 samples; with batches of 32 the published rule says 106:

    >>> import croupier as cr
    >>> truth, b, whole = 155.0, 8, 32
    >>> norms = cr.GradientNorms(groups=1 + truth / b, whole=1 + truth / whole, group_samples=b, samples=whole)
    >>> noise = cr.GradientNoise(half_life_samples=1e5)
    >>> noise.observe(norms)
    >>> round(NormTest(0.5).wanted(noise.estimate, 0.95).size), round(NormTest(0.5).published(norms))
    (620, 106)
    """

    eta: float

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        eta = checked_positive("eta", self.eta, fix="pass a share of the gradient's norm like 0.5")
        object.__setattr__(self, "eta", eta)

    def wanted(self, estimate: NoiseEstimate, confidence: float) -> WantedSize:
        """The noise scale over eta**2."""
        return NoiseScale(self.eta**-2).wanted(estimate, confidence)

    def published(self, norms: GradientNorms) -> float:
        """The trace over eta**2 ``|g|**2``."""
        checked_kind("norms", norms, GradientNorms, fix="write GradientNorms.of_groups(...)")
        return over(norms.noise_trace, self.eta**2 * norms.whole)


@dataclass(frozen=True, slots=True)
class AsPublished:
    """A test as its paper has it: from the last batch alone, bias and all, and acted on as it is."""

    test: BatchSizeTest

    def __post_init__(self) -> None:
        if not isinstance(self.test, BatchSizeTest) or isinstance(self.test, type):
            raise BadArgument("test", "have a method published", self.test, "pass NormTest(eta=0.5), say")

    def wanted(self, estimate: NoiseEstimate, confidence: float) -> WantedSize:
        """The size, and no interval around it."""
        size = self.test.published(estimate.latest)
        return WantedSize(size, size, size)


def over(above: float, below: float) -> float:
    """A ratio of numbers >= 0: infinity where only the lower is 0, 0 where both are."""
    if below > 0:
        return above / below
    return math.inf if above > 0 else 0.0

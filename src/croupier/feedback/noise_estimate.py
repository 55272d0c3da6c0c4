"""The mean and the noise of a run's gradients as they are believed now, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from croupier.feedback.gradient_norms import GradientNorms
from croupier.feedback.ratio_interval import Interval, ratio_interval, student_quantile

__all__ = ["NoiseEstimate", "Term"]

Numbers = tuple[float, float, float, float]
Term = tuple[float, Numbers]
"""A quantity, and its derivatives with respect to the four means."""


@dataclass(frozen=True, slots=True)
class NoiseEstimate:
    """Means over the last steps, with the covariance of their errors: what policies read.

    Parameters
    ----------
    latest : GradientNorms
        The last step alone: what published tests read.
    means : four floats
        ``|G|**2``, the trace of Sigma, G' Sigma G, the loss; not a number where that is not measured.
    covariance : four times four floats
        Of the errors of ``means``.
    observations : float
        Steps behind them; the effective number, as older ones weigh less.

    Made by :class:`GradientNoise`.
    """

    latest: GradientNorms
    means: Numbers
    covariance: tuple[Numbers, Numbers, Numbers, Numbers]
    observations: float

    @property
    def gradient_squared(self) -> float:
        """``|G|**2``, without bias; below 0 where the noise hides it."""
        return self.means[0]

    @property
    def noise_trace(self) -> float:
        """The trace of the covariance of one sample's gradient, without bias."""
        return self.means[1]

    @property
    def along(self) -> float:
        """G' Sigma G; not a number where samples' gradients were not looked at one by one."""
        return self.means[2]

    @property
    def loss(self) -> float:
        """The mean loss; not a number where it was not given."""
        return self.means[3]

    @property
    def noise_scale(self) -> float:
        """The trace over ``|G|**2``, in samples; infinity where the latter is not above 0."""
        return self.noise_trace / self.gradient_squared if self.gradient_squared > 0 else math.inf

    def noise_interval(self, confidence: float = 0.95) -> Interval:
        """Where the noise scale lies; the upper bound is infinity while ``|G|**2`` may be 0."""
        return self.ratio((self.noise_trace, (0.0, 1.0, 0.0, 0.0)), (self.gradient_squared, (1.0, 0.0, 0.0, 0.0)),
                          confidence=confidence)[1:]  # fmt: skip

    def ratio(
        self, above: Term, below: Term, *, confidence: float, more_variance: float = 0.0
    ) -> tuple[float, float, float]:
        """A ratio of two functions of the means, with an interval, by their derivatives.

        ``more_variance`` is added to that of ``below``. Before the second step the interval is from 0 to infinity.
        """
        if not self.observations > 1 + 1e-9:
            point = above[0] / below[0] if below[0] > 0 else math.inf
            return point, 0.0, math.inf
        pairs = ((above[1], above[1]), (above[1], below[1]), (below[1], below[1]))
        both, cross, under = (self._covariance(*pair) for pair in pairs)
        quantile = student_quantile(confidence, self.observations - 1)
        return ratio_interval(
            above[0], below[0], variances=(both, cross, under + more_variance), quantile=quantile
        )  # fmt: skip

    def _covariance(self, first: Numbers, second: Numbers) -> float:
        """Of two quantities with these derivatives; means that neither reads may be unknown."""
        return math.fsum(
            a * b * self.covariance[i][j]
            for i, a in enumerate(first)
            if a
            for j, b in enumerate(second)
            if b
        )  # fmt: skip

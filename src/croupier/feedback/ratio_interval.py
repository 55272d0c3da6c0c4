"""Confidence intervals of a ratio of two means, also where the lower one may be 0."""

from __future__ import annotations

import math
from statistics import NormalDist

from croupier.errors import checked_real

__all__ = ["Interval", "ratio_interval", "student_quantile"]

Interval = tuple[float, float]


def student_quantile(confidence: float, freedom: float) -> float:
    """How many standard errors a two-sided interval reaches to either side.

    Parameters
    ----------
    confidence : float in [0, 1)
    freedom : float
        Degrees of freedom; any number above 0.

    The expansion of Student's quantile in powers of 1 / freedom around the normal one: within 1 % at 95 % from three
    degrees of freedom on, and too short below.

    Source: Abramowitz and Stegun, "Handbook of mathematical functions" (1964), 26.7.5.

    Examples
    --------
    >>> round(student_quantile(0.95, 10), 3), round(student_quantile(0.95, 1e9), 3), student_quantile(0.0, 5)
    (2.228, 1.96, 0.0)
    """
    fix = "pass 0.95, or 0 for the estimate alone"
    confidence = checked_real("confidence", confidence, "be in [0, 1)", at_least=0, at_most=1 - 2**-53, fix=fix)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum(term / freedom**power for power, term in enumerate(terms))


def ratio_interval(
    above: float, below: float, *, variances: tuple[float, float, float], quantile: float
) -> tuple[float, float, float]:
    """A ratio of two means that are both 0 or more, and between which bounds it lies.

    Parameters
    ----------
    above, below : float
        Estimates of the two means; ``below`` may come out 0 or less.
    variances : (float, float, float)
        Of ``above``, the covariance, of ``below``.
    quantile : float
        Standard errors to either side; with 0 both bounds are the ratio.

    Returns the ratio, infinity where ``below`` is 0 or less, and the bounds: those r >= 0 for which
    ``above - r * below`` is less than ``quantile`` of its standard errors away from 0. The upper one is infinity where
    ``below`` may be 0: there the data give a lower bound and no more.

    Source: Fieller, "Some problems in interval estimation" (1954).

    Examples
    --------
    >>> ratio, low, high = ratio_interval(10.0, 2.0, variances=(0.25, 0.0, 0.04), quantile=2.0)
    >>> round(ratio, 2), round(low, 2), round(high, 2)
    (5.0, 4.05, 6.37)
    >>> ratio_interval(10.0, 0.1, variances=(0.25, 0.0, 0.04), quantile=2.0)[2]
    inf
    """
    of_above, of_both, of_below = variances
    squared = quantile**2
    below_is = max(below, 0.0)
    first = below_is**2 - squared * of_below
    middle = above * below_is - squared * of_both
    last = above**2 - squared * of_above
    root = math.sqrt(max(0.0, middle**2 - first * last))
    ratio = above / below_is if below_is > 0 else math.inf
    if above <= 0:
        ratio = 0.0
    if quantile == 0:
        return ratio, ratio, ratio
    low = last / (middle + root) if last > 0 and middle + root > 0 else 0.0
    high = (middle + root) / first if first > 0 else math.inf
    return ratio, min(low, ratio), max(high, ratio)

"""Ratios of the four means, with intervals by their derivatives."""

from __future__ import annotations

import math

import pytest

from croupier import GradientNorms, NoiseEstimate

NORMS = GradientNorms(groups=4.0, whole=1.75, group_samples=8, samples=32)
NONE = (0.0, 0.0, 0.0, 0.0)


def estimate(squared, trace, *, variances=((0.01, 0.02), (0.02, 0.25)), observations=1e9):
    (xx, xy), (_, yy) = variances
    covariance = ((xx, xy, 0.0, 0.0), (xy, yy, 0.0, 0.0), NONE, NONE)
    return NoiseEstimate(NORMS, (squared, trace, math.nan, math.nan), covariance, observations)


def test_the_noise_scale_and_its_interval():
    found = estimate(2.0, 60.0)
    assert (found.gradient_squared, found.noise_trace, found.noise_scale) == (2.0, 60.0, 30.0)
    low, high = found.noise_interval(0.95)
    # By the delta method, at first order.
    half = 1.96 * math.sqrt(0.25 - 2 * 30 * 0.02 + 30**2 * 0.01) / 2
    assert (low, high) == pytest.approx((30 - half, 30 + half), rel=0.03)
    assert found.noise_interval(0.99)[0] < low
    assert found.noise_interval(0.0) == pytest.approx((30.0, 30.0))
    assert math.isnan(found.along)
    assert math.isnan(found.loss)


def test_few_observations_say_less():
    low, high = estimate(2.0, 60.0, observations=4).noise_interval()
    wide_low, wide_high = estimate(2.0, 60.0, observations=3).noise_interval()
    assert wide_low < low
    assert high < wide_high
    assert estimate(2.0, 60.0, observations=1).noise_interval() == (0.0, math.inf)


@pytest.mark.parametrize("squared", [0.0, -0.4])
def test_a_gradient_lost_in_noise_leaves_a_lower_bound(squared):
    found = estimate(squared, 60.0)
    low, high = found.noise_interval()
    assert found.noise_scale == high == math.inf
    assert 60 / 0.3 < low < math.inf


def test_any_ratio_by_its_derivatives():
    """2 trace over 3 ``|G|**2`` is two thirds of the noise scale, bounds and all."""
    found = estimate(2.0, 60.0)
    size, *bounds = found.ratio((120.0, (0, 2.0, 0, 0)), (6.0, (3.0, 0, 0, 0)), confidence=0.9)
    assert size == 20
    assert bounds == pytest.approx([bound * 2 / 3 for bound in found.noise_interval(0.9)])
    wider = found.ratio((120.0, (0, 2.0, 0, 0)), (6.0, (3.0, 0, 0, 0)), confidence=0.9, more_variance=1.0)
    assert wider[1] < bounds[0] < bounds[1] < wider[2]

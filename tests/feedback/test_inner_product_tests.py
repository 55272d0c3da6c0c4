"""Tests along and across the gradient: by their definitions, and without the bias of the batch's own direction."""

from __future__ import annotations

import math

import numpy as np
import pytest

from croupier import AugmentedTest, GradientNoise, GradientNorms, InnerProductTest, OrthogonalityTest
from croupier.errors import BadArgument
from gaussian_gradients import norms_of_samples, sampled, spectrum

NOISE_SCALE, DIMENSION, SAMPLES = 60.0, 20, 32
MEAN = np.full(DIMENSION, DIMENSION**-0.5)
ALONG = float(MEAN**2 @ spectrum(NOISE_SCALE, DIMENSION))
"""G' Sigma G, with ``|G|**2`` of 1."""


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(4)
    return [norms_of_samples(sampled(SAMPLES, noise_scale=NOISE_SCALE, rng=rng)) for _ in range(3000)]


@pytest.fixture(scope="module")
def estimate(log):
    noise = GradientNoise(1e9)
    for norms in log:
        noise.observe(norms)
    return noise.estimate


def test_published_sizes_are_those_of_the_formulas():
    """Written out with all gradients at hand, as AdAdaGrad's code does for a model of one layer."""
    gradients = sampled(SAMPLES, noise_scale=NOISE_SCALE, rng=np.random.default_rng(1))
    norms, g = norms_of_samples(gradients), gradients.mean(0)
    products = gradients @ g
    across = gradients - np.outer(products, g) / (g @ g)
    along_size = products.var(ddof=1) / (0.5**2 * (g @ g) ** 2)
    across_size = across.var(axis=0, ddof=1).sum() / (2.0**2 * (g @ g))
    assert InnerProductTest(0.5).published(norms) == pytest.approx(along_size)
    assert OrthogonalityTest(2.0).published(norms) == pytest.approx(across_size)
    assert AugmentedTest(0.5, 2.0).published(norms) == pytest.approx(max(along_size, across_size))


def test_the_variance_along_the_gradient_is_unbiased(log):
    """Within 4.5 standard errors, false alarms below 1e-5. The mutant is the batch's own direction: twice too much."""
    along = np.array([norms.inner.along for norms in log])
    error = along.std(ddof=1) / math.sqrt(along.size)
    assert abs(along.mean() - ALONG) < 4.5 * error
    own = np.array([norms.inner.variance for norms in log])
    expected = ALONG + (spectrum(NOISE_SCALE, DIMENSION) ** 2).sum() / SAMPLES
    assert own.mean() == pytest.approx(expected, rel=0.05)
    assert own.mean() - ALONG > 20 * error


def test_corrected_sizes_are_near_the_truth(estimate, log):
    """After 3,000 batches within a tenth, the interval on it; the published sizes of the same batches are not."""
    truths = {
        InnerProductTest(0.5): ALONG / 0.25,
        OrthogonalityTest(0.5): (NOISE_SCALE - ALONG) / 0.25,
        AugmentedTest(0.5, 0.5): (NOISE_SCALE - ALONG) / 0.25,
    }
    for test, truth in truths.items():
        wanted = test.wanted(estimate, 0.95)
        assert wanted.size == pytest.approx(truth, rel=0.1)
        assert wanted.low < truth < wanted.high < 1.5 * truth
        assert np.median([test.published(norms) for norms in log]) < 0.6 * truth


@pytest.mark.parametrize("test", [InnerProductTest(0.5), OrthogonalityTest(0.5)], ids=["along", "across"])
def test_intervals_cover(test):
    """200 runs of 40 batches, at 90 %: 20 miss on average; first derivatives alone, so up to 50 are allowed.

    The planted mutant, an interval at 50 %, misses more.
    """
    rng = np.random.default_rng(6)
    truth = (ALONG if isinstance(test, InnerProductTest) else NOISE_SCALE - ALONG) / 0.25
    missed = mutant = 0
    for _ in range(200):
        noise = GradientNoise(1e9)
        for _ in range(40):
            noise.observe(norms_of_samples(sampled(SAMPLES, noise_scale=NOISE_SCALE, rng=rng)))
        (_, low, high), (_, least, most) = (test.wanted(noise.estimate, level) for level in (0.9, 0.5))
        missed += not low <= truth <= high
        mutant += not least <= truth <= most
    assert 2 < missed < 50
    assert mutant > 50


def test_what_is_lost_in_noise_has_no_upper_bound():
    noise, rng = GradientNoise(1e9), np.random.default_rng(2)
    for _ in range(10):
        noise.observe(norms_of_samples(sampled(4, noise_scale=5000.0, rng=rng)))
    for test in (InnerProductTest(0.9), OrthogonalityTest(1.0), AugmentedTest(0.9, 1.0)):
        wanted = test.wanted(noise.estimate, 0.95)
        assert wanted.high == math.inf
        assert 0 <= wanted.low < math.inf


def test_errors():
    noise = GradientNoise(1e9)
    norms = GradientNorms(4.0, 1.75, 8, 32)
    noise.observe(norms)
    asked = r"norms must tell the inner products of samples for this test, got norms alone; take them"
    for test in (InnerProductTest(0.5), OrthogonalityTest(1.0), AugmentedTest(0.5, 1.0)):
        with pytest.raises(BadArgument, match=asked):
            test.wanted(noise.estimate, 0.9)
        with pytest.raises(BadArgument, match=asked):
            test.published(norms)
    with pytest.raises(BadArgument, match=r"theta must be a number above 0, got 0; pass a number like 0.5"):
        AugmentedTest(0, 1)
    with pytest.raises(BadArgument, match=r"nu must be a number above 0, got -1; pass the tangent of an angle"):
        OrthogonalityTest(-1)

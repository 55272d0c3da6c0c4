"""The norm test against its truth: corrected, and as published, which cannot say more than about B / eta**2."""

from __future__ import annotations

import numpy as np
import pytest

from croupier import AsPublished, BatchSizePolicy, GradientNoise, GradientNorms, NoiseScale, NormTest, adadagrad
from croupier.errors import BadArgument
from croupier.feedback.batch_size_tests import over
from gaussian_gradients import norms_of_samples, sampled, steps

NOISE_SCALE, ETA = 155.0, 0.5


def test_the_published_rule_says_106_where_620_is_true():
    """Steps of 4 groups of 8: the truth is 155 / 0.25. Corrected within a tenth after 4,000 steps, fixed seed.

    The published rule on means of many batches says 106, and on single ones hardly anything above B / eta**2 = 128.
    """
    noise, published = GradientNoise(1e9), []
    for norms in steps(4000, groups=4, size=8, noise_scale=NOISE_SCALE, seed=5):
        noise.observe(norms)
        published.append(NormTest(ETA).published(norms))
    corrected = NormTest(ETA).wanted(noise.estimate, 0.95)
    assert corrected.size == pytest.approx(620, rel=0.1)
    assert corrected.low < 620 < corrected.high
    assert np.median(published) == pytest.approx(106, rel=0.1)
    assert np.quantile(published, 0.9) < 200


def test_on_the_exact_expectations():
    norms = GradientNorms(groups=1 + NOISE_SCALE / 8, whole=1 + NOISE_SCALE / 32, group_samples=8, samples=32)
    noise = GradientNoise(1e9)
    for _ in range(2):
        noise.observe(norms)
    assert NormTest(ETA).wanted(noise.estimate, 0.95) == pytest.approx((620, 620, 620))
    assert NormTest(ETA).published(norms) == pytest.approx(NOISE_SCALE / 0.25 / (1 + NOISE_SCALE / 32))
    assert round(NormTest(ETA).published(norms)) == 106
    assert AsPublished(NormTest(ETA)).wanted(noise.estimate, 0.95) == pytest.approx(
        [NormTest(ETA).published(norms)] * 3
    )


def test_on_samples_it_is_the_published_formula():
    """V / (eta**2 ``|g|**2``), V the l1 norm of the variances of the coordinates with n - 1."""
    gradients = sampled(24, noise_scale=NOISE_SCALE, rng=np.random.default_rng(0))
    expected = gradients.var(axis=0, ddof=1).sum() / (ETA**2 * (gradients.mean(0) ** 2).sum())
    assert NormTest(ETA).published(norms_of_samples(gradients)) == pytest.approx(expected)


def test_they_are_policies():
    assert isinstance(NormTest(1.0), BatchSizePolicy)
    assert isinstance(AsPublished(NormTest(1.0)), BatchSizePolicy)


def test_ratios_of_nothing():
    assert [over(1.0, 2.0), over(1.0, 0.0), over(0.0, 0.0)] == [0.5, np.inf, 0.0]


def test_errors():
    with pytest.raises(BadArgument, match=r"eta must be a number above 0, got 0; pass a share of the gradient's norm"):
        NormTest(0)


@pytest.mark.parametrize("test", [NormTest, NoiseScale(), 0.5])
def test_what_is_no_test_is_refused(test):
    with pytest.raises(BadArgument, match=r"test must have a method published, got .*; pass NormTest\(eta=0.5\), say"):
        AsPublished(test)
    with pytest.raises(BadArgument, match=r"test must have a method published"):
        adadagrad(test, quantum=8, most=64)

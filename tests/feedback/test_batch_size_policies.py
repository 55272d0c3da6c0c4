"""Sizes that policies want, by their formulas; all read the same numbers."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from croupier import BatchSizePolicy, CoupledSize, GradientNoise, GradientNorms, LeastEfficiency, NoiseScale
from croupier.errors import BadArgument
from gaussian_gradients import steps

TRACE, SQUARED = 60.0, 2.0


@pytest.fixture
def estimate():
    """A trace of 60, ``|G|**2`` of 2 and a loss of 0.3, with a little spread: as 40 steps had it."""
    noise = GradientNoise(1e9)
    for step in range(40):
        trace, squared = TRACE + (-1) ** step, SQUARED + 0.1 * (-1) ** (step // 2)
        noise.observe(GradientNorms(squared + trace / 8, squared + trace / 32, 8, 32, loss=0.3 + 0.01 * (-1) ** step))
    return noise.estimate


def test_the_noise_scale(estimate):
    wanted = NoiseScale().wanted(estimate, 0.95)
    assert wanted.size == pytest.approx(30.0)
    assert wanted[1:] == pytest.approx(estimate.noise_interval(0.95))
    assert NoiseScale(4.0).wanted(estimate, 0.95) == pytest.approx([4 * value for value in wanted])


def test_the_least_efficiency_is_where_a_sample_brings_half(estimate):
    """By AdaScale's gain itself, at the size that is wanted."""
    for base, share in ((16, 0.5), (64, 0.9), (1, 0.2)):
        size = LeastEfficiency(base, share).wanted(estimate, 0.95).size
        gain = (TRACE / base + SQUARED) / (TRACE / size + SQUARED)
        assert gain / (size / base) == pytest.approx(share)
    assert LeastEfficiency(16, 1.0).wanted(estimate, 0.95) == pytest.approx((16, 16, 16))
    wanted = LeastEfficiency(16, 0.5).wanted(estimate, 0.95)
    assert 32 < wanted.low < wanted.size == pytest.approx(62.0)
    assert wanted.size < wanted.high < 70


def test_the_coupled_size_is_rate_times_trace_over_loss(estimate):
    wanted = CoupledSize(0.1).wanted(estimate, 0.95)
    assert wanted.size == pytest.approx(0.1 * TRACE / 0.3)
    assert 19 < wanted.low < wanted.size < wanted.high < 21
    assert replace(CoupledSize(0.1), learning_rate=0.05).wanted(estimate, 0.0).size == pytest.approx(wanted.size / 2)


def test_what_is_lost_in_noise_is_bounded_from_below():
    noise = GradientNoise(1e9)
    for norms in steps(30, groups=2, size=2, noise_scale=3000.0, seed=1):
        noise.observe(norms)
    for policy in (NoiseScale(), LeastEfficiency(8)):
        wanted = policy.wanted(noise.estimate, 0.9)
        assert wanted.high == math.inf
        assert 10 < wanted.low < 3000


def test_they_are_policies():
    for policy in (NoiseScale(), LeastEfficiency(8), CoupledSize(0.1)):
        assert isinstance(policy, BatchSizePolicy)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NoiseScale(0), r"times must be a number above 0, got 0; pass 1 for the noise scale itself"),
        (lambda: LeastEfficiency(0), r"base_samples must be a number above 0, got 0; pass a batch size that trains"),
        (lambda: LeastEfficiency(8, 0), r"efficiency must be a number in \(0, 1\], got 0; pass a share like 0.5"),
        (lambda: CoupledSize(-1), r"learning_rate must be a number above 0, got -1; pass that of the optimizer"),
    ],
)
def test_errors(call, message):
    with pytest.raises(BadArgument, match=message):
        call()


def test_a_loss_that_is_not_there_is_asked_for():
    noise = GradientNoise(1e9)
    noise.observe(GradientNorms(4.0, 1.75, 8, 32))
    with pytest.raises(BadArgument, match=r"norms must tell the loss for CoupledSize, got steps without one"):
        CoupledSize(0.1).wanted(noise.estimate, 0.9)

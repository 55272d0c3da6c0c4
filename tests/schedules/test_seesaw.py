from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier import schedules as s
from croupier.errors import BadArgument

LENGTH = 1_000_000


@dataclass(frozen=True)
class QuarterCosine:
    """The cosine whose mean is 2 / pi: that of the paper's 36 %."""

    def __call__(self, now):
        return math.cos(0.5 * math.pi * min(max(now / LENGTH, 0), 1))


@given(
    st.integers(1, 300), st.floats(1.05, 4), st.sampled_from([0.5, 1.0]), st.integers(1, 8), st.integers(0, LENGTH // 4)
)  # fmt: skip
def test_rate_and_size_trade_at_every_change(first, factor, exponent, multiple, warmup):
    """Rate over size ** exponent is, at each change, the schedule's over the first size's; the rate never rises."""
    size, lr = first * multiple, s.cosine(LENGTH, warmup=warmup, peak=2.0)
    rule = s.Seesaw(largest=64 * size, factor=factor, exponent=exponent, multiple_of=multiple)
    rate, ramp = rule.of(lr, size, length=LENGTH, warmup=warmup)
    for begin, now in ramp.changes[1:]:
        assert now % multiple == 0
        assert rate(begin) / now**exponent == pytest.approx(lr(begin) / size**exponent, rel=1e-3)
        assert lr(begin) <= 2.0 * size / now * (1 + 1e-9) < lr(begin - 1) * (1 + 2e-9)
    after = [rate(int(samples)) for samples in np.linspace(warmup, LENGTH, 500)]
    assert all(later <= earlier * (1 + 1e-9) for earlier, later in pairwise(after))
    assert [rate(samples) for samples in range(0, warmup, 1 + warmup // 7)] == [
        lr(samples) for samples in range(0, warmup, 1 + warmup // 7)
    ]
    assert ramp.changes[-1][1] <= 64 * size


def test_a_fine_seesaw_takes_as_many_steps_as_the_mean_of_its_schedule():
    """The limit of the paper: 1 - 2 / pi = 36 % fewer steps for a quarter cosine; half for half a cosine."""
    for schedule, share in ((QuarterCosine(), 2 / math.pi), (s.cosine(LENGTH), 0.5), (s.linear(LENGTH), 0.5)):
        ramp = s.Seesaw(largest=10**6, factor=1.01).of(schedule, 100, length=LENGTH).ramp
        assert ramp.steps_at(LENGTH) / (LENGTH / 100) == pytest.approx(share, abs=0.01)


def test_above_the_largest_batch_the_rate_takes_all_of_the_decay():
    lr = s.linear(LENGTH)
    rate, ramp = s.Seesaw(largest=400).of(lr, 100, length=LENGTH)
    assert [size for _, size in ramp.changes] == [100, 200, 400]
    for samples in (750_000, 900_000, 990_000):
        assert rate(samples) == pytest.approx(lr(samples) * 2)  # its batch is 4 times as large, for good


def risk_after(rate, ramp, normalised):
    """Exact risk of SGD on noisy linear regression, by its second moments: no draws, so no false alarms.

    Normalised SGD divides by the norm of the gradient, which noise dominates: sigma x sqrt(trace / size).
    """
    curvature, noise = np.geomspace(1e-3, 1, 40), 1.0
    moments, samples = np.ones(40) * 2e-2, 0
    while samples < 60_000:
        size = ramp.size_at(samples)
        step = float(rate(samples)) * (math.sqrt(size) / math.sqrt(noise * curvature.sum()) if normalised else 1.0)
        moments = (1 - step * curvature) ** 2 * moments + step**2 * noise * curvature / size
        samples += size
    return float((curvature * moments).sum())


@pytest.mark.parametrize(("normalised", "exponent", "peak"), [(False, 1.0, 0.2), (True, 0.5, 0.12)])
def test_the_exchange_keeps_the_course_of_sgd_and_of_normalised_sgd(normalised, exponent, peak):
    """With its exponent the risk at the end is that of the stairs it replaces; with the other's it is not (mutant)."""
    lr, size = s.cosine(60_000, peak=peak), 8
    rule = s.Seesaw(largest=64, exponent=exponent)
    rate, ramp = rule.of(lr, size, length=60_000)
    constant = cr.BatchSizeRamp([(0, size)])
    stairs = s.Phases([s.Hold(1)], peak=peak)

    def decayed(samples):
        return stairs(0) * size / ramp.size_at(samples) if samples < ramp.changes[-1][0] else lr(samples)

    expected = risk_after(decayed, constant, normalised)
    assert risk_after(rate, ramp, normalised) == pytest.approx(expected, rel=0.03)
    other, same_ramp = s.Seesaw(largest=64, exponent=1.5 - exponent).of(lr, size, length=60_000)
    assert same_ramp == ramp
    assert abs(risk_after(other, ramp, normalised) / expected - 1) > 0.05


def test_a_schedule_that_hardly_falls_is_left_alone_and_stairs_are_taken_at_once():
    flat = s.constant(warmup=100)
    assert s.Seesaw(largest=400).of(flat, 100, length=1_000, warmup=100) == (flat, cr.BatchSizeRamp([(0, 100)]))
    steep = s.Phases([s.Hold(500), s.Hold(500, level=0.1)])
    _, ramp = s.Seesaw(largest=800).of(steep, 100, length=1_000)
    assert ramp.changes == ((0, 100), (500, 800))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: s.Seesaw(0), r"largest must be an integer >= 1, got 0; pass a size below the critical batch size"),
        (lambda: s.Seesaw(8, factor=1), r"factor must be a number above 1, got 1; 2 doubles"),
        (lambda: s.Seesaw(8, exponent=2), r"exponent must be in \(0, 1\], got 2; 1/2 for Adam, 1 for SGD"),
        (lambda: s.Seesaw(8, multiple_of=0), r"multiple_of must be an integer >= 1, got 0"),
        (lambda: s.Seesaw(8).of(s.constant(), 16, length=9), r"batch_size must be an integer >= 1 and <= 8, got 16"),
        (lambda: s.Seesaw(64, multiple_of=8).of(s.constant(), 12, length=9), r"batch_size must be a multiple of 8"),
        (lambda: s.Seesaw(64).of(3e-4, 8, length=90), r"schedule must be a schedule, called with the clock, got 0.000"),
        (lambda: s.Seesaw(64).of(s.linear(90, warmup=9), 8, length=90), r"schedule must fall from a peak at warmup"),
        (lambda: s.Seesaw(64).of(s.linear(90), 8, length=90, warmup=90), r"warmup must be an integer >= 0 and"),
    ],
)  # fmt: skip
def test_bad_plans_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()

"""One integer from the numbers: quanta, bounds, pace, hysteresis; AdAdaGrad's rule; what others would have done."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier import BatchSizeController, HeldSize, ResizePace, WantedSize
from croupier.errors import BadArgument
from gaussian_gradients import steps

LATEST = cr.GradientNorms(groups=4.0, whole=1.75, group_samples=8, samples=32)
NOISE = cr.GradientNoise(1e9)
NOISE.observe(LATEST)
ANY = NOISE.estimate


@dataclass(frozen=True)
class Wants:
    """A policy that wants the same whatever it is told."""

    size: float
    low: float
    high: float

    def wanted(self, estimate, confidence):
        return WantedSize(self.size, self.low, self.high)


def decided(size, low, high, held=64, **settings):
    pace = ResizePace(**{"growth": 4.0, "shrinkage": 2.0, **settings})
    return BatchSizeController(Wants(size, low, high), quantum=16, most=1000, least=32, pace=pace).decide(
        ANY, HeldSize(held)
    )


@pytest.mark.parametrize(
    ("size", "low", "high", "expected"),
    [
        (100, 90, 110, 96),  # what is sure, rounded up to quanta of 16
        (100, 60, 110, 64),  # not sure
        (64, 64, 64, 64),
        (65, 65, 65, 80),  # a quantum at least
        (2000, 1000, math.inf, 256),  # four times at most
        (math.inf, 900, math.inf, 256),
        (30, 20, 36, 48),
        (30, 20, 30, 32),
        (5, 1, 10, 32),  # half at most, and not below the least
        (63, 60, 63.9, 64),  # rounded up it is the same
        (0, 0, 0, 32),
        (math.inf, 0, math.inf, 64),
    ],
)
def test_the_next_size(size, low, high, expected):
    assert decided(size, low, high).size == expected


def test_the_largest_size_is_a_multiple_too():
    assert decided(5000, 4000, 6000, held=512).size == 992
    assert decided(5000, 4000, 6000, held=992).size == 992


def test_without_shrinkage_it_never_falls_and_growth_of_1_never_rises():
    assert decided(30, 20, 50, shrinkage=1.0).size == 64
    assert decided(300, 200, 500, growth=1.0).size == 64
    assert decided(300, 200, 500, growth=1.1).size == 80  # a quantum, though a tenth more would be none


@given(
    st.integers(1, 40), st.integers(1, 50), st.floats(1, 8), st.floats(1, 8),
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0.1, 1), st.floats(1, 10)), max_size=30),
)  # fmt: skip
def test_every_size_is_allowed(quantum, quanta, growth, shrinkage, wants):
    """Multiples within the bounds, no faster than the pace allows but by the one quantum, and up or down as sure."""
    most = quantum * quanta
    pace = ResizePace(growth=growth, shrinkage=shrinkage)
    held = HeldSize(quantum)
    for size, under, over in wants:
        controller = BatchSizeController(Wants(size, size * under, size * over), quantum, most, pace=pace)
        after = controller.decide(ANY, held)
        assert after == controller.decide(ANY, held)
        assert after.size % quantum == 0
        assert quantum <= after.size <= most
        assert after.size <= max(held.size * growth, held.size + quantum)
        assert after.size >= held.size / shrinkage
        if after.size > held.size:
            assert size * under > held.size
        if after.size < held.size:
            assert size * over < held.size
        held = after


def test_it_waits_and_tests_as_often_as_asked():
    pace = ResizePace(dwell_samples=200, test_steps=3, confidence=0.0)
    controller = BatchSizeController(Wants(1e6, 1e6, 1e6), quantum=16, most=10_000, pace=pace)
    held, sizes, due = HeldSize(16), [], []
    for _ in range(24):
        due.append(controller.is_due(held))
        held = HeldSize(*json.loads(json.dumps(controller.decide(ANY, held))))
        sizes.append(held.size)
    # 13 steps of 16 are 208 samples; then 7 of 32; then 4 of 64.
    assert sizes == [16] * 12 + [32] * 7 + [64] * 4 + [128]
    assert [step for step, is_due in enumerate(due) if is_due] == [12, 19, 23]
    often = BatchSizeController(Wants(16, 0, 1e6), quantum=16, most=64, pace=ResizePace(test_steps=4))
    held, due = HeldSize(16), []
    for _ in range(12):
        due.append(often.is_due(held))
        held = often.decide(ANY, held)
    assert [step for step, is_due in enumerate(due) if is_due] == [3, 7, 11]


def test_before_anything_is_known_it_only_counts():
    controller = BatchSizeController(Wants(1e6, 1e6, 1e6), quantum=16, most=64)
    assert controller.decide(None, HeldSize(16)) == HeldSize(16, 16, 1)


@pytest.mark.parametrize(("dwell", "test_steps"), [(0, 1), (800, 1), (0, 30), (800, 30)])
def test_it_does_not_wait_for_ever(dwell, test_steps):
    """One micro-batch on one rank gives no estimate: refused after a hundred decisions that asked for one."""
    pace = ResizePace(dwell_samples=dwell, test_steps=test_steps)
    controller = BatchSizeController(cr.NoiseScale(), quantum=16, most=64, pace=pace)
    held, asked = HeldSize(16), 0
    while asked < 100:
        asked += controller.is_due(held)
        held = controller.decide(None, held)
    told = HeldSize(*controller.decide(ANY, held))  # one estimate, and it waits anew
    assert told.untested_steps == 0
    with pytest.raises(
        BadArgument, match=r"estimate must be there at times, got none at 101 decisions in a row; take tw"
    ):
        controller.decide(None, held)
    assert controller.decide(None, HeldSize(64, 10**9, 10**6)).size == 64  # the largest is not tested


def test_hysteresis_holds_the_size_where_the_truth_is():
    """A noise scale of 48 at a size of 48, tested at each of 2,000 steps: it moves a few times; the mutant, which
    follows the estimate, ten times as often.
    """
    log = list(steps(2000, groups=3, size=16, noise_scale=48.0, seed=8))
    paces = {
        "sure": ResizePace(growth=2, shrinkage=2, confidence=0.99),
        "mutant": ResizePace(growth=2, shrinkage=2, confidence=0.0),
    }
    controllers = {name: BatchSizeController(cr.NoiseScale(), 4, 1024, pace=pace) for name, pace in paces.items()}
    sizes = cr.what_if(log, controllers, start=48, half_life_samples=2000)
    moves = {name: int(np.count_nonzero(np.diff(chosen))) for name, chosen in sizes.items()}
    assert moves["sure"] < 30
    assert moves["mutant"] > 200
    assert 24 < np.median(sizes["sure"]) < 96


def test_adadagrads_rule_is_ceil_of_the_larger():
    """min(ceil(max(b, b')), most), as published, in quanta of 1; it tests no more once it is there."""
    controller = cr.adadagrad(cr.NormTest(0.5), quantum=1, most=80)
    noise, held, size = cr.GradientNoise(1e9), HeldSize(8), 8
    for norms in steps(300, groups=2, size=4, noise_scale=40.0, seed=3):
        noise.observe(norms)
        is_due = controller.is_due(held)
        held = controller.decide(noise.estimate, held)
        assert is_due == (size < 80)
        size = min(math.ceil(max(size, cr.NormTest(0.5).published(norms))), 80)
        assert held.size == size
    assert size == 80
    every_fifth = cr.adadagrad(cr.NormTest(0.5), quantum=1, most=80, test_steps=5)
    held = HeldSize(8)
    for step, norms in enumerate(steps(20, groups=2, size=4, noise_scale=40.0, seed=3), start=1):
        noise.observe(norms)
        after = every_fifth.decide(noise.estimate, held)
        assert after.size == held.size or step % 5 == 0
        held = after


def test_what_other_rules_would_have_done():
    """As deciding along the way; and the published rule stops near 106 where the corrected one finds 620."""
    log = [cr.GradientNorms.from_dict(json.loads(json.dumps(norms.to_dict())))
           for norms in steps(3000, groups=4, size=8, noise_scale=155.0, seed=9)]  # fmt: skip
    controllers = {
        "corrected": BatchSizeController(cr.NormTest(0.5), 4, 4096, pace=ResizePace(confidence=0.9)),
        "published mean": BatchSizeController(cr.NoiseScale(4 / (1 + 155 / 32)), 4, 4096),
        "efficiency": BatchSizeController(cr.LeastEfficiency(32, 0.5), 4, 4096),
    }
    sizes = cr.what_if(log, controllers, start=32, half_life_samples=1e9)
    assert sizes["corrected"][-1] == pytest.approx(620, rel=0.2)
    assert sizes["published mean"][-1] == pytest.approx(106, rel=0.2)
    assert sizes["efficiency"][-1] == pytest.approx(2 * 32 + 155, rel=0.2)
    noise, held = cr.GradientNoise(1e9), HeldSize(32)
    for norms, size in zip(log, sizes["corrected"], strict=True):
        noise.observe(norms)
        held = controllers["corrected"].decide(noise.estimate, held)
        assert held.size == size


def test_without_confidence_it_follows_the_estimate_where_the_gradient_is_lost_in_noise():
    noise = cr.GradientNoise(1e9)
    for _ in range(2):
        noise.observe(cr.GradientNorms(groups=10.0, whole=1.0, group_samples=8, samples=32))
    assert noise.estimate.gradient_squared < 0
    controller = BatchSizeController(POLICY, 8, 256, pace=ResizePace(confidence=0.0))
    assert controller.decide(noise.estimate, HeldSize(32)).size == 64


def test_no_size_is_below_the_least():
    controller = BatchSizeController(Wants(40, 40, 40), quantum=16, most=1000, least=100)
    with pytest.raises(BadArgument, match=r"held.size must be a multiple of the quantum 16, from 112 to 992, got 32"):
        controller.decide(ANY, HeldSize(32))
    assert controller.decide(ANY, HeldSize(112)).size == 112


POLICY = cr.NoiseScale()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BatchSizeController(7, 1, 2), r"policy must have a method wanted, got 7; pass NormTest\(eta=0.5\)"),
        (lambda: BatchSizeController(cr.NoiseScale, 1, 2), r"policy must have a method wanted, got <class 'croupier"),
        (
            lambda: BatchSizeController(POLICY, 8, 64).decide(NOISE, HeldSize(16)),
            r"estimate must be a NoiseEstimate, or None, got 'GradientNoise'; write decide\(noise.estimate, held\)",
        ),
        (
            lambda: BatchSizeController(POLICY, 8, 64).decide(HeldSize(16), ANY),
            r"estimate must be a NoiseEstimate, or None, got 'HeldSize'",
        ),
        (
            lambda: BatchSizeController(POLICY, 8, 64).decide(None, 32),
            r"held must be a HeldSize, got 32; begin with HeldSize\(16\)",
        ),
        (
            lambda: cr.what_if([], {"norm": cr.NormTest(0.5)}, start=8, half_life_samples=10.0),
            r"controllers\['norm'\] must be a BatchSizeController, got NormTest\(eta=0.5\); make one of the policy",
        ),
        (lambda: BatchSizeController(POLICY, 0, 2), r"quantum must be an integer >= 1, got 0; pass the micro-batch ti"),
        (lambda: BatchSizeController(POLICY, 8, 4), r"most must be an integer >= 8, got 4; allow a quantum and the le"),
        (lambda: BatchSizeController(POLICY, 8, 64, 0), r"least must be an integer >= 1, got 0; pass a number of sam"),
        (lambda: BatchSizeController(POLICY, 8, 64, 65), r"most must be an integer >= 72, got 64"),
        (lambda: BatchSizeController(POLICY, 8, 64, pace=2.0), r"pace must be a ResizePace, got 2.0; pass ResizePace"),
        (lambda: ResizePace(growth=0.5), r"growth must be a number >= 1, got 0.5; 1 allows no change, 2 a doubling"),
        (lambda: ResizePace(shrinkage=math.nan), r"shrinkage must be a number >= 1, got nan"),
        (lambda: ResizePace(dwell_samples=-1), r"dwell_samples must be an integer >= 0, got -1; pass a number of samp"),
        (lambda: ResizePace(test_steps=0), r"test_steps must be an integer >= 1, got 0; pass a number of steps"),
        (lambda: ResizePace(confidence=1.0), r"confidence must be in \[0, 1\), got 1.0; pass 0.95, or 0"),
        (
            lambda: BatchSizeController(POLICY, 8, 64).decide(None, HeldSize(12)),
            r"held.size must be a multiple of the quantum 8, from 8 to 64, got 12; begin with two",
        ),
        (
            lambda: BatchSizeController(POLICY, 8, 64).decide(None, HeldSize(72)),
            r"held.size must be a multiple of the quantum 8, from 8 to 64, got 72",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(BadArgument, match=message):
        call()

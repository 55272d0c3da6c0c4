from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import schedules as s
from croupier.errors import BadArgument


def directly(norms, power, smoothing):
    """The formula step by step, slowly: medians by sorting each window, sums of what comes later by adding them up."""
    kept = [norm for norm in norms[2:-2] if np.isfinite(norm)]
    count = len(kept)
    half = (2 * int(smoothing * count / 2) + 1) // 2
    mirrored = kept + kept[-2::-1]
    smooth = [
        sorted(mirrored[place] if place >= 0 else kept[0] for place in range(at - half, at + half + 1))[half]
        for at in range(count)
    ]
    weights = [norm**-power for norm in smooth]
    rates = [weights[at] * sum(weights[at + 1 :]) for at in range(count)]
    return np.array(rates) / max(rates)


@given(st.integers(0, 10**6), st.integers(104, 300), st.sampled_from([1, 2]), st.sampled_from([0.01, 0.1, 0.3, 1.0]))
def test_it_is_the_formula(seed, steps, power, smoothing):
    rng = np.random.default_rng(seed)
    norms = np.exp(rng.normal(size=steps) + np.sin(np.arange(steps) / 30))
    norms[rng.integers(0, steps, 3)] = np.inf
    if np.isfinite(norms[2:-2]).sum() < 100:
        return
    refined = s.refine(norms, power=power, smoothing=smoothing)
    assert refined.values == pytest.approx(directly(norms.tolist(), power, smoothing), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("norm", [1e-200, 1e-3, 1.0, 1e300])
def test_constant_norms_give_linear_decay(power, norm):
    refined = s.refine(np.full(1_004, norm), power=power)
    assert refined.values == pytest.approx(1 - np.arange(1_000) / 999, abs=1e-12)
    assert refined.doubts == ()
    schedule = refined.schedule(10**9, peak=3e-4)
    linear = s.linear(10**9, peak=3e-4)
    assert [schedule(now * 10**7) for now in range(101)] == pytest.approx([linear(now * 10**7) for now in range(101)])


def test_large_norms_at_first_give_a_warm_up_and_late_ones_a_faster_fall():
    t = np.linspace(0, 1, 2_004)
    early = s.refine(1 + 5 * np.exp(-t / 0.1), power=1).values
    assert early[0] < 0.5
    assert 0.1 < early.argmax() / early.size < 0.5
    late = s.refine(1 + 3 * t**2, power=1).values
    assert late[1_500] < 0.6 * (1 - 1_500 / 1_999)


def test_a_long_log_takes_seconds_and_few_points():
    refined = s.refine(np.random.default_rng(0).lognormal(size=30_000), power=2)
    assert refined.values.size == 10_001
    assert refined.values[-1] == 0


def test_what_is_degenerate_is_said_and_not_used_unseen():
    t = np.linspace(0, 1, 1_004)
    spike = s.refine(np.where(np.abs(t - 0.5) < 0.03, 0.01, 1.0), power=2, smoothing=0.01)
    assert spike.doubts == ("97% of the area is in 5% of the steps",)
    with pytest.raises(BadArgument, match=r"norms must give a schedule that can be used, got 97% of the area is in 5%"):
        spike.schedule(1_000)
    assert spike.schedule(1_000, despite_doubts=True)(500) > 0.5
    end = s.refine(np.where(t < 0.96, 1.0, 0.001), power=2, smoothing=0.01)
    assert "the peak is in the last 5% of the steps" in end.doubts
    holes = np.ones(1_004)
    holes[::5] = np.inf
    assert s.refine(holes, power=1).doubts == ("20% of the norms are infinite",)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: s.refine(np.zeros(200), power=1), r"norms must be above 0, got 0.0 at step 0, 200 such; log the norm"),
        (lambda: s.refine([1.0] * 150 + [np.nan] * 3, power=1), r"norms must be above 0, got nan at step 150, 3 such"),
        (lambda: s.refine(np.ones(103), power=1), r"norms must be at least 100 finite ones between the ends, got 99"),
        (lambda: s.refine(np.ones((200, 2)), power=1), r"norms must be one number a step"),
        (lambda: s.refine(np.ones(200), power=0), r"power must be a number above 0, got 0; 2 for SGD, 1 for Adam"),
        (lambda: s.refine(np.ones(200), power=1, smoothing=0), r"smoothing must be a number in \(0, 1\], got 0"),
    ],
)
def test_norms_that_cannot_be_used_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()

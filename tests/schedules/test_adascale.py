from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import schedules as s
from croupier.errors import BadArgument


@given(st.floats(1, 1024), st.floats(0, 1e6), st.floats(1e-6, 1e6))
def test_the_gain_is_the_formula_between_one_and_the_scale(scale, variance, squared):
    gain = s.AdaScale(scale).after(variance=variance, squared_norm=squared).gain
    assert gain == pytest.approx((variance + squared) / (variance / scale + squared))
    assert 1 - 1e-9 <= gain <= scale * (1 + 1e-9)


def test_noise_alone_scales_linearly_and_none_not_at_all():
    assert s.AdaScale(16).after(variance=1.0, squared_norm=0.0).gain == 16
    assert s.AdaScale(16).after(variance=0.0, squared_norm=1.0).gain == 1


@given(st.floats(1, 64), st.floats(0.01, 100), st.floats(0.01, 100), st.integers(1, 512))
def test_the_gain_is_noise_scaling_at_the_noise_of_the_moment(scale, variance, squared, small):
    """Variance of a batch of ``small`` is trace / small, so the noise scale is small x variance / squared norm."""
    gain = s.AdaScale(scale).after(variance=variance, squared_norm=squared).gain
    rule = s.NoiseScaling(tuned_at=small, noise_scale=small * variance / squared)
    assert gain == pytest.approx(rule(scale * small))


def test_the_schedule_runs_in_gained_steps_and_a_state_is_three_numbers():
    """The algorithm by hand: rate of step t is gain x schedule(progress before it); then progress += gain."""
    schedule, state, progress, rates = s.linear(100, peak=0.1), s.AdaScale(scale=8), 0.0, []
    for step in range(30):
        state = s.AdaScale(**asdict(state)).after(variance=3.0 + step, squared_norm=1.0)
        gain = (3.0 + step + 1.0) / ((3.0 + step) / 8 + 1.0)
        rates.append(gain * schedule(progress))
        progress += gain
        assert state.learning_rate(schedule) == pytest.approx(rates[-1])
    assert state.progress == pytest.approx(progress)
    assert replace(state, scale=16).after(variance=1.0, squared_norm=0.0).progress == pytest.approx(progress + 16)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: s.AdaScale(0.5), r"scale must be a number of at least 1, got 0.5"),
        (lambda: s.AdaScale(2).learning_rate(0.1), r"schedule must be a schedule, called with the clock, got 0.1"),
        (lambda: s.AdaScale(2, progress=float("nan")), r"progress must be a number of at least 0, got nan; begin with"),
        (lambda: s.AdaScale(2, gain=-3), r"gain must be a number of at least 1, got -3; begin with 0 and 1"),
        (
            lambda: s.AdaScale(float("inf")).after(variance=1.0, squared_norm=0.0),
            r"variance / scale \+ squared_norm must be above 0, got 0.0; pass the unbiased",
        ),
        (lambda: s.AdaScale(2).after(variance=-1.0, squared_norm=1.0), r"variance must be a number of at least 0"),
        (lambda: s.AdaScale(2).after(variance=1.0, squared_norm=float("nan")), r"squared_norm must be a number of at"),
        (lambda: s.AdaScale(2).after(variance=0.0, squared_norm=0.0), r"variance \+ squared_norm must be above 0"),
    ],
)  # fmt: skip
def test_bad_estimates_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import schedules as s
from croupier.errors import BadArgument


@given(st.integers(0, 300), st.integers(50, 200), st.integers(1, 60), st.floats(0, 1))
def test_a_branch_is_the_run_until_it_begins_and_then_its_decay(now, begins, length, floor):
    running = s.inverse_sqrt(warmup=20, peak=2.0)
    branch = s.Cooldown(running, begins, length, s.Linear(), floor)
    p = min(max(now - begins, 0) / length, 1)
    assert branch(now) == pytest.approx(running(min(now, begins)) * (1 - (1 - floor) * p))
    falling = s.Cooldown(running, begins, length, s.Linear(), floor, keeps_falling=True)
    assert falling(now) == pytest.approx(running(now) * (1 - (1 - floor) * p))


def test_branches_of_one_run_share_it():
    """Two cool-downs of a run whose end nobody knew: until each begins, every checkpoint is the run's own."""
    running = s.constant(warmup=10, peak=3e-4)
    early, late = s.Cooldown(running, 100, 20), s.Cooldown(running, 400, 80)
    assert all(early(now) == late(now) == running(now) for now in range(101))
    assert early(120) == late(480) == 0
    assert late(120) == running(120) == 3e-4


def test_a_wsd_schedule_is_a_constant_with_a_cooldown():
    whole = s.warmup_stable_decay(100, warmup=10, decay=30, floor=0.1)
    joined = s.Cooldown(s.constant(warmup=10), 70, 30, floor=0.1)
    assert [whole(now) for now in range(120)] == pytest.approx([joined(now) for now in range(120)])


@given(st.integers(-10, 200), st.integers(1, 100))
def test_a_warm_up_rises_to_where_the_schedule_then_stands(now, length):
    schedule = s.linear(150)
    share = min(max(now, 0) / length, 1)
    assert s.Warmed(schedule, length)(now) == pytest.approx(share * schedule(max(now, length)))


@given(st.integers(1, 500), st.integers(1, 64), st.integers(1, 64))
def test_regime_adaptation_makes_as_many_updates_at_each_value(update, small, large):
    """'Train longer': the k-th update of the large batch has the rate of the k-th of the small one."""
    schedule = s.cosine(400 * small, warmup=20 * small)
    stretched = s.Stretched(schedule, Fraction(large, small))
    assert stretched(update * large) == schedule(update * small)


def test_scaling_keeps_the_course():
    assert [s.Scaled(s.linear(10), 3)(now) for now in (0, 5, 10)] == [3.0, 1.5, 0.0]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: s.Cooldown(s.constant(), "end", 5), r"begins must be a number, got 'end'; pass a moment on the clock"),
        (lambda: s.Cooldown(s.constant(), 5, 0), r"length must be a number above 0, got 0; pass how long it falls"),
        (lambda: s.Cooldown(s.constant(), 5, 5, floor=2), r"floor must be a number from 0 to 1, got 2"),
        (
            lambda: s.Cooldown(s.constant(), 5_000, 0.1),
            r"length must be a length on the clock, not a share .*; pass round",
        ),
        (lambda: s.Cooldown(s.constant(), 5, 5, shape=s.Cosine), r"shape must be a shape, or a function from progress"),
        (lambda: s.Cooldown(3e-4, 5, 5), r"schedule must be a schedule, called with the clock, got 0.0003"),
        (lambda: s.Warmed(s.Phases, 5), r"schedule must be a schedule, called with the clock, got <class"),
        (lambda: s.Warmed(s.linear(100), 0.1), r"length must be a length on the clock, .*; pass round\(0.1 \* 100\)"),
        (lambda: s.Scaled(1.0, 2), r"schedule must be a schedule, called with the clock, got 1.0"),
        (lambda: s.Stretched(1.0, 2), r"schedule must be a schedule, called with the clock, got 1.0"),
        (lambda: s.Warmed(s.constant(), 0), r"length must be a number above 0, got 0; pass how long it rises"),
        (lambda: s.Scaled(s.constant(), 0), r"peak must be a finite number above 0, got 0"),
        (lambda: s.Stretched(s.constant(), 0), r"by must be a number above 0, got 0; pass large / small"),
    ],
)
def test_bad_arguments_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import schedules as s
from croupier.errors import BadArgument

LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=5)


@given(LENGTHS, st.integers(-20, 20))
def test_the_phase_is_the_one_the_clock_stands_in(lengths, start):
    """The oracle: walk from phase to phase. Each is told how long it has lasted, the last one for ever."""
    phases = [s.Decay(length, floor=1 / (2 + at)) for at, length in enumerate(lengths)]
    joined = s.Phases(phases, peak=2.0, start=start)
    for now in range(start - 5, start + sum(lengths) + 5):
        at, since = 0, now - start
        while at < len(phases) - 1 and since >= lengths[at]:
            since -= lengths[at]
            at += 1
        assert joined(now) == 2.0 * phases[at](since)
    assert joined.length == sum(lengths)


def test_before_the_start_and_after_the_end_it_holds():
    lr = s.Phases([s.Warmup(10, start=0.1), s.Hold(5), s.Decay(10, floor=0.2)], peak=3.0, start=100)
    assert [lr(now) for now in (-(10**9), 0, 99, 100)] == pytest.approx([0.3] * 4)
    assert [lr(now) for now in (125, 126, 10**30)] == pytest.approx([0.6] * 3)


def test_each_phase_is_its_formula():
    since = np.linspace(-5, 60, 131)
    p = np.clip(since / 20, 0, 1)
    t = np.maximum(since, 0)
    assert s.Warmup(20, start=0.25)(since) == pytest.approx(0.25 + 0.75 * p)
    assert s.Warmup(20, shape=s.Polynomial(0.5))(since) == pytest.approx(1 - np.sqrt(1 - p))
    assert s.Decay(20, s.Cosine(), 0.1)(since) == pytest.approx(0.1 + 0.45 * (1 + np.cos(np.pi * p)))
    assert s.InverseRoot(10)(since) == pytest.approx(np.sqrt(10 / (10 + t)))
    assert s.InverseRoot(10, 0.51, length=30)(since) == pytest.approx((1 + np.minimum(t, 30) / 10) ** -0.51)
    assert s.HalfLife(10, floor=0.1)(since) == pytest.approx(np.maximum(2 ** (-t / 10), 0.1))
    assert s.Hold(level=0.3)(since) == pytest.approx(np.full(131, 0.3))


def test_no_phase_is_asked_for_a_time_before_it_begins():
    """Of an array, and of numbers before the start: a root of it would be no number, and warn."""

    @dataclass(frozen=True)
    class Root:
        length: int = 10

        def __call__(self, since):
            return np.sqrt(since)

    joined = s.Phases([Root(), Root(), s.Hold(level=0.5)])
    assert joined(np.array([-4, 0, 9, 10, 14, 30])).tolist() == [0.0, 0.0, 3.0, 0.0, 2.0, 0.5]
    assert joined(-4) == 0.0


def test_phases_nest_and_others_may_join():
    @dataclass(frozen=True)
    class Sine:
        length: int = 10

        def __call__(self, since):
            return abs(math.sin(since))

    inner = s.Phases([s.Warmup(5), s.Decay(5)])
    both = s.Phases([inner, Sine(), inner])
    assert both(3) == inner(3)
    assert both(14) == abs(math.sin(4))
    assert both(26) == inner(6)
    assert both.length == 30


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: s.Phases([]), r"phases must be at least one, got \[\]; write \[Hold\(\)\]"),
        (lambda: s.Phases(s.Hold()), r"phases must be phases with a length, got Hold\(length=inf, level=1.0\)"),
        (lambda: s.Phases([abs]), r"phases must be phases with a length"),
        (lambda: s.Phases([s.Warmup(5), s.Decay]), r"phases must be phases with a length"),
        (lambda: s.Decay(10, "cosine"), r"shape must be a shape, or a function from progress to a factor, got 'cosine"),
        (lambda: s.Warmup(10, shape=s.Linear), r"shape must be a shape, .*; write shape=Cosine\(\), say"),
        (lambda: s.Phases([s.Hold(), s.Decay(5)]), r"length must be finite but for the last phase's, got Hold.*never"),
        (lambda: s.Phases([s.Hold()], peak=0), r"peak must be a finite number above 0, got 0"),
        (lambda: s.Warmup(0), r"length must be a number above 0, got 0; pass how long the phase is on your clock"),
        (lambda: s.Decay(float("nan")), r"length must be a number above 0, got nan"),
        (lambda: s.Decay(10, floor=3e4), r"floor must be a number from 0 to 1, got 30000.0; it is a fraction of"),
        (lambda: s.Warmup(10, start=-1), r"start must be a number from 0 to 1, got -1"),
        (lambda: s.Hold(level=2), r"level must be a number from 0 to 1, got 2"),
        (lambda: s.InverseRoot(0), r"timescale must be a number above 0, got 0"),
        (lambda: s.InverseRoot(1, power=0), r"power must be a number above 0, got 0"),
        (lambda: s.HalfLife(0), r"half_life must be a number above 0, got 0"),
    ],
)  # fmt: skip
def test_bad_phases_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier import schedules as s
from croupier.errors import BadArgument

GAPS = st.lists(st.tuples(st.integers(1, 200), st.integers(1, 40)), max_size=5)


def clock_of(gaps, first=7, tokens=Fraction(5, 2), flops=6, seconds=None):
    starts = np.cumsum([0, *(gap for gap, _ in gaps)]).tolist()
    sizes = [first, *(size for _, size in gaps)]
    return cr.TrainingClock(
        cr.BatchSizeRamp(list(zip(starts, sizes, strict=True))), tokens, flops,
        {size: Fraction(size + 3, 4) for size in sizes} if seconds is None else seconds,
    )  # fmt: skip


@given(GAPS, st.integers(0, 60))
def test_whole_steps_are_what_playing_them_adds_up_to(gaps, steps):
    clock = clock_of(gaps)
    samples, seconds = 0, Fraction(0)
    for _ in range(steps):
        size = clock.ramp.size_at(samples)
        samples, seconds = samples + size, seconds + Fraction(size + 3, 4)
    assert clock.at(steps=steps) == (samples, Fraction(5, 2) * samples, steps, seconds, 15 * samples)


@given(GAPS, st.sampled_from(list(s.Clock)), st.fractions(0, 10**4, max_denominator=1000))
def test_any_clock_gives_all_others_and_they_give_it_back(gaps, given_clock, value):
    clock = clock_of(gaps)
    moment = clock.at(**{given_clock.name.lower(): value})
    assert moment[given_clock.value] == value
    for other in s.Clock:
        assert clock.at(**{other.name.lower(): moment[other.value]}) == moment
        assert clock.convert(value, given_clock, other) == moment[other.value]
    assert all(type(number) is int or number.denominator > 1 for number in moment)


@given(GAPS, st.integers(0, 10**18))
def test_at_any_size_nothing_is_rounded(gaps, more):
    """2**62 samples on: a token more is a token more."""
    clock = clock_of(gaps, tokens=2048)
    tokens = 2**62 * 2048 + more
    moment = clock.at(tokens=tokens)
    assert clock.at(steps=moment.steps).tokens == tokens
    assert clock.at(tokens=tokens + 1).flops - moment.flops == 6


@given(GAPS, st.sampled_from(list(s.Clock)), st.sampled_from(list(s.Clock)))
def test_arrays_are_converted_as_numbers_are(gaps, here, there):
    clock, values = clock_of(gaps), np.arange(0, 500, 7)
    found = clock.convert(values, here, there)
    assert found.tolist() == pytest.approx([float(clock.convert(int(value), here, there)) for value in values])


def test_floats_stay_floats_and_unknown_clocks_none():
    assert cr.TrainingClock(8).at(samples=12) == (12, None, Fraction(3, 2), None, None)
    assert cr.TrainingClock(8, seconds_per_step=0.5).at(seconds=3.0) == (48.0, None, 6.0, 3.0, None)
    assert cr.TrainingClock(8, tokens_per_sample=2048).at(tokens=Fraction(10**6)).steps == Fraction(10**6, 2048 * 8)


CLOCK = cr.TrainingClock(256)


def test_durations_of_tokens_on_a_clock_of_steps():
    """A schedule written in tokens, called with steps as optax does: the same rate at every step of the ramp."""
    ramp = cr.BatchSizeRamp([(0, 256), (100_000, 1024)])
    clock = cr.TrainingClock(ramp, tokens_per_sample=2048)
    in_tokens = s.warmup_stable_decay(10**9, warmup=10**8, decay=2 * 10**8)
    in_steps = s.OnClock(in_tokens, clock, reads=s.Clock.TOKENS, given=s.Clock.STEPS)
    steps = np.arange(0, 900, 3)
    expected = [in_tokens(ramp.samples_at(int(step)) * 2048) for step in steps]
    assert [in_steps(int(step)) for step in steps] == expected
    assert in_steps(steps) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: cr.TrainingClock(0), r"size must be an integer >= 1, got 0"),
        (lambda: cr.TrainingClock(8, tokens_per_sample=0), r"tokens_per_sample must be a number above 0, got 0; leave"),
        (lambda: cr.TrainingClock(8, flops_per_token=6), r"tokens_per_sample must be given with flops_per_token, got"),
        (lambda: cr.TrainingClock(8, seconds_per_step={4: 1.0}), r"seconds_per_step must have the size 8 of the ramp"),
        (lambda: cr.TrainingClock(8).at(), r"at must be given one clock, got no clock; write clock.at"),
        (lambda: cr.TrainingClock(8).at(steps=1, samples=1), r"at must be given one clock, got samples, steps"),
        (lambda: cr.TrainingClock(8).at(tokens=1), r"tokens_per_sample must be known to read tokens, got None; write"),
        (lambda: cr.TrainingClock(8, 2).at(flops=1), r"flops_per_token must be known to read flops, got None"),
        (lambda: cr.TrainingClock(8).at(samples=-1), r"samples must be a number of at least 0, got -1"),
        (lambda: s.OnClock(1.0, CLOCK, s.Clock.STEPS, s.Clock.SAMPLES), r"schedule must be a schedule, called with th"),
        (lambda: s.OnClock(s.constant(), 256, s.Clock.STEPS, s.Clock.SAMPLES), r"clock must be a TrainingClock, got 2"),
        (lambda: s.OnClock(s.constant(), CLOCK, "steps", s.Clock.SAMPLES), r"reads must be a Clock, got 'steps'; writ"),
        (lambda: s.OnClock(s.constant(), CLOCK, s.Clock.STEPS, 0), r"given must be a Clock, got 0; write schedules"),
        (lambda: s.OnClock(s.constant(), CLOCK, s.Clock.TOKENS, s.Clock.STEPS), r"tokens_per_sample must be known to "),
        (lambda: cr.TrainingClock(8).at(steps="1"), r"steps must be a number of at least 0, got '1'"),
    ],
)  # fmt: skip
def test_bad_clocks_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()

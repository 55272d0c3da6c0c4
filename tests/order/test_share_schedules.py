from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument
from croupier.order.share_schedules import ShareSchedule


@given(st.floats(0.5, 10), st.floats(0.5, 10), st.integers(0, 100), st.integers(1, 50), st.integers(0, 10**6))
def test_annealing_moves_in_equal_steps_between_its_samples(first, last, start, steps, more):
    stages = cr.Anneal(first, last, start, start + steps + more, steps).stages()
    samples = [sample for sample, _ in stages]
    temperatures = [shares.temperature for _, shares in stages]
    assert samples == sorted(set(samples))
    assert samples[0] == 0
    assert samples[-1] == start + steps + more
    assert temperatures[-1] == pytest.approx(last)
    if start:
        assert temperatures[0] == first
        assert len(stages) == steps + 2
        differences = [b - a for a, b in pairwise(temperatures)]
        assert differences == pytest.approx([(last - first) / (steps + 1)] * (steps + 1), abs=1e-9)


def test_schedules_are_recognised():
    for schedule in (cr.Stages([(0, cr.Uniform())]), cr.Cooldown(5), cr.Anneal(2.0, 1.0, 0, 100)):
        assert isinstance(schedule, ShareSchedule)
    assert not isinstance(cr.Temperature(2.0), ShareSchedule)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: cr.Stages([]), r"stages must be at least one"),
        (lambda: cr.Stages([(5, cr.Uniform())]), r"samples of the stages must begin at 0 and increase, got \[5\]"),
        (lambda: cr.Stages([(0, cr.Uniform()), (0, cr.Uniform())]), r"begin at 0 and increase, got \[0, 0\]"),
        (lambda: cr.Stages([(0, 3)]), r"shares from sample 0 must be a mapping of names to numbers, or a rule, got 3"),
        (lambda: cr.Cooldown(0), r"switch_samples must be an integer >= 1"),
        (lambda: cr.Cooldown(5, high=1.0, low=2.0), r"high must be at least low=2.0, got 1.0; swap them"),
        (
            lambda: cr.Anneal(5.0, 1.0, 10, 20),
            r"stop_samples must be an integer >= 42, got 20; it comes after start_samples=10",
        ),
        (lambda: cr.Anneal(0.0, 1.0, 10, 200), r"temperature must be a number above 0"),
    ],
)
def test_bad_schedules_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from croupier import schedules as s
from croupier.core.cursor import Cursor
from croupier.errors import BadArgument
from croupier.schedules.arithmetic import (
    NUMBERS,
    arithmetic,
    check_schedule,
    checked_fraction_of_peak,
    checked_number,
    checked_peak,
    is_number,
    operand,
)


class OfAnotherLibrary:
    def __array_namespace__(self):
        return "its namespace"

    def __mul__(self, factor):
        return ("times", factor)


def test_numbers_stay_what_they_are_and_arrays_become_floats_of_their_namespace():
    for number in (3, 2.5, Fraction(1, 3), np.int64(3), np.float32(2.5)):
        assert is_number(number)
        assert arithmetic(number) == (NUMBERS, number)
    for array in ([1, 2], np.array([1, 2], np.int32)):
        namespace, values = arithmetic(array)
        assert namespace is np
        assert values.dtype == np.float64
    assert arithmetic(OfAnotherLibrary()) == ("its namespace", ("times", 1.0))


def test_parameters_meet_arrays_as_floats_only():
    assert operand(NUMBERS, Fraction(1, 3)) == Fraction(1, 3)
    assert type(operand(np, Fraction(1, 4))) is float
    assert operand(np, 2**70) == float(2**70)


def test_numpy_scalars_are_taken_for_numbers():
    assert type(checked_number("x", np.int64(5), "be", above=0, up_to=9, fix="")) is int
    assert checked_fraction_of_peak("floor", 0) == 0
    assert checked_peak(3) == 3.0


@pytest.mark.parametrize("now", [Cursor(), None, "5"])
def test_what_is_no_moment_is_refused(now):
    text = r"now must be a number, or an array of them, got '\w+'; a cursor has several: pass cursor.samples"
    for schedule in (s.cosine(100), s.Cooldown(s.constant(), 5, 5), s.Tabulated([0, 1], 9), s.PowerLaw(8, 4)):
        with pytest.raises(BadArgument, match=text):
            schedule(now)


@pytest.mark.parametrize("value", [s.Cosine, "cosine", 3e-4, None])
def test_what_is_no_schedule_is_refused(value):
    with pytest.raises(
        BadArgument, match=r"schedule must be a schedule, called with the clock, got .*; write schedules"
    ):
        check_schedule("schedule", value)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "1", None, True, 1e301, [1]])
def test_bad_peaks_are_refused(value):
    with pytest.raises(BadArgument, match=r"peak must be a finite number above 0.*, got .*; pass 1 for a factor"):
        checked_peak(value)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "0"])
def test_bad_fractions_are_refused(value):
    with pytest.raises(BadArgument, match=r"floor must be a number from 0 to 1, got .*; it is a fraction of the peak"):
        checked_fraction_of_peak("floor", value)


def test_halves_are_calculated_in_doubles():
    halves = np.array([0.5, 1.5, 60000.0], np.float16)
    assert arithmetic(halves)[1].dtype == np.float64
    assert s.SqrtScaling(32)(halves).tolist() == s.SqrtScaling(32)(halves.astype(float)).tolist()
    assert s.rescaled_beta(0.25, np.float16(0.5)) == 0.5


def test_what_is_divided_by_has_a_size():
    with pytest.raises(BadArgument, match=r"half_life must be a number above 0 and >= 1e-150, got 1e-320"):
        s.HalfLife(1e-320)
    with pytest.raises(BadArgument, match=r"peak must be a finite number above 0 and <= 1e\+150, got 1e\+200"):
        checked_peak(1e200)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import schedules as s
from croupier.errors import BadArgument


@given(st.lists(st.floats(0, 10), min_size=2, max_size=9), st.floats(-5, 60))
def test_it_is_straight_lines_between_its_values(values, now):
    grid = np.linspace(0, 50, len(values))
    assert s.Tabulated(values, 50, peak=2.0)(now) == pytest.approx(2 * np.interp(now, grid, values), abs=1e-12)


def test_another_length_is_the_same_course():
    values = [0.0, 1.0, 0.7, 0.0]
    short, long = s.Tabulated(values, 30), s.Tabulated(values, 3 * 10**12)
    assert [long(now * 10**11) for now in range(31)] == pytest.approx([short(now) for now in range(31)])


@pytest.mark.parametrize("values", [[1.0], [], "12", [1, float("nan")], [1, -0.1], [[1, 2], [3, 4]], None])
def test_bad_values_are_refused(values):
    with pytest.raises(BadArgument, match=r"values must be two or more finite numbers, none below 0, got"):
        s.Tabulated(values, 10)


def test_a_length_and_a_peak_are_positive():
    with pytest.raises(BadArgument, match=r"length must be a number above 0, got 0; pass how long it takes"):
        s.Tabulated([1, 0], 0)
    with pytest.raises(BadArgument, match=r"peak must be a finite number above 0, got -1"):
        s.Tabulated([1, 0], 10, peak=-1)


@pytest.mark.filterwarnings("error")
def test_not_a_number_stays_none():
    table = s.Tabulated([0, 1, 0.5], 10)
    assert np.isnan(table(float("nan")))
    assert np.array_equal(table(np.array([5.0, np.nan])), [1.0, np.nan], equal_nan=True)

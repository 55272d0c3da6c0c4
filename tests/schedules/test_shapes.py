from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import schedules as s
from croupier.errors import BadArgument
from croupier.schedules.shapes import check_shape

SHAPES = [
    s.Linear(), s.Cosine(), s.Polynomial(0.5), s.Polynomial(3), s.OneMinusSqrt(), s.OneMinusSquare(),
    s.Exponential(4), s.Exponential(0.3, to_zero=True), s.Rex(0), s.Rex.paper(), s.Rex.code(), s.Rex(-2),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_every_shape_falls_from_one(shape):
    progress = np.linspace(0, 1, 1001)
    factors = shape(progress)
    assert factors[0] == 1
    assert np.all(np.diff(factors) <= 0)
    assert factors[-1] == pytest.approx(2.0**-4 if shape == s.Exponential(4) else 0, abs=1e-15)
    assert factors.tolist() == pytest.approx([shape(float(p)) for p in progress], abs=1e-15)


@given(st.floats(0, 1))
def test_each_shape_is_its_formula(p):
    assert s.Cosine()(p) == pytest.approx((1 + math.cos(math.pi * p)) / 2, abs=1e-15)
    assert s.OneMinusSqrt()(p) == pytest.approx(1 - math.sqrt(p), abs=1e-15)
    assert s.Exponential(2.5)(p) == pytest.approx(math.exp(-2.5 * p * math.log(2)))
    assert s.Rex.paper()(p) == pytest.approx((1 - p) / (0.5 + (1 - p) / 2), abs=1e-15)
    assert s.Rex.code()(p) == pytest.approx((1 - p) / (0.1 + 0.9 * (1 - p)), abs=1e-15)
    assert s.Rex(0)(p) == s.Linear()(p)


def test_minicpm_halves_with_its_half_life():
    """Decay of n steps with a half-life of T: 0.5 ** (t / T) of the stable rate, at every step."""
    decay = s.Decay(2_000, s.Exponential(2_000 / 5_000))
    assert [decay(t) for t in (0, 500, 2_000)] == pytest.approx([0.5 ** (t / 5_000) for t in (0, 500, 2_000)])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: s.Polynomial(0), r"power must be a number above 0, got 0; 1 is a line"),
        (lambda: s.Exponential(0), r"halvings must be a number above 0, got 0; pass the length of the decay"),
        (lambda: s.Rex(1), r"a must be a number below 1, got 1; 0 is a line"),
        (
            lambda: check_shape("rex"),
            r"shape must be a shape, or a function from progress to a factor, got 'rex'; write",
        ),
        (lambda: check_shape(s.Rex), r"shape must be a shape, or a function from progress to a factor, got <class"),
        (lambda: s.Rex("paper"), r"a must be a number below 1, got 'paper'"),
    ],
)
def test_bad_shapes_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()


def test_the_cosine_stays_where_it_ends():
    shape = s.Cosine()
    assert (shape(-1.0), shape(1.5), shape(math.inf), shape(-math.inf)) == (1.0, 0.0, 0.0, 1.0)
    assert shape(np.array([-2.0, np.inf])).tolist() == [1.0, 0.0]

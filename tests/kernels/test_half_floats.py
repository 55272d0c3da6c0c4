"""Half-precision numbers in integers: NumPy's own to the nearest, right on average by a draw."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels.half_floats import NEAREST, half_bits, half_bits_of, half_value, half_values

numbers = st.floats(-(2.0**20), 2.0**20, width=32) | st.floats(-(2.0**-13), 2.0**-13, width=32)


def test_every_half_is_read_as_numpy_reads_it():
    bits = np.arange(2**16)
    finite = np.isfinite(bits.astype(np.uint16).view(np.float16))
    expected = bits.astype(np.uint16).view(np.float16).astype(float)[finite]
    assert np.array_equal(half_values(bits[finite]), expected)
    assert [half_value(int(b)) for b in bits[finite][::7]] == expected[::7].tolist()


@given(st.lists(numbers, min_size=1, max_size=40))
def test_to_the_nearest_it_rounds_as_numpy_does(values):
    given_values = np.clip(np.array(values, np.float32), -65504, 65504)
    ours = half_bits_of(given_values.astype(float), NEAREST)
    assert np.array_equal(half_values(ours), given_values.astype(np.float16).astype(float))
    assert [half_bits(value, NEAREST) for value in given_values.astype(float).tolist()] == ours.tolist()


@given(st.lists(st.tuples(st.floats(-1e30, 1e30), st.integers(0, 2**13 - 1)), min_size=1, max_size=40))
def test_the_helper_and_the_array_form_agree(pairs):
    values, spare = (np.array(part) for part in zip(*pairs, strict=True))
    one_by_one = [half_bits(float(value), int(draw)) for value, draw in pairs]
    assert half_bits_of(values, spare).tolist() == one_by_one


@given(numbers)
def test_over_all_draws_the_mean_is_the_number(value):
    """All 2**13 draws: exact but for what a float32 cuts off, or 2**-37 of a number below 2**-14."""
    value = float(np.clip(value, -65000, 65000))
    rounded = half_values(half_bits_of(np.full(2**13, value), np.arange(2**13)))
    assert abs(rounded.mean() - value) <= 2.0**-24 * abs(value) + 2.0**-37
    assert np.unique(rounded).size <= 2
    assert rounded.min() <= value <= rounded.max() or np.isclose(rounded, value, rtol=2**-24, atol=2**-37).any()


def test_what_is_too_large_is_held_as_the_largest():
    assert half_values(half_bits_of(np.array([7e4, -1e300, 65519.9]), 8191)).tolist() == [65504.0, -65504.0, 65504.0]

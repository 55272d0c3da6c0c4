from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.core import cumulative_weights as module
from croupier.core.cumulative_weights import cumulative_weights, from_whole_weights, weight_column
from croupier.errors import BadTable

weights_of_rows = st.lists(st.floats(0, 1e300, allow_subnormal=False), min_size=1, max_size=50).filter(any)


def whole(weights):
    return np.diff(cumulative_weights(weight_column(cr.Table(w=weights), "w"), "w").running, prepend=0)


@given(weights_of_rows)
def test_floats_are_quantised_to_almost_all_of_62_bits(weights):
    """Within half a unit of the exact share, or one unit where a weight would vanish; the units are 2**-60 of all."""
    units = whole(np.array(weights))
    total = int(units.sum())
    assert 2**59 < total < 2**62
    exact_total = sum(map(Fraction, weights))
    for weight, unit in zip(weights, units.tolist(), strict=True):
        assert (unit == 0) == (weight == 0)
        assert abs(Fraction(unit, total) - Fraction(weight) / exact_total) < Fraction(2 + len(weights), total)


@given(st.lists(st.integers(0, 2**55), min_size=1, max_size=50).filter(any))
def test_integers_stay_as_they_are(weights):
    assert whole(np.array(weights)).tolist() == weights
    assert from_whole_weights(np.array(weights)).total == sum(weights)


def test_integers_that_sum_too_high_are_scaled():
    assert whole(np.full(8, 2**62, np.uint64)).tolist() == [2**58] * 8
    assert whole(np.array([True, False, True])).tolist() == [1, 0, 1]


def test_chunks_make_no_difference(monkeypatch):
    weights = np.random.default_rng(0).lognormal(size=1000).astype(np.float32)
    expected = whole(weights)
    monkeypatch.setattr(module, "CHUNK_ROWS", 7)
    assert whole(weights).tolist() == expected.tolist()


def test_torch_fails_where_this_does_not():
    """The heavy last row of 2**24 + 1: a float32 running sum would never reach it."""
    weights = np.ones(2**24 + 1, np.float32)
    weights[-1] = 2**24
    sums = cumulative_weights(weight_column(cr.Table(w=weights), "w"), "w")
    rows, probability = sums.rows_at(np.array([0, sums.total // 2 - 1, sums.total - 1]))
    assert rows.tolist() == [0, 2**24 - 1, 2**24]
    assert probability[-1] == pytest.approx(0.5)
    assert sums.positive_rows == 2**24 + 1


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([1.0, -0.5], r"table column 'w' must be finite and >= 0, got -0.5 in row 1; mend the weights"),
        ([1.0, float("nan"), -1], r"got nan in row 1"),
        ([1.0, float("inf")], r"got inf in row 1"),
        ([0.0, 0.0], r"table column 'w' must have a weight above 0, got all weights 0"),
        (["a", "b"], r"table column 'w' must hold one number a row, got strings, which are categories"),
        (np.ones((2, 2)), r"must hold one number a row, got dtype float64, shape \(2, 2\)"),
    ],
)
def test_bad_weights_are_refused(weights, text):
    with pytest.raises(BadTable, match=text):
        cumulative_weights(weight_column(cr.Table(w=weights), "w"), "w")

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument
from croupier.order.shares import CYCLE, Given, whole_parts

sizes = st.lists(st.integers(1, 10**6), min_size=1, max_size=20).map(lambda values: np.array(values, float))


def names_of(values):
    return [str(i) for i in range(values.size)]


@given(sizes)
def test_parts_sum_to_a_cycle_within_one_of_the_share(weights):
    parts = whole_parts(weights, names_of(weights))
    assert parts.sum() == CYCLE
    assert np.all(np.abs(parts - CYCLE * weights / weights.sum()) < 1 + 1e-6)


def test_decimal_shares_are_exact():
    assert whole_parts(np.array([0.6, 0.25, 0.1, 0.04, 0.01]), list("abcde")).tolist() == [
        600_000_000, 250_000_000, 100_000_000, 40_000_000, 10_000_000,
    ]  # fmt: skip


@given(sizes)
def test_temperatures_go_from_proportional_to_uniform(values):
    names = names_of(values)
    assert cr.Temperature(1.0).weights(values, names) == pytest.approx(values / values.max())
    assert cr.Temperature(1e9).weights(values, names) == pytest.approx(np.ones(values.size), abs=1e-6)
    assert cr.Temperature(2.5).weights(values, names) == pytest.approx((values / values.max()) ** 0.4)


@given(sizes, st.floats(0.1, 10), st.floats(0.01, 0.99))
def test_unimax_is_uniform_but_for_those_at_the_cap(values, max_passes, used):
    """The defining property: nobody above the cap, and all below it alike and above all that are at it."""
    values = values + 10  # so that a run of one sample is within the cap
    run = max(1, int(values.sum() * max_passes * used))
    budgets = cr.UniMax(max_passes, run).weights(values, names_of(values))
    cap = max_passes * values
    assert budgets.sum() == pytest.approx(run)
    assert np.all(budgets <= cap * (1 + 1e-9))
    free = budgets < cap * (1 - 1e-9)
    if free.any():
        assert np.ptp(budgets[free]) < 1e-6 * budgets[free].max()
        assert np.all(budgets[~free] <= budgets[free].max() * (1 + 1e-9))


def test_effective_numbers_are_those_of_the_formula():
    values = np.array([1.0, 10.0, 1000.0])
    for beta in (0.0, 0.9, 0.999):
        expected = values * (1 - beta) / (1 - beta**values)
        assert cr.EffectiveNumber(beta).weights(values, list("abc")) == pytest.approx(expected)


def test_empty_sources_get_nothing():
    values = np.array([5.0, 0.0, 2.0])
    for rule in (cr.Proportional(), cr.Uniform(), cr.Temperature(4), cr.UniMax(2, 5), cr.EffectiveNumber(0.9)):
        weights = rule.weights(values, list("abc"))
        assert weights[1] == 0
        assert (weights[[0, 2]] > 0).all()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: cr.Temperature(0), r"temperature must be a number above 0, got 0; pass 1.0 for proportional"),
        (lambda: cr.Temperature(float("nan")), r"temperature must be a number above 0, got nan"),
        (lambda: cr.Temperature("5"), r"temperature must be a number above 0, got '5'"),
        (lambda: cr.UniMax(0, 5), r"max_passes must be a number above 0"),
        (lambda: cr.UniMax(1, 0), r"budget must be an integer >= 1"),
        (
            lambda: cr.UniMax(1.5, 100).weights(np.array([10.0, 20.0]), ["a", "b"]),
            r"max_passes must allow the budget of 100, got 1.5; pass at least 3.33",
        ),
        (lambda: cr.EffectiveNumber(1.0), r"beta must be in \[0, 1\), got 1.0"),
        (lambda: Given({"a": float("inf")}), r"share of 'a' must be a finite number >= 0, got inf"),
        (
            lambda: Given({"a": 1, "b": 1}).weights(np.array([1.0, 0.0]), ["a", "b"]),
            r"share of 'b' must be 0 for a source without rows, got 1.0",
        ),
    ],
)
def test_bad_rules_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: cr.Temperature(None), r"temperature must be a number above 0, got None"),
        (lambda: cr.EffectiveNumber(None), r"beta must be in \[0, 1\), got None"),
        (lambda: cr.UniMax([], 5), r"max_passes must be a number above 0, got \[\]"),
        (lambda: Given({"a": None}), r"share of 'a' must be a finite number >= 0, got None"),
        (lambda: Given({"a": "x"}), r"share of 'a' must be a finite number >= 0, got 'x'"),
        (lambda: cr.Stages(None), r"changes must be pairs of sample and shares, got None; write"),
        (lambda: cr.Stages({0: cr.Uniform()}), r"changes must be pairs of sample and shares"),
    ],
)
def test_odd_types_are_refused_by_name(make, text):
    with pytest.raises(BadArgument, match=text):
        make()

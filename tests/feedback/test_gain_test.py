from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=30).filter(lambda scores: sum(scores) > 1e-3))
def test_the_gain_is_the_published_expression(scores):
    p, u = np.array(scores) / np.sum(scores), 1 / len(scores)
    published = 1 / np.sqrt(1 - ((p - u) ** 2).sum() / (p**2).sum())
    assert cr.importance_gain(scores) == pytest.approx(published, rel=1e-6)
    assert 1.0 <= cr.importance_gain(scores) <= np.sqrt(len(scores)) * (1 + 1e-12)


def test_the_gain_is_the_ratio_of_root_mean_squares():
    """Uniform draws against draws by the norms, of gradients in one dimension: second moments by hand."""
    norms = np.random.default_rng(0).exponential(size=50)
    p = norms / norms.sum()
    uniform, weighted = (norms**2).mean(), (p * (norms / (50 * p)) ** 2).sum()
    assert cr.importance_gain(norms) == pytest.approx(np.sqrt(uniform / weighted))
    assert cr.importance_gain(np.zeros(5)) == 1.0
    assert cr.importance_gain([1e-200, 1e-200]) == 1.0


def test_the_running_mean_and_the_threshold_are_those_of_the_published_code():
    """Recorded from the rule of its VarianceReductionCondition: v = 0.9 v + 0.1 tau from 0, on above (B + 3b) / 3b."""
    test = cr.GainTest(candidates=640, chosen=128)
    assert test.threshold == pytest.approx((640 + 3 * 128) / (3 * 128))
    expected = 0.0
    for tau in [5.0, 1.0, 9.0, 9.0, 9.0]:
        test, expected = test.after(tau), 0.9 * expected + 0.1 * tau
        assert test.gain == pytest.approx(expected)
        assert test.is_on == (expected > test.threshold)
    assert test.is_on
    for _ in range(30):
        test = test.after(1.0)
    assert not test.is_on, "it falls back where it no longer pays"


def test_its_state_is_plain_numbers():
    test = cr.GainTest(96, 32).after(3.0)
    assert asdict(test) == {"candidates": 96, "chosen": 32, "momentum": 0.9, "gain": pytest.approx(0.3)}
    assert cr.GainTest(**asdict(test)) == test


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: cr.GainTest(96, 0), "chosen must be an integer >= 1, got 0; pass the examples that are trained on"),
        (lambda: cr.GainTest(16, 32), "candidates must be an integer >= 32, got 16; score more than are trained on"),
        (lambda: cr.GainTest(96, 32, momentum=1.0), r"momentum must be in \[0, 1\), got 1.0"),
        (lambda: cr.GainTest(96, 32, gain=-1.0), "gain must be a number >= 0, got -1.0; begin at 0"),
        (lambda: cr.GainTest(96, 32).after(0.5), "gain must be a number >= 1, got 0.5"),
        (lambda: cr.GainTest(96, 32).after(float("nan")), "gain must be a number >= 1, got nan"),
        (
            lambda: cr.GainTest(96, 32).after(np.ones(96)),
            r"gain must be a number >= 1, got an array of shape \(96,\); pass importance_gain\(scores\)",
        ),
        (lambda: cr.importance_gain([]), "scores must be a list of numbers"),
        (lambda: cr.importance_gain([1.0, -1.0]), "scores must be finite and >= 0, got -1.0 among them"),
        (lambda: cr.importance_gain([1.0, np.nan]), "scores must be finite and >= 0"),
    ],
)
def test_bad_arguments_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()

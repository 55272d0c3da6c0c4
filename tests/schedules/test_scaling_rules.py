from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import schedules as s
from croupier.errors import BadArgument

SIZES = st.floats(1, 1e6)


@given(SIZES, SIZES, SIZES)
def test_each_rule_is_its_formula_and_one_where_it_was_tuned(tuned, size, noise):
    assert s.LinearScaling(tuned)(size) == pytest.approx(size / tuned)
    assert s.SqrtScaling(tuned)(size) == pytest.approx(math.sqrt(size / tuned))
    mccandlish = [1 / (1 + noise / batch) for batch in (size, tuned)]
    assert s.NoiseScaling(tuned, noise)(size) == pytest.approx(mccandlish[0] / mccandlish[1])
    surge = [1 / (0.5 * (math.sqrt(noise / batch) + math.sqrt(batch / noise))) for batch in (size, tuned)]
    assert s.SurgeScaling(tuned, noise)(size) == pytest.approx(surge[0] / surge[1])
    for rule in (
        s.LinearScaling(tuned),
        s.SqrtScaling(tuned),
        s.NoiseScaling(tuned, noise),
        s.SurgeScaling(tuned, noise),
    ):
        assert rule(tuned) == pytest.approx(1)
        assert rule(np.array([size, tuned])) == pytest.approx([rule(size), 1])


def test_noise_scaling_is_linear_below_the_noise_scale_and_flat_above():
    rule = s.NoiseScaling(1, noise_scale=1e6)
    assert rule(100) == pytest.approx(100, rel=1e-3)
    assert rule(1e12) == pytest.approx(rule(1e13), rel=1e-5)
    assert rule(1e6) == pytest.approx(rule(1e15) / 2, rel=1e-5)


def test_the_surge_peaks_at_the_noise_scale_and_is_a_root_far_below():
    rule, sizes = s.SurgeScaling(1, noise_scale=4_096), np.geomspace(1, 1e7, 20_001)
    assert sizes[rule(sizes).argmax()] == pytest.approx(4_096, rel=2e-3)
    assert rule(16) == pytest.approx(4, rel=5e-3)
    assert rule(4_096 * 8) == pytest.approx(rule(4_096 / 8))
    assert rule(1e7) < rule(4_096)


def test_noise_without_end_is_the_limit():
    assert s.NoiseScaling(32, math.inf)(64) == pytest.approx(s.NoiseScaling(32, 1e15)(64)) == 2
    assert s.SurgeScaling(32, math.inf)(128) == pytest.approx(s.SurgeScaling(32, 1e15)(128)) == 2
    for rule in (s.NoiseScaling(32, math.inf), s.SurgeScaling(32, math.inf)):
        assert rule(np.array([32, 64])).tolist() == [1.0, rule(64)]


@pytest.mark.parametrize("rule", [s.LinearScaling, s.SqrtScaling])
def test_a_size_is_positive(rule):
    with pytest.raises(BadArgument, match=r"tuned_at must be a number above 0, got 0; pass a batch size"):
        rule(0)
    with pytest.raises(BadArgument, match=r"tuned_at must be a number above 0, got inf"):
        rule(math.inf)


@pytest.mark.parametrize("rule", [s.NoiseScaling, s.SurgeScaling])
def test_a_noise_scale_is_positive(rule):
    with pytest.raises(BadArgument, match=r"noise_scale must be a number above 0, got -3.0; pass a batch size"):
        rule(256, -3.0)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import schedules as s
from croupier.errors import BadArgument

BETAS = st.floats(0.001, 0.9999)


@given(BETAS, st.integers(1, 64))
def test_one_large_step_remembers_as_much_as_its_small_ones(beta, ratio):
    """An average of a constant batch statistic: ``ratio`` small steps and one large one leave the same of the past."""
    left = 1.0
    for _ in range(ratio):
        left *= beta
    assert s.rescaled_beta(beta, ratio) == pytest.approx(left)
    assert 1 - s.rescaled_momentum(1 - beta, ratio) == pytest.approx(left, abs=1e-12)


@given(BETAS, st.integers(1, 1024), st.floats(0.1, 16))
def test_the_half_life_in_samples_stays(beta, size, ratio):
    assert s.half_life_samples(s.rescaled_beta(beta, ratio), size * ratio) == pytest.approx(
        s.half_life_samples(beta, size), rel=1e-6
    )


@given(
    st.integers(1, 4096), st.integers(1, 4096), st.floats(0.01, 1), st.sampled_from([s.LinearScaling, s.SqrtScaling])
)
def test_weight_decay_keeps_its_timescale(tuned, size, decay, rule):
    """tau = size / (rate x decay x samples): the same before and after, whatever rule the rate follows."""
    rate = rule(tuned)(size)
    found = s.KeptInSamples(tuned, weight_decay=decay).at(size, rate)
    assert size / (rate * found.weight_decay) == pytest.approx(tuned / decay)
    assert s.KeptInSamples(tuned).at(tuned) == (0.9, 0.999, 0.0)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: s.KeptInSamples(0), r"tuned_at must be a number above 0, got 0"),
        (lambda: s.KeptInSamples(8, beta2=1.0), r"beta2 must be a number from 0 to below 1, got 1.0; 0.9 is usual"),
        (lambda: s.KeptInSamples(8, weight_decay=-1), r"weight_decay must be a number of at least 0, got -1"),
        (lambda: s.rescaled_beta("0.9", 2), r"beta must be a number from 0 to below 1, got '0.9'"),
        (lambda: s.rescaled_momentum(1, 2), r"momentum must be a number from 0 to below 1, got 1"),
        (lambda: s.half_life_samples(-0.1, 2), r"beta must be a number from 0 to below 1, got -0.1"),
        (lambda: s.rescaled_beta(0.9, -2), r"ratio must be a number above 0, got -2; pass the new batch size over the"),
        (lambda: s.rescaled_momentum(0.1, 0), r"ratio must be a number above 0, got 0"),
        (lambda: s.half_life_samples(0.9, 0), r"batch_size must be a number above 0, got 0; pass a batch size"),
        (lambda: s.KeptInSamples(8).at(0), r"size must be a number above 0, got 0"),
        (
            lambda: s.KeptInSamples(8).at(8, 0.0),
            r"rate must be a number above 0, got 0.0; pass the factor of a scaling",
        ),
    ],
)
def test_bad_settings_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()


def test_an_average_without_memory_forgets_at_once():
    assert s.half_life_samples(0, 256) == 0

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier import schedules as s
from croupier.errors import BadArgument


@given(st.integers(1, 10**14), st.integers(1, 4096), st.floats(1, 10), st.floats(-1, -0.1))
def test_the_law_is_its_formula(tokens, size, a, b):
    law = s.PowerLaw(size, 4096, a=a, b=b)
    assert law(tokens) == pytest.approx(min(0.02, size * a * tokens**b))


def test_what_the_paper_says_of_ten_trillion_tokens():
    """Section 3.2: with the fitted 4.6 and -0.51 and a batch of 1024, 0.0011."""
    assert s.PowerLaw(1024, 4096, a=4.6)(10**13) == pytest.approx(0.0011, abs=5e-5)


def test_the_rate_follows_a_batch_that_grows():
    ramp = cr.BatchSizeRamp([(0, 256), (10**6, 512)])
    law, change = s.PowerLaw(ramp, 4096, peak=1.0), 10**6 * 4096
    assert law(change - 1) == s.PowerLaw(256, 4096, peak=1.0)(change - 1)
    assert law(change) == s.PowerLaw(512, 4096, peak=1.0)(change)


def test_the_whole_is_warm_up_law_and_decay_of_its_last_value():
    law = s.PowerLaw(1024, 4096)
    lr = s.power(law, 10**12, warmup=10**9, decay=10**11)
    assert lr(0) == 0
    assert lr(5 * 10**8) == pytest.approx(law(10**9) / 2)
    assert lr(5 * 10**11) == law(5 * 10**11)
    assert lr(95 * 10**10) == pytest.approx(law(9 * 10**11) * s.Exponential(10, to_zero=True)(0.5))
    assert lr(10**12) == lr(10**15) == 0


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: s.PowerLaw(0, 1), r"batch_size must be an integer >= 1, got 0; pass a BatchSizeRamp, or sequences"),
        (lambda: s.PowerLaw(8, 0), r"tokens_per_sample must be an integer >= 1, got 0"),
        (lambda: s.PowerLaw(8, 1, a=0), r"a must be a number above 0, got 0; the paper's is 4"),
        (lambda: s.PowerLaw(8, 1, b=0.51), r"b must be a number below 0, got 0.51; the paper's is -0.51"),
        (lambda: s.PowerLaw(8, 1, peak=0), r"peak must be a finite number above 0, got 0"),
        (lambda: s.power(3e-4, 10, warmup=6, decay=4), r"law must be a PowerLaw, got 0.0003; write PowerLaw\(1024, "),
        (lambda: s.power(s.PowerLaw(8, 1), 10, warmup=6, decay=0.1), r"decay must be a length .*round\(0.1 \* 10\)"),
        (lambda: s.power(s.PowerLaw(8, 1), 10, warmup=6, decay=5), r"length must hold warmup=6 and decay=5, got 10"),
    ],
)
def test_bad_laws_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()

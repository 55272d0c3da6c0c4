from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import schedules as s
from croupier.errors import BadArgument

# What the values are is tested against other libraries, in test_peers.py.


@given(st.integers(0, 50), st.integers(1, 100), st.integers(0, 40))
def test_stable_ends_where_decay_begins(warmup, decay, stable):
    length = warmup + stable + decay
    lr = s.warmup_stable_decay(length, warmup=warmup, decay=decay, floor=0.1)
    assert lr.length == length
    assert {lr(now) for now in range(warmup, warmup + stable + 1)} == {1.0}
    assert lr(length) == pytest.approx(0.1)
    assert lr(length - 1) > lr(length)


@given(st.integers(2, 400), st.integers(1, 7), st.sampled_from([1, 2, 3]))
def test_a_restart_on_a_whole_step_is_at_the_peak(length, cycles, growth):
    """By fractions: in floats a third of a whole number may be an ulp late, and the step at the peak at the floor."""
    lr = s.cosine_with_restarts(length, cycles=cycles, growth=growth)
    unit = Fraction(length, sum(growth**k for k in range(cycles)))
    begins = [unit * sum(growth**j for j in range(k)) for k in range(cycles)]
    assert all(lr(int(begin)) == 1.0 for begin in begins if begin.denominator == 1)
    assert all(lr(begin) == 1.0 for begin in begins)
    assert lr(length) == pytest.approx(0, abs=1e-15)


def test_presets_of_the_table_of_stable_decays():
    minicpm = s.warmup_stable_decay(20_000, warmup=1_000, decay=2_000, shape=s.Exponential(2_000 / 5_000))
    assert minicpm(20_000) == pytest.approx(0.5 ** (2_000 / 5_000))
    olmo = s.warmup_stable_decay(1_000, warmup=100, decay=100, shape=s.Linear())
    assert olmo(950) == pytest.approx(0.5)
    timm = s.warmup_stable_decay(100, decay=5)
    assert timm(99) == pytest.approx(
        1 - math.sqrt(4 / 5)
    )  # its own warning: an epoch short of the end, a tenth is left


def test_the_rate_of_the_transformer():
    """d ** -0.5 min(step ** -0.5, step warmup ** -1.5), section 5.3 of the paper, at every step from 1."""
    d, warmup = 512, 4_000
    lr = s.inverse_sqrt(warmup=warmup, peak=(d * warmup) ** -0.5)
    for step in (1, 100, 4_000, 4_001, 100_000):
        assert lr(step) == pytest.approx(d**-0.5 * min(step**-0.5, step * warmup**-1.5))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: s.linear(0), r"length must be a number above 0, got 0; it is the whole length, warm-up included"),
        (lambda: s.cosine(100, warmup=100), r"length must be above warmup=100, got 100; it is the whole length"),
        (lambda: s.cosine(100, warmup=-1), r"warmup must be a number of at least 0, got -1; pass 0 for none"),
        (lambda: s.polynomial("100"), r"length must be a number above 0, got '100'"),
        (lambda: s.cosine(1000, warmup=0.05), r"warmup must be a length on the clock, not a share of it, got"),
        (lambda: s.cosine(1000, warmup=0.05), r"got 0.05; pass round\(0.05 \* 1000\)"),
        (lambda: s.constant(warmup=0.05), r"warmup must be a length on the clock, .*; pass round\(0.05 \* length\)"),
        (lambda: s.warmup_stable_decay(1000, decay=0.1), r"decay must be a length .*; pass round\(0.1 \* 1000\)"),
        (lambda: s.warmup_stable_decay(1000, warmup=0.1, decay=9), r"warmup must be a length .*round\(0.1 \* 1000\)"),
        (lambda: s.warmup_stable_decay(1000, decay=9, shape="cosine"), r"shape must be a shape, or a function from pr"),
        (lambda: s.warmup_stable_decay(1000, decay=9, shape=s.Cosine), r"got <class .*; write shape=Cosine\(\), say"),
        (lambda: s.warmup_stable_decay("1000", decay=9), r"length must be a number above 0, got '1000'"),
        (lambda: s.one_cycle(1000, shape="cosine"), r"shape must be a shape, or a function from progress to a factor"),
        (lambda: s.cosine_with_restarts(100, cycles=2, warmup=0.1), r"warmup must be a length on the clock"),
        (lambda: s.exponential(0), r"half_life must be a number above 0, got 0"),
        (lambda: s.inverse_sqrt(warmup=0), r"timescale must be a number above 0, got 0"),
        (lambda: s.warmup_stable_decay(9, warmup=5, decay=6), r"decay must leave something of length=9 after warmup=5"),
        (lambda: s.warmup_stable_decay(100, decay=0), r"length must be a number above 0, got 0"),
        (lambda: s.cosine_with_restarts(100, cycles=0), r"cycles must be an integer >= 1 and <= 1000, got 0"),
        (lambda: s.cosine_with_restarts(100, cycles=2.5), r"cycles must be an integer >= 1 and <= 1000, got 2.5"),
        (lambda: s.cosine_with_restarts(100, cycles=2, growth=0), r"growth must be a number above 0, got 0"),
        (lambda: s.one_cycle(100, rise=1.0), r"rise must be a share of the length below 1, got 1.0"),
        (lambda: s.one_cycle(0), r"length must be a number above 0, got 0"),
        (lambda: s.rex(100, a=2), r"a must be a number below 1, got 2"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()


def test_a_clock_that_counts_in_parts_has_parts():
    """Where the whole is 1, as of progress, a warm-up of a twentieth is one."""
    assert s.cosine(1.0, warmup=0.05)(0.025) == 0.5
    assert s.warmup_stable_decay(1.0, warmup=0.05, decay=0.5)(0.25) == 1.0

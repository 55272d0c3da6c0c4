from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.report.contrast_sample import ContrastSample
from statistics_of_draws import standardised_chi_square


def sampled(counts, capacity):
    """The places kept of a stream that comes in parts, and the stream's length."""
    sample, seen = ContrastSample(capacity), 0
    for count in counts:
        sample.take(count, lambda places, first=seen: (first + places).astype(float)[:, None])
        seen += count
    assert sample.seen == seen
    return sample.values[:, 0].astype(int) if sample.values.size else np.empty(0, int), seen


@given(st.lists(st.integers(0, 300), max_size=20), st.integers(1, 50))
def test_it_is_bounded_ordered_and_within_the_stream(counts, capacity):
    places, seen = sampled(counts, capacity)
    assert places.size <= capacity
    assert places.size == seen if seen <= capacity else places.size >= min(capacity, seen) // 4
    assert np.all(np.diff(places) > 0)
    assert places.size == 0 or 0 <= places[0] <= places[-1] < seen


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6))
def test_it_matters_not_how_the_stream_is_cut_once_the_level_is_that(counts):
    whole, _ = sampled([1] * sum(counts), 8)
    parts, _ = sampled(counts, 8)
    shorter, longer = sorted((whole.tolist(), parts.tolist()), key=len)
    assert set(shorter) <= set(longer)


def test_no_period_of_the_stream_meets_one_of_the_sample():
    """Places of 2**16 with periods from 2 to 64; standardised chi-square above 6 with a probability below 1e-6.

    Every 2**level-th place (the mutant) meets one residue alone.
    """
    places, seen = sampled([2**16] * 4, 2**13)
    every = np.arange(0, seen, seen // places.size)
    for period in (2, 8, 24, 64):
        expected = np.full(period, places.size / period)
        assert abs(standardised_chi_square(np.bincount(places % period, minlength=period), expected)) < 6
    assert standardised_chi_square(np.bincount(every % 8, minlength=8), np.full(8, every.size / 8)) > 6

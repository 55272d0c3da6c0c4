from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


def epochs(stage: cr.RandomSubset, rows: int, count: int) -> list[list[int]]:
    dealer = cr.Dealer(cr.chain(stage, cr.FixedSize(7)), cr.Table(size=rows), seed=2)
    return [[i for deal in dealer for i in deal] for _ in range(count)]


@given(rows=st.integers(1, 60), fraction=st.floats(0.02, 1.0), count=st.integers(1, 9))
def test_without_replacement_every_row_is_used_before_any_twice(rows, fraction, count):
    dealt = epochs(cr.RandomSubset(fraction), rows, count)
    size = max(1, round(fraction * rows))
    assert [len(epoch) for epoch in dealt] == [size] * count
    times = Counter(i for epoch in dealt for i in epoch)
    assert max(times.values()) - (min(times.values()) if len(times) == rows else 0) <= 1
    assert sum(times.values()) == size * count


@given(rows=st.integers(1, 60), fraction=st.floats(0.02, 1.0), count=st.integers(1, 5))
def test_with_replacement_no_row_comes_twice_in_an_epoch(rows, fraction, count):
    dealt = epochs(cr.RandomSubset(fraction, replacement=True), rows, count)
    assert all(len(set(epoch)) == len(epoch) == max(1, round(fraction * rows)) for epoch in dealt)


def reference_chunks(rows: int, fraction: float, count: int) -> list[list[int]]:
    """The published code's wrap, modulo rows + 1, on an identity permutation."""
    size, end, chunks = round(rows * fraction), 0, []
    for _ in range(count):
        begin, end = end, (end + size) % (rows + 1)
        chunks.append(list(range(begin, end)) if begin < end else [*range(begin, rows), *range(end)])
    return chunks


def test_the_reference_is_off_by_one_and_ours_is_not():
    """At 10 rows and a fraction of 0.3 the published chunks have 3, 3, 3 and 2 rows."""
    assert [len(chunk) for chunk in reference_chunks(10, 0.3, 4)] != [3, 3, 3, 3]
    assert [len(epoch) for epoch in epochs(cr.RandomSubset(0.3), 10, 4)] == [3, 3, 3, 3]


def test_passes_differ():
    first, second = epochs(cr.RandomSubset(1.0), 50, 2)
    assert first != second


@pytest.mark.parametrize("fraction", [0, 1.5, -0.1, "a", float("nan")])
def test_bad_fractions_are_refused(fraction):
    with pytest.raises(BadArgument, match=r"fraction must be a number in \(0, 1\].*like 0.1"):
        cr.RandomSubset(fraction)

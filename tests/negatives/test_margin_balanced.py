from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadTable
from statistics_of_draws import standardised_chi_square


def drawn(offsets, margins, rows, bins=10):
    stage = cr.MarginBalanced(offsets, margins, bins)
    table = cr.Table(size=len(offsets) - 1)
    context = cr.Context(table=table, key=cr.Key(1), prepared=stage.prepare(table, cr.Key(1), 0))
    return stage.plan(cr.Batches.of(rows), context).columns


def bins_of(margins, bins):
    """The definition: equally wide bins of a row, from its least margin to its greatest."""
    least, most = min(margins), max(margins)
    return [0 if least == most else min(int((m - least) / (most - least) * bins), bins - 1) for m in margins]


@given(st.lists(st.lists(st.integers(-5, 5), min_size=1, max_size=8), min_size=1, max_size=5), st.integers(1, 12))
def test_pairs_are_the_rows_own_and_their_probability_is_that_of_bin_and_place(margins, bins):
    offsets = np.cumsum([0, *(len(own) for own in margins)])
    columns = drawn(offsets, [float(m) for own in margins for m in own], np.repeat(np.arange(len(margins)), 30), bins)
    for row, (pair, log_q) in enumerate(zip(columns["pair"], columns["pair_log_q"], strict=True)):
        own = margins[row // 30]
        place = int(pair) - offsets[row // 30]
        assert 0 <= place < len(own)
        of_pair = bins_of(own, bins)
        assert np.exp(-log_q) == pytest.approx(len(set(of_pair)) * of_pair.count(of_pair[place]))


def test_bins_are_drawn_alike_however_many_pairs_they_hold():
    """Standardised chi-square over 100 pairs of 10 bins; 6 is passed with a probability below 1e-6."""
    margins = np.concatenate([np.full(91 - 9, 0.0), np.linspace(1, 10, 18)])
    columns = drawn([0, margins.size], margins, np.zeros(100_000, int))
    counts = np.bincount(columns["pair"], minlength=margins.size)
    of_pair = np.array(bins_of(margins.tolist(), 10))
    expected = 100_000 / np.unique(of_pair).size / np.bincount(of_pair)[of_pair]
    assert abs(standardised_chi_square(counts, expected)) < 6
    with pytest.raises(AssertionError):  # drawn alike over all pairs instead
        assert abs(standardised_chi_square(counts, np.full(margins.size, 1_000))) < 6


def test_equal_margins_are_no_special_case():
    columns = drawn([0, 3], [2.0, 2.0, 2.0], np.zeros(200, int))
    assert set(columns["pair"].tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([0, 1], [np.nan]), "margins must be finite numbers below 1e"),
        (([0, 1], ["0.5"]), r"margins must be numbers, got dtype <U3; mend the teacher's scores"),
        (([0, 1], [1j]), r"margins must be numbers, got dtype complex128"),
        (([0, 2], [[1.0], [1.0, 2.0]]), r"margins must be an array, got a list that NumPy cannot read; give rows"),
        (([0, 2], [-1.5e308, 1.5e308]), "margins must be finite numbers below 1e"),
        (([0, 1, 1], [1.0]), "offsets must go from 0 to the 1 margins and rise by a pair a row at least"),
        (([1, 2], [1.0, 2.0]), "leave rows without a pair out of the table"),
        (([0, 1], [1.0], 0), "bins must be an integer >= 1"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.MarginBalanced(*arguments)


def test_a_table_of_other_rows_is_refused():
    with pytest.raises(BadTable, match="'offsets' must have the 2 rows of the table, got 1"):
        cr.MarginBalanced([0, 1], [1.0]).prepare(cr.Table(size=2), cr.Key(0), 0)

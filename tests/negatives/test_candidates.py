from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadTable
from croupier.negatives.candidates import Arranged


@given(st.data(), st.booleans(), st.booleans())
def test_candidates_that_suit_a_row_lie_side_by_side(data, has_groups, has_times):
    size = data.draw(st.integers(1, 12))
    numbers = st.lists(st.integers(0, 4), min_size=size, max_size=size)
    times, groups = np.array(data.draw(numbers)) / 2, np.array(data.draw(numbers))
    before = cr.Before("at", times) if has_times else None
    same_group = cr.SameGroup("kind", groups) if has_groups else None
    arranged = Arranged(cr.Candidates(size, before=before, same_group=same_group))
    if not has_groups and not has_times:
        return
    asked = data.draw(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=8))
    at, kind = np.array([time for time, _ in asked]) / 2, np.array([group for _, group in asked])
    begin, end = arranged.stretch_of({"at": at, "kind": kind})
    for row in range(at.size):
        suits = {
            item
            for item in range(size)
            if (not has_times or times[item] < at[row]) and (not has_groups or groups[item] == kind[row])
        }
        assert set(arranged.order[begin[row] : end[row]].tolist()) == suits
        assert begin[row] <= end[row]
    items = np.arange(size)
    assert arranged.order[arranged.places_of(items)].tolist() == items.tolist()


def test_popularity_is_a_power_of_the_counts_and_what_never_occurs_is_never_drawn():
    assert cr.Candidates.by_popularity([0, 16, 81]).weights == pytest.approx([0, 8, 27])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: cr.Candidates(0), "items must be an integer >= 1"),
        (lambda: cr.Candidates(2, weights=[1.0]), "weights must have one value for each of 2 items, got 1"),
        (lambda: cr.Candidates(2, weights=[0, 0]), "weights must be >= 0 and not all 0"),
        (lambda: cr.Candidates(2, weights=[np.nan, 0]), "weights must be finite, got nan for item 0"),
        (lambda: cr.Candidates(2, before="at"), r"before must be a Before, got 'at'; pass Before"),
        (lambda: cr.Candidates(2, same_group=[0, 1]), r"same_group must be a SameGroup"),
        (lambda: cr.Candidates(2, before=cr.Before("at", [1])), "before.times must have one value for each of 2 items"),
        (lambda: cr.SameGroup("kind", [0.5]), "groups must hold whole numbers, got dtype float64"),
        (lambda: cr.Before("at", ["noon"]), "times must hold one number an item"),
        (lambda: cr.Candidates.by_popularity([0]), "counts must be >= 0 and not all 0"),
        (lambda: cr.Candidates.by_popularity([1], exponent=0), "exponent must be"),
        (
            lambda: cr.Candidates.by_popularity([1, 4], exponent=500),
            r"exponent must keep every weight below 2\*\*1000, got 500 for 4; pass 0.75, or 1",
        ),
        (lambda: cr.Before(["at"], [1]), r"column must be a column's name, got \['at'\]; pass"),
        (lambda: cr.SameGroup(None, [1]), r"column must be a column's name, got None; pass"),
        (
            lambda: cr.Before("at", [[1], [1, 2]]),
            r"times must be an array, got a list that NumPy cannot read; give rows",
        ),
        (
            lambda: cr.Candidates(1, np.ma.masked_array([1], [True])),
            r"weights must have a value in every place, got a m",
        ),
    ],
)
def test_bad_arguments_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()


LATE = 2**53 + np.arange(3)


def _before(times, facts):
    return Arranged(cr.Candidates(len(times), before=cr.Before("at", times))).stretch_of({"at": np.asarray(facts)})[1]


def test_whole_times_are_compared_as_whole_numbers_of_any_width():
    for kind in (np.int64, np.uint64):
        assert _before(LATE.astype(kind), LATE.astype(np.uint64)).tolist() == [0, 1, 2]
        assert _before(LATE.astype(np.uint64), LATE.astype(kind)).tolist() == [0, 1, 2]
    assert _before(np.arange(3, dtype=np.uint8), np.array([2, -1, 300])).tolist() == [2, 0, 3]
    assert _before(np.arange(3, dtype=np.float32), np.array([1.5])).tolist() == [2]


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ([2.0, np.nan], "column 'at' must be finite, got nan in row 1 of those drawn for"),
        ([2], "column 'at' must hold one number a row, floats as the candidates' are, got dtype int64"),
        ([[2.0]], r"column 'at' must hold one number a row, .* of shape \(1, 1\)"),
        (["noon"], "column 'at' must hold one number a row"),
    ],
)
def test_times_that_cannot_be_compared_are_refused(facts, text):
    with pytest.raises(BadTable, match=text):
        _before([0.0, 1.0], facts)


def test_whole_times_beyond_int64_are_refused():
    with pytest.raises(BadArgument, match=r"times must be below 2\*\*63, got 18446744073709551615"):
        cr.Before("at", np.array([2**64 - 1], np.uint64))

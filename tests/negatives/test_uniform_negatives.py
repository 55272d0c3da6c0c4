from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadTable


def drawn(queries, positives, items, per_example=4, rows=None):
    table = cr.Table(query=queries, item=positives)
    stage = cr.UniformNegatives(per_example, items=items)
    context = cr.Context(table=table, key=cr.Key(1), prepared=stage.prepare(table, cr.Key(1), 0))
    ids = np.arange(table.size) if rows is None else rows
    return stage.plan(cr.Batches.of(ids), context).columns


@given(data=st.data(), items=st.integers(2, 12))
def test_never_a_known_positive_and_the_log_probability_is_right(data, items):
    pairs = data.draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, items - 1)), min_size=1, max_size=30))
    known = {query: {item for other, item in pairs if other == query} for query, _ in pairs}
    queries, positives = (np.array(column) for column in zip(*pairs, strict=True))
    if any(len(found) == items for found in known.values()):
        with pytest.raises(BadTable, match=r"must leave each query an item that is no positive, got all \d+ for query"):
            drawn(queries, positives, items)
        return
    columns = drawn(queries, positives, items)
    for query, negatives, log_q in zip(queries, columns["negatives"], columns["negative_log_q"], strict=True):
        assert set(negatives.tolist()) <= set(range(items)) - known[query]
        assert log_q == pytest.approx(-np.log(items - len(known[query])))


def chi_square(positives, items, draws=200_000):
    rows = np.zeros(draws, dtype=np.int64)
    negatives = drawn(np.zeros(len(positives), int), positives, items, per_example=1, rows=rows)["negatives"].ravel()
    free = [item for item in range(items) if item not in positives]
    counts = Counter(negatives.tolist())
    assert set(counts) <= set(free)
    expected = draws / len(free)
    chi2 = sum((counts[item] - expected) ** 2 / expected for item in free)
    return (chi2 - (len(free) - 1)) / np.sqrt(2 * (len(free) - 1))


@pytest.mark.parametrize("positives", [[0], [49], [0, 1, 2, 3], list(range(1, 50, 2)), list(range(48))])
def test_uniform_over_what_is_free(positives):
    """Standardised chi-square; 6 is passed with a probability below 1e-6."""
    assert abs(chi_square(positives, 50)) < 6


def test_the_statistic_catches_an_off_by_one_rank_shift(monkeypatch):
    """Searching from the left instead of the right puts the shift one positive late."""
    exact = np.searchsorted
    monkeypatch.setattr(np, "searchsorted", lambda a, v, **_: exact(a, v))
    with pytest.raises(AssertionError):
        assert abs(chi_square([0, 1, 2, 3], 50)) < 6


def test_a_single_free_item_is_found():
    positives = [item for item in range(1000) if item != 617]
    negatives = drawn(np.zeros(999, int), positives, 1000)["negatives"]
    assert set(negatives.ravel().tolist()) == {617}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"per_example": 0, "items": 5}, "per_example must be an integer >= 1"),
        ({"per_example": 1, "items": 1}, "items must be an integer >= 2"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.UniformNegatives(**arguments)


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"query": [0, 1], "item": [0, 9]}, r"'item' must be in \[0, 9\), got 0 .. 9; number them from 0"),
        ({"query": [-1, 1], "item": [0, 1]}, r"'query' must be in \[0, "),
        ({"query": [0.5, 1], "item": [0, 1]}, "'query' must hold integers, got dtype float64"),
    ],
)
def test_bad_tables_are_refused(columns, text):
    plan = cr.chain(cr.Sequential(), cr.UniformNegatives(1, items=9), cr.FixedSize(1))
    with pytest.raises(BadTable, match=text):
        cr.Dealer(plan, cr.Table(**columns), seed=0)

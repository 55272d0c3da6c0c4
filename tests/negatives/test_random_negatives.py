from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument, BadTable


def deals(stage, world_size=1, **columns):
    plan = cr.chain(cr.Sequential(), stage, cr.FixedSize(4))
    return list(cr.Dealer(plan, cr.Table(**columns), seed=3))


def test_no_row_is_given_a_positive_of_its_query():
    rng = np.random.default_rng(0)
    query, item = rng.integers(0, 20, 300), rng.integers(0, 40, 300)
    known = set(zip(query.tolist(), item.tolist(), strict=True))
    for deal in deals(cr.RandomNegatives(5, 40), query=query, item=item):
        own = deal.columns["negatives"].tolist()
        pairs = {(int(query[row]), item) for row, items in zip(deal.ids, own, strict=True) for item in items}
        assert not pairs & known
        assert deal.columns["negative_log_q"].shape == (len(deal), 5)


def test_what_is_known_beyond_the_table_is_left_out_too():
    known = cr.KnownPositives.of([0], [2])
    dealt = deals(cr.RandomNegatives(9, 4, cr.Pairs(known=known)), query=[0, 0], item=[0, 1])
    assert {negative for deal in dealt for negative in deal.columns["negatives"].ravel().tolist()} == {3}


def test_conditions_read_the_columns_of_the_table():
    candidates = cr.Candidates(6, before=cr.Before("at", [0, 1, 2, 3, 4, 5]))
    dealt = deals(cr.RandomNegatives(20, candidates), query=[0, 1], item=[0, 5], at=[3, 1])
    assert [set(row.tolist()) for row in dealt[0].columns["negatives"]] == [{1, 2}, {0}]


def test_a_row_without_a_negative_is_refused_before_the_run_or_marked():
    columns = {"query": [0, 0, 1], "item": [0, 1, 0]}
    text = r"'query' must leave each row an item that may be drawn, got none for row 0 \(2 such rows\); add candidates"
    with pytest.raises(BadTable, match=text):
        deals(cr.RandomNegatives(2, 2), **columns)
    deal = deals(cr.RandomNegatives(2, 2, no_negative=cr.NoNegative.MARK), **columns)[0]
    assert deal.columns["negatives"].tolist() == [[-1, -1], [-1, -1], [1, 1]]
    assert deal.columns["negative_log_q"][0].tolist() == [-np.inf, -np.inf]
    assert deal.ledger.ids("dealt without a negative") == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"per_example": 0, "candidates": 5}, "per_example must be an integer >= 1"),
        ({"per_example": 1, "candidates": 0}, "items must be an integer >= 1"),
        ({"per_example": 1, "candidates": 5, "pairs": "item"}, "pairs must be Pairs, got 'item'"),
        ({"per_example": 1, "candidates": 5, "no_negative": "mark"}, "no_negative must be a NoNegative, got 'mark'"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.RandomNegatives(**arguments)


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"query": [-1, 1], "item": [0, 1]}, r"'query' must hold whole numbers >= 0, one a row"),
        ({"query": [0.5, 1], "item": [0, 1]}, "'query' must hold whole numbers >= 0, one a row, got dtype float64"),
        ({"query": [0, 1], "item": [0, 1], "negatives": [0, 1]}, "'negatives' must not be there"),
    ],
)
def test_bad_tables_are_refused(columns, text):
    with pytest.raises(BadTable, match=text):
        deals(cr.RandomNegatives(1, 9), **columns)


def test_an_item_beyond_the_candidates_is_refused():
    with pytest.raises(BadArgument, match="known must have items below the 9 candidates, got 9; raise candidates"):
        deals(cr.RandomNegatives(1, 9), query=[0, 1], item=[0, 9])

from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument, BadTable


def test_what_is_known_is_every_row_and_more():
    table = cr.Table(query=[0, 0, 7], item=[3, 3, 1])
    known = cr.Pairs(known=cr.KnownPositives.of([7, 2**50], [2, 0])).known_in(table)
    assert list(zip(*(ids.tolist() for ids in known.pairs), strict=True)) == [(0, 3), (7, 1), (7, 2), (2**50, 0)]


def test_pairs_that_an_earlier_stage_adds_need_what_is_known():
    sources, targets = np.arange(30), (np.arange(30) + 1) % 30
    graph = cr.Graph.from_edges(sources, targets)
    links = cr.Pairs("head", "tail", known=cr.KnownPositives.of(sources, targets))
    plan = cr.chain(
        cr.Shuffle(), cr.RandomWalks(graph, 4), cr.WalkPairs(2), cr.RandomNegatives(5, 30, links), cr.FixedSize(8)
    )
    deals = list(cr.Dealer(plan, cr.Table(size=30), seed=0))
    assert len(deals) > 10
    for deal in deals:
        assert ((deal.columns["head"] + 1) % 30 != deal.columns["negatives"].T).all()
    with pytest.raises(BadTable, match="'head' must be there"):
        cr.Pairs("head", "tail").known_in(cr.Table(size=30))


def test_bad_arguments_and_columns_are_refused():
    with pytest.raises(BadArgument, match=r"query must be a column's name, got 3; pass"):
        cr.Pairs(3)
    with pytest.raises(BadArgument, match=r"known must be KnownPositives, got \[0\]"):
        cr.Pairs(known=[0])
    with pytest.raises(BadTable, match=r"'item' must hold whole numbers >= 0, one a row, got dtype float64"):
        cr.Pairs().known_in(cr.Table(query=[0], item=[0.5]))


@pytest.mark.parametrize("dtype", [np.uint64, np.uint8, np.int32, ">i8"])
def test_columns_of_any_width_join_what_is_known(dtype):
    """uint64 beside int64 would be float64, which rounds ids above 2^53 and is no array of ids."""
    table = cr.Table(query=np.array([0, 7], dtype), item=np.array([3, 1], dtype))
    known = cr.Pairs(known=cr.KnownPositives.of([7], [2**53 + 1])).known_in(table)
    assert known.of_query(7).tolist() == [1, 2**53 + 1]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ([0, 2**62], r"'query' must hold whole numbers >= 0, one a row, below 2\*\*62, got 0 to 4611686018427387904"),
        ([0, -1], r"'query' must hold whole numbers >= 0, one a row, below 2\*\*62, got -1 to 0; number the queries"),
        (np.zeros((2, 0)), r"'query' must hold whole numbers >= 0, one a row, got dtype float64 of shape \(2, 0\)"),
        (["a", "b"], r"'query' must hold the numbers that known has, got strings, which are categories; number"),
    ],
)
def test_columns_that_are_no_ids(column, text):
    with pytest.raises(BadTable, match=text):
        cr.Pairs(known=cr.KnownPositives.of([7], [2])).known_in(cr.Table(query=column, item=[0, 1]))


def test_names_of_queries_and_items_need_no_numbers():
    assert len(cr.Pairs().known_in(cr.Table(query=["b", "a", "b"], item=["x", "x", "y"]))) == 3

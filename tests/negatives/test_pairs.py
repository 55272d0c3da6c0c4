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

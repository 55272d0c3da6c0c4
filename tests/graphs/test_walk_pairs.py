from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument, BadTable
from random_graphs import some_edges

MATRIX = some_edges(40, directed=True)
GRAPH = cr.Graph.from_edges(*np.nonzero(MATRIX), nodes=40, undirected=False)
TABLE = cr.Table(size=40)


def test_an_epoch_deals_the_pairs_of_its_walks():
    walks = cr.RandomWalks(GRAPH, 6)
    kept = cr.Dealer(cr.chain(cr.Shuffle(), walks, cr.FixedSize(4), segment_ids=16), TABLE, seed=0)
    expected = Counter()
    for deal in kept:
        for node, walk in zip(deal.ids.tolist(), deal.columns["walk"].tolist(), strict=True):
            nodes = [v for v in walk if v >= 0]
            expected.update((node, u, v) for i, u in enumerate(nodes) for v in nodes[i + 1 : i + 4])
    plan = cr.chain(cr.Shuffle(), walks, cr.WalkPairs(3), cr.FixedSize(4), segment_ids=16)
    deals = list(cr.Dealer(plan, TABLE, seed=0))
    pairs = [
        pair
        for deal in deals
        for pair in zip(deal.ids.tolist(), *(deal.columns[n].tolist() for n in ("head", "tail")), strict=True)
    ]
    assert Counter(pairs) == expected
    assert all(set(deal.columns) == {"head", "tail"} for deal in deals)
    assert deals[-1].ledger.ids("left out: a walk of one node") == (GRAPH.degrees == 0).sum() > 0


def test_batches_of_full_walks_hold_no_walk_twice_and_are_all_whole():
    ring = cr.Graph.from_edges(np.arange(64), (np.arange(64) + 1) % 64)
    plan = cr.chain(cr.Shuffle(), cr.RandomWalks(ring, 5), cr.WalkPairs(2), cr.FixedSize(8), segment_ids=32)
    deals = list(cr.Dealer(plan, cr.Table(size=64), seed=0))
    assert {deal.ids.size for deal in deals} == {8}
    assert len(deals) == 64 * (5 + 4) // 8
    assert all(np.unique(deal.ids).size == 8 for deal in deals)


def test_walls_made_upstream_stay():
    grouped = cr.chain(cr.Shuffle(), cr.RandomWalks(GRAPH, 4), cr.GroupBy("half"), cr.WalkPairs(2), cr.FixedSize(8))
    half = np.arange(40) % 2
    for deal in cr.Dealer(grouped, cr.Table(half=half), seed=0):
        assert np.unique(half[deal.ids]).size == 1


def test_numba_on_and_off_deal_the_same_pairs(monkeypatch):
    plan = cr.chain(cr.Shuffle(), cr.RandomWalks(GRAPH, 6, 0.5), cr.WalkPairs(3), cr.FixedSize(4), segment_ids=16)

    def columns():
        deals = list(cr.Dealer(plan, TABLE, seed=0))
        return [np.concatenate([deal.columns[name] for deal in deals]).tolist() for name in ("head", "tail")]

    compiled = columns()
    monkeypatch.setenv("CROUPIER_NUMBA", "0")
    assert columns() == compiled


def test_what_cannot_be_paired_is_refused():
    with pytest.raises(BadArgument, match=r"window must be an integer >= 1 and <= 65536, got 0; pass the most steps"):
        cr.WalkPairs(0)
    with pytest.raises(
        BadArgument, match=r"walk must be a column's name, got 3; pass \"walk\", as RandomWalks adds it"
    ):
        cr.WalkPairs(2, walk=3)
    plan = cr.chain(cr.Sequential(), cr.WalkPairs(2), cr.FixedSize(4))
    with pytest.raises(BadTable, match=r"'head' must not be there: 'walk_pairs' adds a column of that name"):
        cr.Dealer(plan, cr.Table(head=[1, 2]), seed=0)
    with pytest.raises(BadTable, match=r"'walk' must hold walks, got strings, which are categories; number the nodes"):
        cr.Dealer(plan, cr.Table(walk=[["a", "b"]]), seed=0)
    for column, text in (
        ([1, 2], r"'walk' must hold walks, got dtype int64, shape \(2,\); RandomWalks makes them"),
        ([[1], [2]], r"'walk' must have two nodes or more a row, got shape \(2, 1\); walk at least one step"),
    ):
        with pytest.raises(BadTable, match=text):
            cr.Dealer(plan, cr.Table(walk=column), seed=0).first()
    with pytest.raises(BadTable, match=r"'walk' must be there, got columns none"):
        cr.Dealer(plan, cr.Table(size=2), seed=0).first()


def test_a_walk_with_a_hole_is_refused():
    table = cr.Table(walk=[[0, 1, 2], [5, -1, 7]])
    plan = cr.chain(cr.Sequential(), cr.WalkPairs(2), cr.FixedSize(4))
    with pytest.raises(BadTable, match="'walk' must hold -1 at the end of a walk alone, got a node after -1; move"):
        cr.Dealer(plan, table, seed=0).first()

from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument, BadTable
from random_graphs import some_edges, standardised

MATRIX = some_edges(30, directed=False)
GRAPH = cr.Graph.from_edges(*np.nonzero(MATRIX), undirected=False)


def walks_of(stage, graph, *, seed=0, segment_ids=None, **ranks):
    plan = cr.chain(cr.Repeat(cr.Shuffle(), times=4), stage, cr.FixedSize(5), segment_ids=segment_ids)
    return [deal.columns["walk"] for deal in cr.Dealer(plan, cr.Table(size=graph.nodes), seed=seed, **ranks)]


@pytest.mark.parametrize("stage", [cr.RandomWalks(GRAPH, 8), cr.RandomWalks(GRAPH, 8, 0.5, 2.0)])
def test_walks_begin_at_the_row_and_go_along_edges(stage):
    plan = cr.chain(cr.Shuffle(), stage, cr.FixedSize(5))
    for deal in cr.Dealer(plan, cr.Table(size=30), seed=0):
        walk = deal.columns["walk"]
        assert walk.shape == (deal.ids.size, 9)
        assert walk[:, 0].tolist() == deal.ids.tolist()
        assert (MATRIX[walk[:, :-1], walk[:, 1:]] > 0).all()


def test_ranks_share_the_walks_and_numba_makes_no_difference(monkeypatch):
    stage = cr.RandomWalks(GRAPH, 8, 0.5, 2.0)
    whole = np.concatenate(walks_of(stage, GRAPH))
    parts = [walks_of(stage, GRAPH, rank=rank, world_size=2) for rank in (0, 1)]
    assert np.array_equal(whole, np.concatenate([walk for step in zip(*parts, strict=True) for walk in step]))
    monkeypatch.setenv("CROUPIER_NUMBA", "0")
    assert np.array_equal(whole, np.concatenate(walks_of(stage, GRAPH)))


def test_walks_of_one_node_differ_and_so_do_epochs_and_seeds():
    stage = cr.RandomWalks(GRAPH, 20)
    walks = np.concatenate([*walks_of(stage, GRAPH), *walks_of(stage, GRAPH, seed=1)])
    assert len({tuple(walk) for walk in walks.tolist()}) == 240
    dealer = cr.Dealer(cr.chain(cr.Sequential(), stage, cr.FixedSize(30)), cr.Table(size=30), seed=0)
    first, second = (next(iter(list(dealer))).columns["walk"] for _ in range(2))
    assert not np.array_equal(first, second)


def test_steps_of_a_weighted_graph_are_drawn_by_weight_in_a_plan():
    """Six deviations of Pearson's statistic over 30 nodes; false alarms below 1e-6. Planted: equal weights."""
    sources, targets = np.nonzero(MATRIX)
    graph = cr.Graph.from_edges(sources, targets, weights=MATRIX[sources, targets] / 7, undirected=False)
    walks = np.concatenate(walks_of(cr.RandomWalks(graph, 400), graph))
    counts = np.zeros((30, 30))
    np.add.at(counts, (walks[:, :-1].ravel(), walks[:, 1:].ravel()), 1)
    assert abs(standardised(counts, MATRIX)) < 6
    assert standardised(counts, np.sign(MATRIX)) > 6


def test_a_walk_ends_at_a_node_without_edges():
    graph = cr.Graph.from_edges([0, 1], [1, 2], nodes=4, undirected=False)
    for stage in (cr.RandomWalks(graph, 3), cr.RandomWalks(graph, 3, 2.0)):
        walks = np.concatenate(walks_of(stage, graph))
        assert walks[np.argsort(walks[:, 0], kind="stable")][::4].tolist() == [
            [0, 1, 2, -1], [1, 2, -1, -1], [2, -1, -1, -1], [3, -1, -1, -1]
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([0], 3), r"graph must be a Graph, got \[0\]; write Graph.from_edges\(sources, targets\)"),
        ((GRAPH, 0), r"steps must be an integer >= 1 and <= 16777216, got 0; pass the edges of a walk"),
        ((GRAPH, 3, 0.0), r"return_parameter must be a number above 0, got 0.0; pass 1.0 for walks of first order"),
        ((GRAPH, 3, 2000), r"return_parameter must be from 1/1024 to 1024, got 2000.0; beyond that, steps of its"),
        ((GRAPH, 3, 1, 1e-4), r"in_out_parameter must be from 1/1024 to 1024, got 0.0001; beyond that"),
    ],
)
def test_bad_arguments(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.RandomWalks(*arguments)


def test_tables_that_do_not_fit():
    plan = cr.chain(cr.Shuffle(), cr.RandomWalks(GRAPH, 3), cr.FixedSize(4))
    with pytest.raises(
        BadTable, match=r"'the rows' must be the 30 nodes of the graph, got 31 rows; write Table\(size="
    ):
        cr.Dealer(plan, cr.Table(size=31), seed=0)
    with pytest.raises(BadTable, match=r"'walk' must not be there: 'random_walks' adds a column of that name"):
        cr.Dealer(plan, cr.Table(walk=np.zeros(30)), seed=0)


def test_parameters_of_any_kind_of_float():
    """A fraction can be made of Python's floats alone."""
    assert cr.RandomWalks(GRAPH, 3, np.float32(0.5), np.array(2.0)) == cr.RandomWalks(GRAPH, 3, 0.5, 2.0)
    assert cr.RandomWalks(GRAPH, 3, np.float32(0.5))._chances().tolist() == [2**33, 2**32, 2**32]

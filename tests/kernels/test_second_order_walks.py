from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from croupier.graphs.graph import Graph
from croupier.graphs.random_walks import RandomWalks
from croupier.kernels import second_order_walks as module
from croupier.kernels.alias import alias_words
from croupier.kernels.second_order_walks import walk_second_order
from croupier.kernels.walks import begun, walk_first_order
from random_graphs import rows_of, some_edges, standardised

NONE = np.empty(0, np.uint64)
NODES = 12


def chances_of(p, q, aliases):
    graph = Graph(np.array([0, 1]), np.array([0]), np.zeros(1, np.uint64) if aliases.size else None)
    return RandomWalks(graph, 1, p, q)._chances()


def weights_of_second_order(edges, p, q):
    """The oracle: for nodes t, v and x, what an edge from v to x weighs after a step from t to v."""
    weights = np.zeros((len(edges),) * 3)
    for t, v in zip(*np.nonzero(edges), strict=True):
        for x in np.flatnonzero(edges[v]):
            weights[t, v, x] = edges[v, x] * (1 / p if x == t else 1 if edges[t, x] else 1 / q)
    return weights


def counts_of(walks):
    counts = np.zeros((NODES,) * 3)
    steps = np.stack([walks[:, :-2].ravel(), walks[:, 1:-1].ravel(), walks[:, 2:].ravel()])
    np.add.at(counts, tuple(steps[:, (steps >= 0).all(axis=0)]), 1)
    return counts


@pytest.mark.parametrize(("p", "q"), [(0.25, 4.0), (4.0, 0.25), (0.5, 0.5), (3.0, 2.0)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("directed", [False, True])
def test_transitions_are_those_of_the_definition(directed, weighted, p, q):
    """200,000 steps, counted by the two nodes before: within 6 deviations of Pearson's statistic.

    False alarms: below 1e-6 a case. Planted: p and q swapped, and first order, are caught.
    """
    edges = some_edges(NODES, directed=directed, seed=4)
    edges = edges if weighted else np.sign(edges)
    rows, weights = rows_of(edges)
    rows = (*rows[:2], alias_words(rows[0], weights) if weighted else NONE)
    walks = walk_second_order(1, 0, np.arange(20_000) % NODES, 11, rows, chances_of(p, q, rows[2]))
    counts = counts_of(walks)
    assert abs(standardised(counts, weights_of_second_order(edges, p, q))) < 6
    assert standardised(counts, weights_of_second_order(edges, 1, 1)) > 6
    if p != q:
        assert standardised(counts, weights_of_second_order(edges, q, p)) > 6


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("directed", [False, True])
def test_numba_on_and_off_agree_and_so_do_windows(directed, weighted):
    rows, weights = rows_of(some_edges(60, directed=directed))
    rows = (*rows[:2], alias_words(rows[0], weights) if weighted else NONE)
    starts = np.arange(600) % 60
    for p, q in ((0.1, 2.0), (5.0, 0.3)):
        chances = chances_of(p, q, rows[2])
        walks = walk_second_order(3, 0, starts, 9, rows, chances)
        assert np.array_equal(walks[100:400], walk_second_order(3, 100, starts[100:400], 9, rows, chances))
        room = begun(starts, 9, rows)
        assert np.array_equal(walks, module._second_numpy(np.uint64(3), 0, *rows, chances, room))


def test_with_chances_alike_they_are_walks_of_first_order():
    rows, weights = rows_of(some_edges(60, directed=True))
    for aliases in (NONE, alias_words(rows[0], weights)):
        graph = (*rows[:2], aliases)
        walks = walk_second_order(3, 9, np.arange(60), 9, graph, chances_of(1.0, 1.0, aliases))
        assert np.array_equal(walks, walk_first_order(3, 9, np.arange(60), 9, graph))


@pytest.mark.parametrize("weighted", [False, True])
def test_ends_that_one_must_go_back_from_cost_one_draw(weighted, monkeypatch):
    """A path of two nodes under p = 1024, q = 1/32: without the short cut a step takes 32,768 attempts, if weighted.

    The twin hashes two numbers in each pass over the walks that are left; both forms agree.
    """
    rows = (
        np.array([0, 1, 2]),
        np.array([1, 0]),
        alias_words(np.array([0, 1, 2]), np.array([3, 5])) if weighted else NONE,
    )
    chances, hashed, mix64 = chances_of(1024.0, 1 / 32, rows[2]), [], module.mix64
    monkeypatch.setattr(module, "mix64", lambda values: hashed.append(values.size) or mix64(values))
    walks = module._second_numpy(np.uint64(0), 0, *rows, chances, begun(np.zeros(1, np.int64), 100, rows))
    assert walks[0].tolist() == [0, 1] * 50 + [0]
    assert hashed == [1] * 200
    assert np.array_equal(walks, walk_second_order(0, 0, np.zeros(1, np.int64), 100, rows, chances))


def test_memory_does_not_grow_with_the_squares_of_degrees():
    """A star of 50,000: a table for pairs of edges would take 2.5e9 entries."""
    tracemalloc.start()
    leaves = np.arange(1, 50_001)
    graph = Graph.from_edges(np.zeros(50_000, np.int64), leaves)
    walk_second_order(0, 0, np.arange(1000), 10, graph.rows, chances_of(0.5, 2.0, NONE))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert graph.nbytes == 4 * (50_001 + 1) + 4 * graph.edges
    assert peak < 100 * graph.edges

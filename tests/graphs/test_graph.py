from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.core.fingerprint import describe
from croupier.errors import BadArgument
from croupier.graphs.graph import Graph
from random_graphs import some_edges

EDGES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40)


def rows_of(graph):
    return [graph.neighbours(node).tolist() for node in range(graph.nodes)]


@given(EDGES, st.booleans())
def test_rows_are_the_sets_of_neighbours(edges, undirected):
    expected = [set() for _ in range(10)]
    for a, b in edges:
        expected[a].add(b)
        if undirected:
            expected[b].add(a)
    sources, targets = [a for a, _ in edges], [b for _, b in edges]
    graph = Graph.from_edges(sources, targets, nodes=10, undirected=undirected)
    assert rows_of(graph) == [sorted(row) for row in expected]
    assert graph.degrees.tolist() == [len(row) for row in expected]
    assert graph.nbytes == 4 * 11 + 4 * graph.edges


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.uint64])
def test_indices_of_any_width_make_the_same_graph(dtype):
    graph = Graph.from_edges([0, 1, 2], [1, 2, 0])
    assert Graph.from_edges(np.array([0, 1, 2], dtype), np.array([1, 2, 0], dtype)) == graph
    assert Graph(graph.offsets.astype(dtype), graph.targets.astype(dtype)) == graph
    with pytest.raises(BadArgument, match="ascend within each row"):
        Graph(graph.offsets.astype(dtype), graph.targets[::-1].astype(dtype))


def shares_of(graph):
    """The chance of each edge in one draw, as a matrix."""
    shares = np.zeros((graph.nodes, graph.nodes))
    for node in range(graph.nodes):
        begin, row = int(graph.offsets[node]), graph.neighbours(node)
        for slot, word in enumerate(graph.aliases[begin : begin + row.size].tolist()):
            shares[node, row[slot]] += (word >> 32) / 2**32 / row.size
            shares[node, row[word & 0xFFFFFFFF]] += (1 - (word >> 32) / 2**32) / row.size
    return shares


@pytest.mark.parametrize("scale", [1, 0.001, 1e-30, 1e300])
def test_weights_of_any_scale_give_chances_and_those_of_one_edge_add_up(scale):
    matrix = some_edges(20, directed=True)
    sources, targets = np.nonzero(matrix)
    weights = matrix[sources, targets] * scale
    graph = Graph.from_edges(
        np.append(sources, sources), np.append(targets, targets), weights=np.append(weights / 4, weights * 3 / 4),
        nodes=20, undirected=False,
    )  # fmt: skip
    sums = np.maximum(1, matrix.sum(axis=1, keepdims=True))
    assert shares_of(graph) == pytest.approx(matrix / sums, abs=1e-9)


def test_undirected_weights_count_both_ways_and_edges_of_weight_0_are_none():
    graph = Graph.from_edges([0, 2, 1, 3], [1, 0, 1, 0], weights=[1, 3, 7, 0])
    assert rows_of(graph) == [[1, 2], [0, 1], [0], []]
    assert shares_of(graph)[0] == pytest.approx([0, 0.25, 0.75, 0])
    assert shares_of(graph)[1] == pytest.approx([1 / 8, 7 / 8, 0, 0])


def test_an_edge_is_there_since_its_earliest_time():
    graph = Graph.from_edges([0, 1, 0], [1, 0, 2], times=[7, 5, 6])
    assert rows_of(graph) == [[1, 2], [0], [0]]
    assert graph.times.tolist() == [5, 6, 5, 6]
    with_weights = Graph.from_edges([0, 1, 0], [1, 0, 2], times=[7, 5, 6], weights=[0, 1, 1])
    assert with_weights.times.tolist() == [5, 6, 5, 6]


def test_it_is_frozen_compared_and_described_by_its_digest():
    graph, same = (Graph.from_edges([0, 1], [1, 2]) for _ in range(2))
    assert graph == same == pickle.loads(pickle.dumps(graph))
    assert hash(graph) == hash(same)
    assert describe(graph) == {"class": "Graph", "digest": graph.digest}
    others = [
        Graph.from_edges([0, 1], [1, 2], undirected=False),
        Graph.from_edges([0, 1], [1, 2], nodes=4),
        Graph.from_edges([0, 1], [1, 2], weights=[1, 1]),
        Graph.from_edges([0, 1], [1, 2], times=[1, 1]),
    ]
    assert len({one.digest for one in [graph, *others]}) == 5
    assert graph != others[0]
    with pytest.raises(ValueError, match="read-only"):
        graph.targets[0] = 1
    assert repr(others[2]) == "Graph(nodes=3, edges=4, weighted)"


def test_mapped_rows_are_taken_as_they_are(tmp_path):
    graph = Graph.from_edges([0, 1], [1, 2])
    np.save(tmp_path / "targets.npy", graph.targets)
    mapped = np.load(tmp_path / "targets.npy", mmap_mode="r")
    again = Graph(graph.offsets.astype(np.int64), mapped)
    assert again == graph
    assert np.shares_memory(again.targets, mapped)
    assert again.offsets.dtype == np.int32


def test_nodes_and_directions_that_are_none():
    graph = Graph.from_edges([0, 1], [1, 2])
    for node in (-1, 3, 1.0):
        with pytest.raises(
            BadArgument, match=r"node must be an integer >= 0 and <= 2, got .*; pass a node of the graph"
        ):
            graph.neighbours(node)
    with pytest.raises(
        BadArgument, match=r"undirected must be True or False, got 'no'; pass False where edges have a dir"
    ):
        Graph.from_edges([0], [1], undirected="no")

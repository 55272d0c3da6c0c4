from __future__ import annotations

import numpy as np
import pytest

from croupier.errors import BadArgument, BadTable
from croupier.graphs.graph import Graph
from croupier.graphs.graph_checks import whole_times


@pytest.mark.parametrize(
    ("sources", "targets", "more", "error", "text"),
    [
        ([0, 1], [1], {}, BadArgument, r"targets must have one value for each of 2 edges, got \(1,\); give lists"),
        ([0], [1], {"weights": [1, 2]}, BadArgument, r"weights must have one value for each of 1 edges, got \(2,\)"),
        ([0], [1], {"weights": ["a"]}, BadArgument, r"weights must be numbers, got dtype <U1; pass weights >= 0"),
        ([0], [1], {"weights": [-1]}, BadTable, r"'weights' must be finite and >= 0, got -1 in row 0"),
        ([0], [1], {"weights": [0]}, BadTable, r"'weights' must have a weight above 0, got all weights 0"),
        ([0], [1], {"times": [0.5]}, BadArgument, r"times must be a list of integers, got float64, shape \(1,\)"),
        ([0.5], [1], {}, BadArgument, r"sources must be a list of integers, got float64, shape \(1,\); number"),
        ([[0]], [1], {}, BadArgument, r"sources must be a list of integers, got int64, shape \(1, 1\)"),
        ([-1], [1], {}, BadArgument, r"edges must join nodes from 0 to 1, got -1 to 1; number the nodes from 0"),
        ([0], [5], {"nodes": 5}, BadArgument, r"edges must join nodes from 0 to 4, got 0 to 5; number"),
        ([], [], {}, BadArgument, r"nodes must be an integer >= 1 and <= 2147483648, got 0; pass how many nodes"),
    ],
)  # fmt: skip
def test_edges_that_make_no_graph_are_refused(sources, targets, more, error, text):
    with pytest.raises(error, match=text):
        Graph.from_edges(sources, targets, **more)


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        (([1, 2], [0, 0]), r"offsets must go from 0 to the 2 targets without decreasing, got array\(\[1, 2\]\); let"),
        (([0, 2, 1], [0]), r"offsets must go from 0 to the 1 targets"),
        (([0, 1], [1]), r"targets must be below 1 and ascend within each row, got a row with \[1\]...; let Graph"),
        (([0, 2, 2], [1, 0]), r"targets must be below 2 and ascend within each row"),
        (([0, 2, 2], [1, 1]), r"targets must be below 2 and ascend within each row"),
        (([0, 1, 2], [0, 1], np.array([0, 1], np.uint64)), r"aliases must name places within their rows, got 'others'"),
        (([0, 1], [0], np.zeros(1)), r"aliases must be uint64 of shape \(1,\), got float64 of shape \(1,\); let Graph"),
        (([0, 1], [0], None, np.zeros(2, np.int64)), r"times must be int64 of shape \(1,\), got int64 of shape \(2,\)"),
    ],
)
def test_arrays_that_describe_no_graph_are_refused(arrays, text):
    with pytest.raises(BadArgument, match=text):
        Graph(*(np.array(v) if isinstance(v, list) else v for v in arrays))


def test_checks_look_across_chunks(monkeypatch):
    monkeypatch.setattr("croupier.graphs.graph_checks.CHUNK_EDGES", 2)
    assert Graph(np.array([0, 1, 3, 6, 6]), np.array([3, 0, 2, 0, 1, 2])).edges == 6
    with pytest.raises(BadArgument, match="ascend within each row"):
        Graph(np.array([0, 1, 3, 6, 6]), np.array([3, 0, 2, 0, 2, 1]))
    with pytest.raises(BadArgument, match="ascend within each row"):
        Graph(np.array([0, 1, 3, 6, 6]), np.array([3, 2, 0, 0, 1, 2]))


def test_times_beyond_int64_are_refused():
    assert whole_times(np.array([2**63 - 1], np.uint64)).tolist() == [2**63 - 1]
    with pytest.raises(BadArgument, match=r"times must be below 2\*\*63, got 9223372036854775808; count from a later"):
        whole_times(np.array([2**63], np.uint64))
    with pytest.raises(
        BadArgument, match=r"times must be a list of integers, got float64, shape \(1,\); give whole numb"
    ):
        whole_times([0.5])

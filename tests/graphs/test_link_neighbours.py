from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.core.fingerprint import describe
from croupier.errors import BadArgument
from random_graphs import some_edges

MATRIX = some_edges(40, directed=False)
SOURCES, TARGETS = np.nonzero(np.triu(MATRIX))
GRAPH = cr.Graph.from_edges(SOURCES, TARGETS, times=np.arange(SOURCES.size))
STAGE = cr.LinkNeighbours(GRAPH, [4, 3])
KEY = cr.Key(3)


def parts_of(drawn):
    """Each link's nodes, and its edges between nodes."""
    links = drawn.link_index.shape[1]
    nodes = [drawn.nodes[drawn.batch == link].tolist() for link in range(links)]
    of_edge = drawn.batch[drawn.edge_index[1]]
    pairs = drawn.nodes[drawn.edge_index]
    return nodes, [pairs[:, of_edge == link].T.tolist() for link in range(links)]


def test_the_link_itself_is_in_neither_direction_and_all_else_is_an_edge():
    drawn = STAGE.draw(SOURCES, TARGETS, key=KEY)
    assert drawn.nodes[drawn.link_index].tolist() == [SOURCES.tolist(), TARGETS.tolist()]
    assert (drawn.batch[drawn.edge_index[0]] == drawn.batch[drawn.edge_index[1]]).all()
    assert (np.diff(drawn.batch) >= 0).all()
    for head, tail, pairs in zip(SOURCES.tolist(), TARGETS.tolist(), parts_of(drawn)[1], strict=True):
        assert pairs
        assert all(MATRIX[b, a] for a, b in pairs)
        assert not any({a, b} == {head, tail} for a, b in pairs)


def test_no_edge_that_came_later():
    since = np.zeros((40, 40), np.int64)
    since[SOURCES, TARGETS] = since[TARGETS, SOURCES] = np.arange(SOURCES.size)
    times = np.arange(SOURCES.size)[::-1]
    for time, pairs in zip(times, parts_of(STAGE.draw(SOURCES, TARGETS, key=KEY, times=times))[1], strict=True):
        assert all(since[a, b] <= time for a, b in pairs)
    none = STAGE.draw(SOURCES, TARGETS, key=KEY, times=np.full(SOURCES.size, -1))
    assert none.edge_index.shape == (2, 0)
    assert none.nodes.size == 2 * SOURCES.size - np.count_nonzero(SOURCES == TARGETS)


def test_a_draw_belongs_to_the_id_not_to_the_batch():
    whole = parts_of(STAGE.draw(SOURCES, TARGETS, key=KEY))
    some = np.array([7, 3, 11])
    part = parts_of(STAGE.draw(SOURCES[some], TARGETS[some], key=KEY, ids=some))
    for mine, others in zip(part, whole, strict=True):
        assert mine == [others[link] for link in some]
    assert parts_of(STAGE.draw(SOURCES, TARGETS, key=cr.Key(4))) != whole


def test_a_link_that_is_none_and_a_loop():
    drawn = STAGE.draw([0, 5], [39, 5], key=KEY)
    assert drawn.nodes[drawn.link_index].tolist() == [[0, 5], [39, 5]]
    assert parts_of(drawn)[0][1].count(5) == 1


def test_it_pickles_into_plans_and_compares():
    assert cr.LinkNeighbours(GRAPH, (4, 3)) == STAGE
    assert describe(STAGE)["fan_outs"] == [4, 3]


@pytest.mark.parametrize(
    ("fan_outs", "text"),
    [
        ([], r"fan_outs must have a number for each hop, got \[\]; pass \[10, 5\], say"),
        (3, r"fan_outs must have a number for each hop, got 3; pass"),
        (b"ab", r"fan_outs must have a number for each hop, got b'ab'; pass"),
        ([3, 0], r"fan_outs\[1\] must be an integer >= 1 and <= 4096, got 0; pass how many neighbours to draw"),
        ([1000, 1000], r"fan_outs must reach at most 1048576 nodes a link, got \[1000, 1000\]; draw fewer"),
    ],
)
def test_bad_fan_outs(fan_outs, text):
    with pytest.raises(BadArgument, match=text):
        cr.LinkNeighbours(GRAPH, fan_outs)


def test_bad_links():
    with pytest.raises(BadArgument, match=r"graph must be a Graph, got 3; write Graph.from_edges\(sources, targets\)"):
        cr.LinkNeighbours(3, [1])
    for links, more, text in (
        (([0], [40]), {}, r"tails must be from 0 to 39, got 40 to 40; pass nodes of the graph"),
        (([0.5], [1]), {}, r"heads must be a list of integers, one a link, got float64, shape \(1,\); pass one value"),
        (([0], [1, 2]), {}, r"tails must be a list of integers, one a link, got int64, shape \(2,\); pass one value"),
        (([0], [1]), {"ids": [1, 2]}, r"ids must be a list of integers, one a link, got int64, shape \(2,\)"),
        (([0], [1]), {"times": [0.5]}, r"times must be a list of integers, got float64, shape \(1,\); give whole"),
        (
            ([0], [1]),
            {"times": [0, 1]},
            r"times must be a list of integers, one a link, got int64, shape \(2,\); pass one",
        ),
        (([0], [1]), {"times": [2**63]}, r"times must be below 2\*\*63, got 9223372036854775808; count from a later"),
        (([[0], [0, 1]], [1]), {}, r"heads must be an array, got a list that NumPy cannot read; give rows of one"),
    ):
        with pytest.raises(BadArgument, match=text):
            STAGE.draw(*links, key=KEY, **more)
    with pytest.raises(BadArgument, match=r"key must be a Key, got 3; pass Key\(0\), say"):
        STAGE.draw([0], [1], key=3)
    untimed = cr.LinkNeighbours(cr.Graph.from_edges([0], [1]), [1])
    with pytest.raises(BadArgument, match=r"times must be left out, got times, for a graph without; write Graph.from"):
        untimed.draw([0], [1], key=KEY, times=[0])

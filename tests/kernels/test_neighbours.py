from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import neighbours
from croupier.kernels.neighbours import sample_neighbours
from random_graphs import rows_of, some_edges, standardised

NO_TIMES = np.empty(0, np.int64)


def links_of(heads, tails, ids=None, until=None):
    ids = np.arange(len(heads)) if ids is None else ids
    return ids, np.array(heads), np.array(tails), ids if until is None else np.array(until)


@pytest.mark.parametrize("taken", [1, 2, 4, 6])
@pytest.mark.parametrize("timed", [False, True])
def test_every_subset_of_the_neighbours_is_as_likely(taken, timed):
    """60,000 draws from 6 neighbours; the link itself and one that is too late never: within 6 deviations.

    False alarms: below 1e-6 a case. Planted: a neighbour that comes a tenth less often is caught.
    """
    offsets, targets = np.array([0, 8, *[8] * 9]), np.arange(1, 9)
    times = np.array([0, 0, 0, 9, 0, 0, 0, 0]) if timed else NO_TIMES
    if not timed:
        offsets, targets = np.array([0, 7, *[7] * 9]), np.array([1, 2, 3, 5, 6, 7, 8])
    count = 60_000
    links = links_of(np.zeros(count, np.int64), np.full(count, 3), until=np.full(count, 5))
    nodes, edges, begins = sample_neighbours(1, links, (offsets, targets, times), np.array([taken]))
    drawn = nodes[edges[0]].reshape(count, taken)
    assert nodes.size == begins[-1] == count * (taken + 2)
    subsets = {subset: place for place, subset in enumerate(combinations([1, 2, 5, 6, 7, 8], taken))}
    counts = np.zeros((1, len(subsets)))
    np.add.at(counts[0], [subsets[tuple(sorted(one))] for one in drawn.tolist()], 1)
    if taken == 6:
        assert counts.tolist() == [[count]]
        return
    assert abs(standardised(counts, np.ones((1, len(subsets))))) < 6
    last_is_rare = np.array([[0.9 if 8 in subset else 1 for subset in subsets]])
    assert standardised(counts, last_is_rare) > 6


def oracle(link, edges, times, fan_outs, drawn):
    """Check one link's neighbourhood, hop by hop, against the matrix: how many are drawn, of which, each once."""
    head, tail, until = link
    nodes, pairs = drawn
    assert nodes[: 1 + (head != tail)] == ([head] if head == tail else [head, tail])
    assert len(set(nodes)) == len(nodes)
    frontier, seen = list(range(1 + (head != tail))), 1 + (head != tail)
    pairs = list(pairs)
    for fan_out in fan_outs:
        for here in frontier:
            node = nodes[here]
            allowed = {
                x
                for x in np.flatnonzero(edges[node]).tolist()
                if {node, x} != {head, tail} and (times is None or times[node, x] <= until)
            }
            mine = [place for place, sink in pairs if sink == here]
            assert len({nodes[place] for place in mine}) == len(mine) == min(fan_out, len(allowed))
            assert {nodes[place] for place in mine} <= allowed
            seen = max([seen, *(place + 1 for place in mine)])
            pairs = [pair for pair in pairs if pair[1] != here]
        frontier = list(range(frontier[-1] + 1 if frontier else seen, seen))
    assert not pairs
    assert seen == len(nodes)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.booleans(), st.integers(0, 9))
def test_neighbourhoods_are_what_the_graph_allows(fan_outs, timed, seed):
    edges = some_edges(20, directed=seed % 2 == 1, seed=seed)
    rng = np.random.default_rng(seed)
    since = rng.integers(0, 10, (20, 20))
    heads, tails, until = rng.integers(0, 20, 9), rng.integers(0, 20, 9), rng.integers(0, 10, 9)
    rows, _ = rows_of(edges)
    times = since[edges > 0] if timed else NO_TIMES
    links = links_of(heads, tails, until=until)
    nodes, pairs, begins = sample_neighbours(seed, links, (*rows[:2], times), np.array(fan_outs))
    for link in range(9):
        low, high = begins[link], begins[link + 1]
        mine = pairs[:, (pairs[1] >= low) & (pairs[1] < high)] - low
        drawn = nodes[low:high].tolist(), list(zip(*mine.tolist(), strict=True))
        assert drawn[0][0] == heads[link]
        oracle((heads[link], tails[link], until[link]), edges, since if timed else None, fan_outs, drawn)


def test_numba_on_and_off_agree_and_room_makes_no_difference(monkeypatch):
    rows, _ = rows_of(some_edges(30, directed=False))
    links = links_of(np.arange(20), np.arange(20)[::-1] + 5)
    for times in (NO_TIMES, np.arange(rows[1].size) % 7):
        args = (3, links, (*rows[:2], times), np.array([3, 2]))
        whole = sample_neighbours(*args)
        monkeypatch.setattr(neighbours, "ROOM", 1)
        monkeypatch.setattr(neighbours, "SLOTS", 1)
        grown = sample_neighbours(*args)
        monkeypatch.setattr(neighbours, "_sample", neighbours._sample_python)
        plain = sample_neighbours(*args)
        monkeypatch.undo()
        for one in (grown, plain):
            assert all(np.array_equal(a, b) for a, b in zip(whole, one, strict=True))


def test_many_draws_are_looked_up_and_few_compared_with_one_result(monkeypatch):
    """Of 200 neighbours 40 and 199: the loop that looks none up, and the one that looks all up, in Python."""
    rows = (np.array([0, 200, *[200] * 200]), np.arange(1, 201), NO_TIMES)
    for taken in (40, 199):
        args = (5, links_of([0, 0], [7, 8]), rows, np.array([taken]))
        found = sample_neighbours(*args)
        assert found[0].size == 2 * (taken + 2)
        assert np.unique(found[0][: taken + 2]).size == taken + 2
        monkeypatch.setattr(neighbours, "_sample", neighbours._sample_python)
        for scanned in (0, 1000):
            monkeypatch.setattr(neighbours, "SCANNED", scanned)
            assert all(np.array_equal(a, b) for a, b in zip(found, sample_neighbours(*args), strict=True))
        monkeypatch.undo()


def test_tables_are_as_large_as_what_is_found_not_as_what_fan_outs_allow(monkeypatch):
    """On a path two hops reach four nodes more, where fan-outs of 700 allow a million: no table has 2,000 slots."""
    made, make = [], neighbours._table
    monkeypatch.setattr(neighbours, "_table", lambda slots: made.append(slots) or make(slots))
    rows, _ = rows_of(np.eye(100, k=1) + np.eye(100, k=-1))
    nodes, _, begins = sample_neighbours(0, links_of([50], [51]), (*rows[:2], NO_TIMES), np.array([700, 700]))
    assert sorted(nodes.tolist()) == [48, 49, 50, 51, 52, 53]
    assert begins.tolist() == [0, 6]
    assert max(made) < 2_000


def test_no_links():
    rows, _ = rows_of(some_edges(5, directed=False))
    nodes, edges, begins = sample_neighbours(0, links_of([], []), (*rows[:2], NO_TIMES), np.array([2]))
    assert (nodes.size, edges.shape, begins.tolist()) == (0, (2, 0), [0])

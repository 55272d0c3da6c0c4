from __future__ import annotations

import numpy as np
import pytest

from croupier.kernels import walks as module
from croupier.kernels.alias import alias_words
from croupier.kernels.mixing import hash64
from croupier.kernels.walks import BLOCK_WALKS, walk_first_order
from random_graphs import rows_of, some_edges, standardised

NONE = np.empty(0, np.uint64)


def oracle(key, walk, start, steps, rows):
    """One walk, draw by draw, in Python's integers."""
    offsets, targets, aliases = rows
    nodes = [start]
    for step in range(1, steps + 1):
        begin, end = (int(offsets[nodes[-1] + i]) for i in (0, 1)) if nodes[-1] >= 0 else (0, 0)
        slot, rest = divmod(hash64(hash64(key, walk), step - 1) * (end - begin), 2**64)
        if aliases.size and end > begin:
            word = int(aliases[begin + slot])
            slot = slot if rest >> 32 < word >> 32 else word & 0xFFFFFFFF
        nodes.append(int(targets[begin + slot]) if end > begin else -1)
    return nodes


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("directed", [False, True])
def test_each_step_is_what_its_hash_says(directed, weighted):
    rows, weights = rows_of(some_edges(60, directed=directed))
    rows = (*rows[:2], alias_words(rows[0], weights) if weighted else NONE)
    starts = np.arange(60)
    walks = walk_first_order(7, 5, starts, 12, rows)
    assert walks.tolist() == [oracle(7, 5 + start, start, 12, rows) for start in starts.tolist()]
    assert (walks[:, -1] == -1).any() == directed


def test_numba_on_and_off_agree_and_so_do_windows(monkeypatch):
    """More walks than a block, both widths of indices."""
    rows, weights = rows_of(some_edges(60, directed=True))
    starts = np.arange(2 * BLOCK_WALKS + 9) % 60
    for aliases in (NONE, alias_words(rows[0], weights)):
        for dtype in (np.int32, np.int64):
            graph = (rows[0].astype(dtype), rows[1].astype(dtype), aliases)
            walks = walk_first_order(3, 0, starts, 9, graph)
            assert walks.dtype == dtype
            assert np.array_equal(walks[100:300], walk_first_order(3, 100, starts[100:300], 9, graph))
            room = module.begun(starts, 9, graph)
            assert np.array_equal(walks, module._first_numpy(np.uint64(3), 0, *graph, room))


@pytest.mark.parametrize("weighted", [False, True])
def test_steps_are_drawn_by_weight(weighted):
    """Counts of 100,000 steps for each node and target: within 6 deviations of Pearson's statistic.

    False alarms: below 1e-6. Planted: the other kind of weights is caught.
    """
    edges = some_edges(12, directed=False)
    rows, weights = rows_of(edges)
    walks = walk_first_order(1, 0, np.arange(10_000) % 12, 10, (*rows[:2], alias_words(rows[0], weights)))
    if not weighted:
        walks = walk_first_order(1, 0, np.arange(10_000) % 12, 10, (*rows[:2], NONE))
    counts = np.zeros((12, 12))
    np.add.at(counts, (walks[:, :-1].ravel(), walks[:, 1:].ravel()), 1)
    by_weight, alike = edges, (edges > 0).astype(float)
    right, wrong = (by_weight, alike) if weighted else (alike, by_weight)
    assert abs(standardised(counts, right)) < 6
    assert standardised(counts, wrong) > 6


def test_a_graph_without_edges():
    rows = (np.zeros(4, np.int32), np.empty(0, np.int32), NONE)
    assert walk_first_order(0, 0, np.arange(3), 2, rows).tolist() == [[0, -1, -1], [1, -1, -1], [2, -1, -1]]
    room = module.begun(np.arange(3), 2, rows)
    assert module._first_numpy(np.uint64(0), 0, *rows, room).tolist() == [[0, -1, -1], [1, -1, -1], [2, -1, -1]]

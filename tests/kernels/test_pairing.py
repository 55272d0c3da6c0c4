from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import pairing
from croupier.kernels.pairing import pair_up


@st.composite
def walks(draw):
    nodes = draw(st.integers(2, 7))
    lengths = draw(st.lists(st.integers(1, nodes), min_size=1, max_size=9))
    table = np.arange(len(lengths) * nodes, dtype=np.int32).reshape(len(lengths), nodes)
    table[np.arange(nodes) >= np.array(lengths)[:, None]] = -1
    cuts = sorted(draw(st.lists(st.integers(0, len(lengths)), max_size=3)))
    return table, np.array([0, *cuts, len(lengths)]), draw(st.integers(1, nodes - 1))


def oracle(table, window):
    """All pairs: walk, head, tail."""
    found = Counter()
    for row, walk in enumerate(table.tolist()):
        nodes = [node for node in walk if node >= 0]
        for i, head in enumerate(nodes):
            found.update((row, head, tail) for tail in nodes[i + 1 : i + 1 + window])
    return found


@given(walks())
def test_every_pair_once_group_by_group(given_walks):
    table, offsets, window = given_walks
    heads, tails, rows, ends = pair_up(table, offsets, window)
    pairs = list(zip(rows.tolist(), heads.tolist(), tails.tolist(), strict=True))
    assert Counter(pairs) == oracle(table, window)
    for group in range(offsets.size - 1):
        here = rows[ends[group] : ends[group + 1]]
        assert ((here >= offsets[group]) & (here < offsets[group + 1])).all()


@given(walks())
def test_numba_on_and_off_agree(given_walks):
    table, offsets, window = given_walks
    compiled = pair_up(table, offsets, window)
    kept, pairing._pairs = pairing._pairs, pairing._pairs.twin
    try:
        plain = pair_up(table, offsets, window)
    finally:
        pairing._pairs = kept
    assert all(np.array_equal(one, other) for one, other in zip(compiled, plain, strict=True))


@given(st.integers(1, 40), st.integers(2, 9), st.integers(1, 8))
def test_pairs_of_a_full_walk_lie_as_far_apart_as_there_are_walks(count, nodes, window):
    table = np.arange(count * nodes).reshape(count, nodes)
    heads, tails, rows, _ = pair_up(table, np.array([0, count]), min(window, nodes - 1))
    for begin in range(0, rows.size, count):
        assert rows[begin : begin + count].tolist() == list(range(count))
    distances = Counter((tails - heads)[:count].tolist())
    if count >= rows.size // count:  # then even the first stretch holds every kind of pair
        assert set(distances) == set(range(1, min(window, nodes - 1) + 1))

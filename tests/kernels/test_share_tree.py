from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels.share_tree import _draw, draw_sources, find_positions, share_tree

parts_of_a_cycle = st.lists(st.integers(0, 2**20), min_size=1, max_size=12).filter(any)


def discrepancy(sources, parts):
    """Largest distance of any source from its share, over all prefixes."""
    shares = np.asarray(parts) / np.sum(parts)
    counts = np.cumsum(sources[:, None] == np.arange(len(parts)), axis=0)
    return np.abs(counts - np.arange(1, sources.size + 1)[:, None] * shares).max()


def bound(tree):
    """Each split is within one of its share, and passes on its parent's error in proportion: the sum along a path."""
    worst = 0.0
    for source in np.flatnonzero(tree.parts):
        error, up, path = 0.0, tree.parents[tree.minor.size + source], []
        while up >= 0:
            node, from_minor = divmod(int(up), 2)
            path.append((tree.minor[node] if from_minor else tree.total[node] - tree.minor[node]) / tree.total[node])
            up = tree.parents[node]
        for conditional in reversed(path):
            error = error * conditional + 1.0
        worst = max(worst, error)
    return worst


@given(parts_of_a_cycle, st.integers(0, 2**64 - 1), st.integers(0, 2**45))
def test_sources_and_ordinals_are_those_of_a_count(parts, key, start):
    """The oracle: ordinals count the draws of a source one by one, from the start of a cycle."""
    tree = share_tree(parts, key)
    first = start // sum(parts) * sum(parts)
    positions = np.arange(first, first + 400)
    sources, ordinals = draw_sources(positions, tree)
    cycles = first // sum(parts)
    seen = [cycles * part for part in parts]
    for source, ordinal in zip(sources.tolist(), ordinals.tolist(), strict=True):
        assert parts[source] > 0
        assert ordinal == seen[source]
        seen[source] += 1
    assert discrepancy(sources, parts) <= bound(tree) + 1e-9
    assert bound(tree) <= 4
    assert find_positions(sources, ordinals, tree).tolist() == positions.tolist()


@given(parts_of_a_cycle, st.lists(st.integers(0, 2**62 - 1), min_size=1, max_size=50))
def test_any_position_at_once_and_back(parts, positions):
    tree = share_tree(parts, key=5)
    wanted = np.array(positions)
    sources, ordinals = draw_sources(wanted, tree)
    assert find_positions(sources, ordinals, tree).tolist() == positions
    for position, source, ordinal in zip(positions, sources.tolist(), ordinals.tolist(), strict=True):
        assert abs(ordinal * sum(parts) - position * parts[source]) <= (bound(tree) + 1e-6) * sum(parts)


@pytest.mark.parametrize("parts", [[1], [1, 1], [0, 7, 0], [3, 5, 1, 1, 2], [1] * 40])
def test_a_cycle_deals_every_source_exactly_its_parts(parts):
    sources, _ = draw_sources(np.arange(5 * sum(parts)), share_tree(parts, key=2))
    for cycle in sources.reshape(5, -1):
        assert np.bincount(cycle, minlength=len(parts)).tolist() == parts


@given(parts_of_a_cycle, st.integers(0, 2**64 - 1), st.integers(0, 2**50))
def test_the_loop_and_its_twin_agree(parts, key, start):
    tree = share_tree(parts, key)
    arguments = (np.arange(start, start + 100), *tree[:4], tree.node_keys)
    for ours, theirs in zip(_draw(*arguments), _draw.twin(*arguments), strict=True):
        assert ours.tolist() == theirs.tolist()


def test_the_discrepancy_of_five_sources():
    """iid draws reach about 100 here."""
    parts = [600_000_000, 250_000_000, 100_000_000, 40_000_000, 10_000_000]
    worst = max(discrepancy(draw_sources(np.arange(20_000), share_tree(parts, key))[0], parts) for key in range(20))
    assert worst <= 2.2
    iid = np.random.default_rng(0).choice(5, 20_000, p=np.array(parts) / 1e9)
    assert discrepancy(iid, parts) > 20


def test_no_rank_sees_one_source_only():
    """Two equal sources, two ranks, a batch of one: a fixed pattern would give each rank a source of its own.

    4,000 fair coins a rank; five standard deviations are passed with a probability below 1e-6.
    """
    sources, _ = draw_sources(np.arange(8000), share_tree([1, 1], key=3))
    assert abs(sources[::2].mean() - 0.5) < 5 * 0.5 / np.sqrt(4000)
    fixed = np.arange(8000) % 2
    assert abs(fixed[::2].mean() - 0.5) > 5 * 0.5 / np.sqrt(4000), "the mutant: floors instead of random places"

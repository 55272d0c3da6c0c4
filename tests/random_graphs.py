"""Small graphs as matrices of weights, and what the counts of walks on them should be."""

from __future__ import annotations

import numpy as np


def some_edges(nodes, *, directed, seed=0):
    """A matrix of weights 1 to 9, 0 where there is no edge; every node of an undirected graph has one."""
    rng = np.random.default_rng(seed)
    edges = rng.integers(1, 10, (nodes, nodes)) * (rng.random((nodes, nodes)) < 4 / nodes)
    if directed:
        edges[::7] = 0
        return edges
    edges[np.arange(nodes - 1), np.arange(1, nodes)] = 5
    return np.maximum(edges, edges.T)


def rows_of(edges):
    """Offsets, targets and no aliases; and the weights of the targets."""
    offsets = np.concatenate([[0], np.cumsum(np.count_nonzero(edges, axis=1))]).astype(np.int32)
    return (offsets, np.nonzero(edges)[1].astype(np.int32), np.empty(0, np.uint64)), edges[edges > 0].astype(np.int64)


def standardised(counts, weights) -> float:
    """Pearson's statistic over all contexts, less its mean, over its standard deviation.

    The last axis holds what was drawn, those before it the context; a draw is expected in proportion to its weight.
    """
    counts, weights = (np.asarray(v, float).reshape(-1, v.shape[-1]) for v in (counts, weights))
    assert not counts[weights == 0].any()
    met = counts.sum(axis=1) > 0
    counts, weights = counts[met], weights[met]
    expected = counts.sum(axis=1, keepdims=True) * weights / weights.sum(axis=1, keepdims=True)
    cells = expected > 0
    freedom = (np.count_nonzero(cells, axis=1) - 1).sum()
    statistic = ((counts[cells] - expected[cells]) ** 2 / expected[cells]).sum()
    return float((statistic - freedom) / np.sqrt(2 * freedom))

"""Test statistics with a known distribution, so that a test can state its rate of false alarms."""

from __future__ import annotations

import numpy as np


def standardised_chi_square(counts, expected) -> float:
    """Pearson's statistic less its mean over its standard deviation; above 6 or so with a probability below 1e-6.

    Cells that are expected to be empty must be.
    """
    counts, expected = np.asarray(counts, float), np.asarray(expected, float)
    assert not counts[expected == 0].any()
    cells = expected > 0
    freedom = int(cells.sum()) - 1
    statistic = ((counts[cells] - expected[cells]) ** 2 / expected[cells]).sum()
    return float((statistic - freedom) / np.sqrt(2 * freedom)) if freedom else 0.0


def kolmogorov_smirnov(values) -> float:
    """sqrt(n) times the largest distance of the empirical distribution from the uniform one on [0, 1]."""
    ordered = np.sort(np.asarray(values, float))
    after = np.arange(1, ordered.size + 1) / ordered.size
    distance = max(np.abs(ordered - after).max(), np.abs(ordered - after + 1 / ordered.size).max())
    return float(distance * np.sqrt(ordered.size))


def discrepancy(sources, shares) -> float:
    """Largest distance of any source's count from its share, over all prefixes."""
    sources, shares = np.asarray(sources), np.asarray(shares, float) / np.sum(shares)
    counts = np.cumsum(sources[:, None] == np.arange(shares.size), axis=0)
    return float(np.abs(counts - np.arange(1, sources.size + 1)[:, None] * shares).max())

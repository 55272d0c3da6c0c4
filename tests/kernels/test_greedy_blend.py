from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels.greedy_blend import _blend, greedy_blend

SMALL = st.integers(1, 9).map(float)  # ties are frequent among these
WEIGHTS = st.lists(SMALL | st.floats(1e-9, 1e3), min_size=1, max_size=8)


def oracle(weights, samples):
    counts = [0] * len(weights)
    for t in range(samples):
        behind = [weight * max(t, 1) - count for weight, count in zip(weights, counts, strict=True)]
        yield (furthest := behind.index(max(behind)))
        counts[furthest] += 1


@given(WEIGHTS, st.integers(0, 200))
def test_the_loop_the_twin_and_the_oracle_agree(weights, samples):
    shares = np.array(weights) / np.sum(weights)
    chosen = greedy_blend(shares, samples)
    assert chosen.dtype == np.int16
    assert chosen.tolist() == _blend.twin(shares, samples).tolist() == list(oracle(shares.tolist(), samples))


def test_a_blend_of_fewer_samples_is_its_beginning():
    shares = np.array([0.1, 0.2, 0.7])
    assert greedy_blend(shares, 500).tolist() == greedy_blend(shares, 1000)[:500].tolist()


@pytest.mark.parametrize("mutant", ["clock from 1 on", "last of equals", "fused"])
def test_what_is_nearly_the_rule_is_another_order(mutant):
    """Three near misses, each told apart by some blend of small whole weights."""
    told = 0
    for parts in [(4, 1, 1), (1, 1), (3, 6, 1), (1, 2, 7), (5, 5, 3, 1)]:
        shares = np.array(parts, dtype=float) / sum(parts)
        told += greedy_blend(shares, 60).tolist() != list(_nearly(shares, 60, mutant))
    assert told


def _nearly(shares, samples, mutant):
    counts = np.zeros(shares.size)
    for t in range(samples):
        clock = t + 1 if mutant == "clock from 1 on" else max(t, 1)
        behind = shares * clock - counts
        if mutant == "fused":
            behind = [float(Fraction(share) * clock - int(n)) for share, n in zip(shares, counts, strict=True)]
        furthest = (
            shares.size - 1 - np.argmax(np.array(behind)[::-1]) if mutant == "last of equals" else np.argmax(behind)
        )
        yield furthest
        counts[furthest] += 1

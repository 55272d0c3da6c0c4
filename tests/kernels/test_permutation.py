"""The computed shuffle is a permutation, and a good one; each statistic is shown to catch a bad one.

Seeds are fixed, so a pass is a pass for ever; thresholds are set where a true random permutation fails with a
probability below one in a million.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import permutation
from croupier.kernels.mixing import hash64
from croupier.kernels.permutation import permute, unpermute

POWERS = [2**k + d for k in range(2, 22) for d in (-1, 0, 1)]


@pytest.mark.parametrize("size", [1, 2, 3, *POWERS])
def test_it_is_a_permutation_and_has_an_inverse(size: int):
    """grain's index_shuffle is not one at 65,537, 262,145 and 1,048,577."""
    positions = np.arange(size)
    ids = permute(positions, size, key=hash64(size, 0))
    assert np.array_equal(np.sort(ids), positions)
    assert np.array_equal(unpermute(ids, size, key=hash64(size, 0)), positions)


@given(size=st.integers(1, 2**62), key=st.integers(0, 2**64 - 1), data=st.data())
def test_any_place_of_any_size_both_ways(size: int, key: int, data: st.DataObject):
    positions = np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=20, unique=True)))
    ids = permute(positions, size, key)
    assert len(set(ids.tolist())) == positions.size
    assert ids.min() >= 0
    assert ids.max() < size
    assert np.array_equal(unpermute(ids, size, key), positions)


@given(size=st.integers(1, 5000), key=st.integers(0, 2**64 - 1))
def test_the_loop_and_its_numpy_twin_agree(size: int, key: int):
    arguments = (np.arange(size), size, permutation.block_bits(size), permutation.round_keys(key))
    assert np.array_equal(permutation._permute(*arguments), permutation._permute_numpy(*arguments))
    assert np.array_equal(permutation._unpermute(*arguments), permutation._unpermute_numpy(*arguments))


# Quality. Each measure takes permute and is run on ours and on a planted mutant that it must catch.


def affine(positions, size, key):
    """A lattice: what an LCG shuffle gives."""
    return (positions * (2 * (key % (size // 4)) + 1) + key) % size


def weak_feistel(positions, size, key):
    """Round functions that never carry high bits down: levanter's fault, where one input bit decides the lowest."""
    bits = permutation.block_bits(size)
    low_bits = bits // 2
    low, high = positions & ((1 << low_bits) - 1), positions >> low_bits
    for q, k in enumerate(map(int, permutation.round_keys(key)[:5])):
        odd, add = (k % 2**20) | 1, k % 997
        if q % 2:
            high = (high ^ (low * odd + add)) & ((1 << (bits - low_bits)) - 1)
        else:
            low = (low ^ (high * odd + add)) & ((1 << low_bits) - 1)
    return high << low_bits | low


def same_for_neighbouring_keys(positions, size, key):
    """Keys that differ in their lowest bits shuffle alike: what seed + epoch invites."""
    return permute(positions, size, key >> 3)


def identity(positions, size, key):
    return positions


def distinct_differences(shuffle, size=2**20):
    """Share of distinct successive differences; random: 0.7354 +- 0.0004 (lattices: nearly 0)."""
    ids = shuffle(np.arange(size), size, 12345)
    return np.unique(np.diff(ids)).size / size


def distinct_xors_of_neighbouring_keys(shuffle, size=2**16):
    """Share of distinct p_k(i) ^ p_{k+1}(i); random: 1 - 1/e = 0.632 +- 0.002."""
    positions = np.arange(size)
    return np.unique(shuffle(positions, size, 800) ^ shuffle(positions, size, 801)).size / size


def worst_bit_dependence(shuffle, size=2**20):
    """Largest |P(output bit flips when one input bit does) - 1/2| over all pairs; random: below 0.031."""
    bits = 20
    positions = np.random.default_rng(1).integers(0, size, 8192)
    ids = shuffle(positions, size, 777)
    worst = 0.0
    for bit in range(bits):
        flipped = ids ^ shuffle(positions ^ (1 << bit), size, 777)
        rates = [(flipped >> out & 1).mean() for out in range(bits)]
        worst = max(worst, *(abs(rate - 0.5) for rate in rates))
    return worst


def largest_autocorrelation(shuffle, size=2**17):
    """Largest |correlation| between positions at lags 1 to 64; random: below 0.016 (5.8 sigma)."""
    ids = shuffle(np.arange(size), size, 4242).astype(float)
    ids = (ids - ids.mean()) / ids.std()
    return max(abs(float((ids[:-lag] * ids[lag:]).mean())) for lag in range(1, 65))


def run_coverage(shuffle, size=2**20):
    """Chi-square per degree of freedom of where the first 4,096 ids fall in 64 equal parts; random: 0.4 to 2.0."""
    counts = np.bincount(shuffle(np.arange(4096), size, 99) * 64 // size, minlength=64)
    return float(((counts - 64) ** 2 / 64).sum() / 63)


MEASURES = {
    distinct_differences: (0.7334, 0.7374),
    distinct_xors_of_neighbouring_keys: (0.622, 0.642),
    worst_bit_dependence: (0.0, 0.031),
    largest_autocorrelation: (0.0, 0.016),
    run_coverage: (0.4, 2.0),
}


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.__name__)
def test_quality(measure):
    low, high = MEASURES[measure]
    assert low <= measure(permute) <= high


@pytest.mark.parametrize(
    ("measure", "mutant"),
    [
        (distinct_differences, affine),
        (distinct_differences, weak_feistel),
        (distinct_xors_of_neighbouring_keys, same_for_neighbouring_keys),
        (worst_bit_dependence, affine),
        (worst_bit_dependence, weak_feistel),
        (largest_autocorrelation, affine),
        (run_coverage, identity),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_measure_catches_its_mutant(measure, mutant):
    low, high = MEASURES[measure]
    assert not low <= measure(mutant) <= high


def test_no_bit_of_the_position_decides_the_parity_of_the_id():
    ids = permute(np.arange(2**20), 2**20, 5)
    for bit in range(20):
        odd_share = (ids[(np.arange(2**20) >> bit & 1) == 1] & 1).mean()
        assert abs(odd_share - 0.5) < 0.0035  # 5 sigma of 2**19 draws
    mutant = weak_feistel(np.arange(2**20), 2**20, 5)
    assert max(abs((mutant[(np.arange(2**20) >> bit & 1) == 1] & 1).mean() - 0.5) for bit in range(20)) > 0.0035

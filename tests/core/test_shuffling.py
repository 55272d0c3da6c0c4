"""The shuffle of tiny tables is exactly uniform over their permutations; larger ones are computed."""

from __future__ import annotations

from collections import Counter
from math import factorial

import numpy as np
import pytest

from croupier.core.key import Key
from croupier.core.shuffling import STORED_SIZE, invert_shuffle, shuffled
from croupier.kernels.permutation import permute


def chi_square(orders: list[tuple[int, ...]], kinds: int) -> float:
    """Standardised: (chi2 - df) / sqrt(2 df); above 6 with a probability below 1e-6 for uniform draws."""
    counts = Counter(orders)
    expected = len(orders) / kinds
    chi2 = sum((count - expected) ** 2 for count in counts.values()) / expected + expected * (kinds - len(counts))
    return (chi2 - (kinds - 1)) / np.sqrt(2 * (kinds - 1))


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6])
def test_all_orders_of_a_tiny_table_come_equally_often(size: int):
    draws = 400 * factorial(size) if size < 6 else 100 * factorial(size)
    orders = [tuple(shuffled(np.arange(size), size, Key(3).child(epoch)).tolist()) for epoch in range(draws)]
    assert abs(chi_square(orders, factorial(size))) < 6


def test_the_statistic_catches_a_feistel_network_of_few_bits():
    orders = [tuple(permute(np.arange(4), 4, key=Key(3).child(epoch).bits).tolist()) for epoch in range(40_000)]
    assert chi_square(orders, 24) > 6


@pytest.mark.parametrize("size", [1, 2, STORED_SIZE - 1, STORED_SIZE, STORED_SIZE + 1, 10_000])
def test_both_ways(size: int):
    key = Key(0).child("x")
    ids = shuffled(np.arange(size), size, key)
    assert sorted(ids.tolist()) == list(range(size))
    assert np.array_equal(invert_shuffle(ids, size, key), np.arange(size))

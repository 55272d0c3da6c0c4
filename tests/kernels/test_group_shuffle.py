from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels.group_shuffle import STORED_GROUP, _shuffle, shuffle_groups, unshuffle_groups
from croupier.kernels.mixing import draws


def whole_groups(sizes, key=1):
    sizes = np.asarray(sizes)
    keys = draws(key, np.arange(sizes.size))
    places = np.concatenate([np.arange(size) for size in sizes])
    return places, np.repeat(sizes, sizes), np.repeat(keys, sizes)


@given(st.lists(st.integers(1, 600), min_size=1, max_size=6), st.integers(0, 2**64 - 1))
def test_each_group_is_permuted_and_comes_back(sizes, key):
    places, of_size, keys = whole_groups(sizes, key)
    shuffled = shuffle_groups(places, of_size, keys)
    start = 0
    for size in sizes:
        assert sorted(shuffled[start : start + size].tolist()) == list(range(size))
        start += size
    assert unshuffle_groups(shuffled, of_size, keys).tolist() == places.tolist()
    assert _shuffle.twin(places, of_size, keys).tolist() == shuffled.tolist()


def test_a_place_goes_where_it_goes_whatever_is_asked_beside_it():
    places, of_size, keys = whole_groups([5, 300, 5000, 2])
    shuffled = shuffle_groups(places, of_size, keys)
    some = np.random.default_rng(0).permutation(places.size)[:500]
    assert shuffle_groups(places[some], of_size[some], keys[some]).tolist() == shuffled[some].tolist()


def test_nothing_to_shuffle():
    nothing = np.empty(0, np.int64)
    for function in (shuffle_groups, unshuffle_groups, _shuffle.twin):
        assert function(nothing, nothing, nothing.astype(np.uint64)).size == 0


def chi_square(counts, expected):
    return (((counts - expected) ** 2 / expected).sum() - (counts.size - 1)) / np.sqrt(2 * (counts.size - 1))


def test_all_orders_of_a_tiny_group_come_alike():
    """Chi-square over the 24 orders of four rows, 24,000 keys; 6 is passed with a probability below 1e-6."""
    places, of_size, keys = whole_groups(np.full(24_000, 4))
    shuffled = shuffle_groups(places, of_size, keys).reshape(-1, 4)
    codes = shuffled @ np.array([64, 16, 4, 1])
    counts = np.array([(codes == np.array(order) @ np.array([64, 16, 4, 1])).sum() for order in permutations(range(4))])
    assert counts.sum() == 24_000
    assert abs(chi_square(counts, 1000.0)) < 6
    naive = np.argsort(np.random.default_rng(0).integers(0, 4, (24_000, 4)), axis=1, kind="stable")
    mutant = np.array([((naive @ np.array([64, 16, 4, 1])) == np.array(order) @ np.array([64, 16, 4, 1])).sum()
                       for order in permutations(range(4))])  # fmt: skip
    assert abs(chi_square(mutant, 1000.0)) > 6, "sorting by draws that tie is not uniform"


@pytest.mark.parametrize("size", [STORED_GROUP, STORED_GROUP + 1, 1000])
def test_pairs_of_rows_land_alike(size):
    """Where rows 0 and 1 go, over keys, in 16 x 16 cells; 6 is passed with a probability below 1e-6."""
    trials = 40_000
    keys = np.repeat(draws(9, np.arange(trials)), 2)
    out = shuffle_groups(np.tile([0, 1], trials), np.full(2 * trials, size), keys).reshape(-1, 2)
    cells = (out * 16 // size) @ np.array([16, 1])
    share = np.bincount(np.arange(size) * 16 // size, minlength=16) / size
    expected = trials * np.outer(share, share)
    expected[np.diag_indices(16)] = trials * share * (share * size - 1) / (size - 1)
    expected[~np.eye(16, dtype=bool)] *= size / (size - 1)
    assert abs(chi_square(np.bincount(cells, minlength=256), expected.ravel())) < 6

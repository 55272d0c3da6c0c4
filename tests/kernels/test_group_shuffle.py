from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels.group_shuffle import STORED_GROUP, _shuffle, find_in_pass, shuffle_passes
from croupier.kernels.mixing import draws
from statistics_of_draws import standardised_chi_square


def whole_passes(sizes, passes=1, key=1):
    """Every draw of some passes over each group: groups, ordinals, and what they are drawn from."""
    sizes = np.asarray(sizes)
    groups = np.repeat(np.arange(sizes.size), sizes * passes)
    ordinals = np.concatenate([np.arange(size * passes) for size in sizes])
    return groups, ordinals, sizes, draws(key, np.arange(sizes.size)), np.zeros(sizes.size, np.int64)


@given(st.lists(st.integers(1, 600), min_size=1, max_size=6), st.integers(1, 3), st.integers(0, 2**64 - 1))
def test_each_pass_deals_each_row_once_and_is_found_again(sizes, passes, key):
    groups, ordinals, *drawn_from = whole_passes(sizes, passes, key)
    rows = shuffle_passes(groups, ordinals, *drawn_from)
    for group, size in enumerate(sizes):
        for number, part in enumerate(rows[groups == group].reshape(passes, size)):
            assert sorted(part.tolist()) == list(range(size))
            assert find_in_pass(part, size, int(drawn_from[1][group]), number).tolist() == list(range(size))
    assert _shuffle.twin(groups, ordinals, *drawn_from).tolist() == rows.tolist()


def test_passes_may_begin_anywhere():
    groups, ordinals, sizes, keys, none = whole_passes([5, 300], passes=3)
    rows = shuffle_passes(groups, ordinals, sizes, keys, none)
    later = shuffle_passes(groups, ordinals, sizes, keys, none + 2)
    for group, size in enumerate((5, 300)):
        assert later[groups == group][:size].tolist() == rows[groups == group][2 * size :].tolist()
        assert rows[groups == group][:size].tolist() != rows[groups == group][size : 2 * size].tolist()


def test_a_draw_is_the_same_whatever_is_asked_beside_it_and_in_any_order():
    groups, ordinals, *drawn_from = whole_passes([5, 300, 5000, 2], passes=2)
    rows = shuffle_passes(groups, ordinals, *drawn_from)
    some = np.random.default_rng(0).permutation(rows.size)[:500]
    assert shuffle_passes(groups[some], ordinals[some], *drawn_from).tolist() == rows[some].tolist()


def test_nothing_to_shuffle():
    nothing = np.empty(0, np.int64)
    for function in (shuffle_passes, _shuffle.twin):
        assert function(nothing, nothing, *whole_passes([3])[2:]).size == 0


def test_all_orders_of_a_tiny_group_come_alike():
    """Chi-square over the 24 orders of four rows, 24,000 passes; 6 is passed with a probability below 1e-6."""
    shuffled = shuffle_passes(*whole_passes([4], passes=24_000)).reshape(-1, 4)
    assert abs(standardised_chi_square(counts_of_orders(shuffled), np.full(24, 1000.0))) < 6
    naive = np.argsort(np.random.default_rng(0).integers(0, 4, (24_000, 4)), axis=1, kind="stable")
    mutant = standardised_chi_square(counts_of_orders(naive), np.full(24, 1000.0))
    assert abs(mutant) > 6, "sorting by draws that tie is not uniform"


def counts_of_orders(shuffled):
    base = np.array([64, 16, 4, 1])
    return [int((shuffled @ base == np.array(order) @ base).sum()) for order in permutations(range(4))]


@pytest.mark.parametrize("size", [STORED_GROUP, STORED_GROUP + 1, 1000])
def test_pairs_of_rows_land_alike(size):
    """Where rows 0 and 1 go, over groups, in 16 x 16 cells; 6 is passed with a probability below 1e-6."""
    trials = 40_000
    sizes, keys = np.full(trials, size), draws(9, np.arange(trials))
    groups, ordinals = np.repeat(np.arange(trials), 2), np.tile([0, 1], trials)
    out = shuffle_passes(groups, ordinals, sizes, keys, np.zeros(trials, np.int64)).reshape(-1, 2)
    cells = (out * 16 // size) @ np.array([16, 1])
    share = np.bincount(np.arange(size) * 16 // size, minlength=16) / size
    expected = trials * np.outer(share, share)
    expected[np.diag_indices(16)] = trials * share * (share * size - 1) / (size - 1)
    expected[~np.eye(16, dtype=bool)] *= size / (size - 1)
    assert abs(standardised_chi_square(np.bincount(cells, minlength=256), expected.ravel())) < 6

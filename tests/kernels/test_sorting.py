from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import sorting
from croupier.kernels.sorting import sort_windows


@given(
    keys=st.lists(st.integers(0, 2**40), max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=5),
)
def test_windows_are_sorted_stably_in_turning_directions(keys: list[int], cuts: list[int]):
    starts = np.array(sorted({0, *(min(cut, len(keys)) for cut in cuts), len(keys)}))
    rows = sort_windows(np.array(keys, dtype=np.int64), starts).tolist()
    expected = []
    for window, (begin, end) in enumerate(pairwise(starts.tolist())):
        order = sorted(range(begin, end), key=lambda row: keys[row])
        expected += order[::-1] if window % 2 else order
    assert rows == expected


@pytest.mark.parametrize("bits", [1, 11, 13, 14, 22, 23, 40, 62])
def test_every_number_of_passes(bits: int):
    keys = np.random.default_rng(bits).integers(0, 2**bits, 3000)
    starts = np.array([0, 1000, 3000])
    assert np.array_equal(sorting._sort(keys, starts), sorting._sort_numpy(keys, starts))

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import grouping
from croupier.kernels.grouping import group_rows


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(10, 12))
def test_it_is_a_stable_sort_by_group_and_where_each_begins(groups, kinds):
    numbers = np.array(groups, dtype=np.int64)
    rows, offsets = group_rows(numbers, kinds)
    assert rows.tolist() == sorted(range(len(groups)), key=lambda row: groups[row])
    assert np.split(numbers[rows], offsets[1:-1])[0].size == (offsets[1] if offsets.size > 1 else 0)
    assert [set(numbers[rows][a:b].tolist()) for a, b in pairwise(offsets)] == [
        {group} for group in sorted(set(groups))
    ]
    counts = np.zeros(kinds + 1, dtype=np.int64)
    twin = grouping._group_numpy(numbers, np.empty(numbers.size, dtype=np.int64), counts)
    assert twin.tolist() == rows.tolist()
    assert counts[-1] == numbers.size

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import intersecting
from croupier.kernels.intersecting import pairs_in_lists


@given(
    st.lists(st.lists(st.integers(0, 30), unique=True).map(sorted), min_size=1, max_size=6),
    st.lists(st.integers(-1, 5), max_size=8),
    st.lists(st.integers(-1, 35), max_size=12),
)
def test_the_pairs_are_those_of_every_pair_looked_at(lists, rows, wanted):
    rows = [row for row in rows if row < len(lists)]
    offsets = np.cumsum([0, *(len(points) for points in lists)])
    values = np.array([point for points in lists for point in points], np.int64)
    arguments = np.array(rows, np.int64), offsets, values, np.array(wanted, np.int64)
    found = list(zip(*(places.tolist() for places in pairs_in_lists(*arguments)), strict=True))
    assert found == [
        (i, j) for i, row in enumerate(rows) for j, value in enumerate(wanted) if row >= 0 and value in lists[row]
    ]
    distinct = np.unique(arguments[3][arguments[3] >= 0])
    met, twins = np.zeros((200, 2), np.int64), np.zeros((200, 2), np.int64)
    assert intersecting._meet(*arguments[:3], distinct, met) == intersecting._meet_numpy(
        *arguments[:3], distinct, twins
    )
    assert met.tolist() == twins.tolist()

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.split.recutting import recut_to_multiple


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=20), multiple=st.integers(1, 12))
def test_batches_are_only_split_in_place_and_only_at_the_end(sizes, multiple):
    recut = recut_to_multiple(np.array(sizes), multiple)
    needed = -(-len(sizes) // multiple) * multiple
    if recut is None:
        assert sum(sizes) < needed
        return
    assert recut.size == needed
    assert recut.min() >= 1
    assert set(np.cumsum(sizes)) <= set(np.cumsum(recut)), "every old cut is still a cut"
    same = 0
    while same < len(sizes) and recut[same] == sizes[same]:
        same += 1
    spare = sizes[same:]
    assert len(spare) <= len(sizes) % multiple + multiple or sum(spare[multiple:]) < needed


def test_the_largest_are_split_first():
    assert recut_to_multiple(np.array([10, 2, 4]), 4).tolist() == [5, 5, 2, 4]

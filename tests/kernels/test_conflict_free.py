from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflicting_rows import arguments, check_apart, rows_and_known
from croupier.kernels import conflict_free
from croupier.kernels.blocking import Blocking, blocking_lists
from croupier.kernels.conflict_free import deal_conflict_free
from croupier.kernels.conflicts import conflicts_among


@given(
    rows_and_known(), st.integers(1, 150), st.integers(1, 9), st.booleans(), st.randoms(use_true_random=False)
)  # fmt: skip
def test_no_two_rows_of_a_batch_conflict_and_none_is_over_full(drawn, batches, capacity, in_place, random):
    rows, known = drawn
    found = conflicts_among(*arguments(rows, known))
    lists = blocking_lists(found)
    order = np.flatnonzero((found.queries >= 0) | (found.items >= 0).any(axis=1))
    order = np.array(random.sample(order.tolist(), order.size), np.int64)
    first = order, found.queries, found.items, lists
    dealt = deal_conflict_free(*first, batches, capacity, in_place=in_place)
    twin = np.full(dealt.size, -1)
    conflict_free._deal_plain(*first, batches, capacity, in_place * batches, twin)
    assert dealt.tolist() == twin.tolist()
    assert np.bincount(dealt[dealt >= 0], minlength=1).max() <= capacity
    check_apart(rows, known, dealt)
    if batches >= len(rows):
        assert (dealt[order] >= 0).all()


def test_a_row_without_room_takes_the_place_of_one_that_can_move():
    """Row 2 is ruled out where there is room; row 1, in the full batch, moves there."""
    queries = np.array([0, 1, 0], np.int32)
    items = np.array([[2], [3], [4]], np.int32)
    lists = Blocking(np.array([0] + [1] * 10), np.array([0], np.int32), 0, 5)
    dealt = deal_conflict_free(np.arange(3), queries, items, lists, 2, 2)
    assert sorted(dealt.tolist()) in ([0, 0, 1], [0, 1, 1])
    assert dealt[0] != dealt[2]


@pytest.mark.parametrize("in_place", [True, False])
def test_places_beyond_the_first_sixty_four_batches_are_found(in_place):
    rows = 200
    # Query 0 rules itself out; item 1 likewise.
    lists = Blocking(np.array([0, 1, 1, 2, 2]), np.array([0, 1], np.int32), 0, 2)
    dealt = deal_conflict_free(
        np.arange(rows), np.zeros(rows, np.int32), np.ones((rows, 1), np.int32), lists, rows, 1, in_place=in_place
    )
    assert sorted(dealt.tolist()) == list(range(rows))

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import conflict_free
from croupier.kernels.conflict_free import deal_conflict_free
from croupier.kernels.conflicts import conflicts_among
from croupier.negatives.known_positives import KnownPositives


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=60),
    st.integers(1, 2),
    st.integers(1, 150),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
)
def test_no_two_rows_of_a_batch_conflict_and_none_is_over_full(rows, width, batches, capacity, random):
    queries, items = np.array(rows)[:, 0].copy(), np.array(rows)[:, 1 : width + 1].copy()
    known = KnownPositives.of(queries, items[:, 0])
    items = known.items.numbers(items)
    askers = known.transposed()
    found = conflicts_among(queries, items, (known.offsets, known.positives), (askers.offsets, askers.positives))
    order = np.flatnonzero((found.queries >= 0) | (found.items >= 0).any(axis=1))
    order = np.array(random.sample(order.tolist(), order.size), np.int64)
    arguments = order, found.queries, found.items, (found.offsets, found.others), batches, capacity
    dealt = deal_conflict_free(*arguments)
    twin = np.full(dealt.size, -1)
    conflict_free._deal_plain(*arguments[:3], *arguments[3], *arguments[4:], twin)
    assert dealt.tolist() == twin.tolist()
    for batch in range(batches):
        own = np.flatnonzero(dealt == batch)
        assert own.size <= capacity
        one, two = known.pairs_among(queries[own], items[own, 0])
        assert (one == two).all()
        if width == 2:
            one, two = known.pairs_among(queries[own], items[own, 1])
            assert (one == two).all()
    if batches >= len(rows):
        assert (dealt[order] >= 0).all()


def test_a_row_without_room_takes_the_place_of_one_that_can_move():
    """Row 2 is ruled out where there is room; row 1, in the full batch, moves there."""
    queries = np.array([0, 1, 0], np.int64)
    items = np.array([[2], [3], [4]], np.int64)
    offsets, others = np.array([0, 1, 1, 1, 1, 1]), np.array([0])
    dealt = deal_conflict_free(np.arange(3), queries, items, (offsets, others), 2, 2)
    assert sorted(dealt.tolist()) in ([0, 0, 1], [0, 1, 1])
    assert dealt[0] != dealt[2]


def test_places_beyond_the_first_sixty_four_batches_are_found():
    rows = 200
    offsets, others = np.arange(3), np.array([0, 1])  # query 0 rules itself out; item 1 likewise
    dealt = deal_conflict_free(
        np.arange(rows), np.zeros(rows, np.int64), np.ones((rows, 1), np.int64), (offsets, others), rows, 1
    )
    assert sorted(dealt.tolist()) == list(range(rows))

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument

ids = st.integers(0, 6) | st.sampled_from([10**9, 2**61])
pairs = st.lists(st.tuples(ids, ids), max_size=40)


def known_of(found):
    return cr.KnownPositives.of([query for query, _ in found], [item for _, item in found])


@given(pairs, st.lists(ids, max_size=6), st.lists(ids, max_size=6))
def test_it_answers_as_a_set_of_pairs_does(found, queries, items):
    known = known_of(found)
    assert len(known) == len(set(found))
    mask = [[(query, item) not in found for item in items] for query in queries]
    assert known.may_contrast(queries, items).tolist() == [list(row) for row in mask]
    both = list(zip(queries, items, strict=False))
    asked = [query for query, _ in both], [item for _, item in both]
    assert known.contains(*asked).tolist() == [pair in found for pair in both]
    for query in queries:
        assert known.of_query(query).tolist() == sorted({item for other, item in found if other == query})


@given(pairs)
def test_transposed_twice_is_the_same_and_once_turns_every_pair(found):
    known = known_of(found)
    turned = known.transposed()
    assert all(turned.contains([item], [query]).all() for query, item in found)
    assert len(turned) == len(known)
    back = turned.transposed()
    assert back.offsets.tolist() == known.offsets.tolist()
    assert back.positives.tolist() == known.positives.tolist()


def test_an_empty_place_of_a_queue_is_never_a_negative():
    known = cr.KnownPositives.of([0], [1])
    assert known.may_contrast([0, 5], [-1, 1, 2]).tolist() == [[False, False, True], [False, True, True]]


def test_memory_is_linear_in_the_pairs():
    known = cr.KnownPositives.of(np.arange(100_000), np.arange(100_000))
    assert known.nbytes <= 16 * 100_001


def test_lists_of_unequal_length_are_refused():
    with pytest.raises(BadArgument, match=r"items must be as many as queries, got 2 queries, 1 items; give one item"):
        cr.KnownPositives.of([0, 1], [0])
    with pytest.raises(BadArgument, match=r"items must be as many as queries, got 2 queries, 1 items; give one item"):
        cr.KnownPositives.of([0], [0]).contains([0, 1], [0])
    with pytest.raises(BadArgument, match="queries must be at least 0 and below"):
        cr.KnownPositives.of([-1], [0])


def test_what_was_not_made_by_of_is_refused_where_it_cannot_be():
    known = cr.KnownPositives.of([0, 1], [2, 0])
    for arrays, text in (
        (([0], known.items, known.offsets, known.positives), r"queries must be a Numbering, got \[0\]; write Known"),
        (
            (known.queries, known.items, [0, 1, 2], known.positives),
            r"offsets must be a 1-D int64 array, got \[0, 1, 2\]",
        ),
        ((known.queries, known.items, known.offsets[:2], known.positives), r"offsets must begin 2 lists, from 0 to 2"),
        (
            (known.queries, known.items, np.array([0, 3, 2]), known.positives),
            r"offsets must begin 2 lists, from 0 to 2",
        ),
        (
            (known.queries, known.items, known.offsets, known.positives + 9),
            r"positives must be numbers of items, below 3",
        ),
    ):
        with pytest.raises(BadArgument, match=text):
            cr.KnownPositives(*arrays)


def test_a_query_is_one_id():
    known = cr.KnownPositives.of([0, 1], [2, 0])
    assert known.of_query(np.uint8(1)).tolist() == [0]
    for query in (0.5, "0", True, 2**62, None):
        with pytest.raises(BadArgument, match=r"query must be an integer >= -1.*, got .*; pass the id of a query"):
            known.of_query(query)

from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument
from croupier.report.hardness import CHUNK_ITEMS, ranks_of, score_differences

RNG = np.random.default_rng(0)
KNOWN = cr.KnownPositives.of([0, 0, 3], [4, 9, CHUNK_ITEMS + 1])
EMBEDDED = cr.Embedded(RNG.normal(size=(5, 3)).astype(np.float32), RNG.normal(size=(CHUNK_ITEMS + 5, 3)))


def test_ranks_are_places_in_a_sorted_list_without_known_positives():
    queries, items = RNG.integers(0, 5, 40), RNG.integers(0, CHUNK_ITEMS + 5, 40)
    for query, item, rank in zip(queries, items, ranks_of(EMBEDDED, KNOWN, queries, items), strict=True):
        scores = EMBEDDED.items @ EMBEDDED.queries[query].astype(float)
        rivals = np.setdiff1d(np.arange(scores.size), KNOWN.of_query(int(query)))
        assert rank == 1 + np.sum(np.delete(scores[rivals], np.flatnonzero(rivals == item)) > scores[item])


def test_differences_are_of_inner_products():
    queries, positives, negatives = RNG.integers(0, 5, (3, 20))
    scores = EMBEDDED.queries.astype(float) @ EMBEDDED.items.T
    expected = scores[queries, positives] - scores[queries, negatives]
    assert np.allclose(score_differences(EMBEDDED, queries, positives, negatives), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: cr.Embedded([[1.0]], np.eye(2)),
            r"queries must be a float array of shape \(ids, d\), got \[\[1.0\]\]",
        ),
        (
            lambda: cr.Embedded(np.eye(2), np.eye(2, dtype=int)),
            r"items must be a float array of shape \(ids, d\), got dt",
        ),
        (lambda: cr.Embedded(np.eye(2), np.eye(3)), r"queries and items must have vectors of one size, got 2 and 3"),
        (
            lambda: EMBEDDED.check("embedded", np.array([5]), np.array([0])),
            r"embedded.queries must have a row for each id, up to 5, got 5 rows; embed all of them",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(BadArgument, match=message):
        call()

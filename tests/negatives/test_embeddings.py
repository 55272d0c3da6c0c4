from __future__ import annotations

import numpy as np
import pytest
import torch

from croupier.errors import BadArgument
from croupier.negatives import embeddings
from croupier.negatives.embeddings import (
    check_unit_length,
    checked_embeddings,
    pair_scores,
    rows_as_float32,
    slack_of,
)


def test_lengths_and_where_they_are(monkeypatch):
    monkeypatch.setattr(embeddings, "NUMBERS_AT_ONCE", 4)
    found = checked_embeddings("corpus", np.array([[3, 4], [0, 1], [6, 8], [1, 0], [0, 0.5]], np.float32))
    assert found == (0.5, 10.0, 4, 2)


@pytest.mark.parametrize(
    ("vectors", "text"),
    [
        (
            np.ones((2, 2)),
            r"corpus must be a 2-D float32 or float16 array, .*got ndarray of dtype float64, shape \(2, 2\)",
        ),
        ([[1.0]], r"corpus must be a 2-D float32 .*, got a list; convert it"),
        (torch.ones(1, 1, requires_grad=True), r", got a Tensor; write .detach\(\).cpu\(\).numpy\(\)"),
        (np.ones(3, np.float32), r"got ndarray of dtype float32, shape \(3,\)"),
        (np.ones((0, 3), np.float32), r"corpus must have at least one row and one number a row, got shape \(0, 3\)"),
        (np.array([[1], [np.nan]], np.float32), r"corpus must hold finite rows, .*, got length nan in row 1; mend"),
        (np.array([[np.inf]], np.float32), r"got length inf in row 0"),
        (np.array([[1e19]], np.float32), r"shorter than 1e\+18, got length 1e\+19 in row 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(vectors, text):
    with pytest.raises(BadArgument, match=text):
        checked_embeddings("corpus", vectors)


def test_cosines_need_length_1():
    good = np.array([[0.6, 0.8]], np.float16)
    check_unit_length("corpus", checked_embeddings("corpus", good))
    for row, text in (
        (
            [0, 0],
            r"corpus must have rows of length 1 where scores are cosines, got length 0 in row 1; leave empty ones out",
        ),
        ([3, 4], r"got length 5 in row 1; divide each row by its length, or pass cosine=False"),
    ):
        found = checked_embeddings("corpus", np.array([[1, 0], row], np.float32))
        with pytest.raises(BadArgument, match=text):
            check_unit_length("corpus", found)


def test_rows_are_not_copied_without_need():
    vectors = np.ones((6, 2), np.float32)
    assert np.shares_memory(rows_as_float32(vectors, 2, 4), vectors)
    assert rows_as_float32(vectors.astype(np.float16), 5, 9).dtype == np.float32
    assert rows_as_float32(np.asfortranarray(vectors), 0, 6).flags.c_contiguous


def test_pairs_score_the_same_however_they_are_cut(monkeypatch):
    generator = np.random.default_rng(0)
    queries, corpus = (generator.standard_normal((n, 9)).astype(np.float16) for n in (7, 30))
    rows, items = generator.integers(0, 7, 80), generator.integers(0, 30, 80)
    whole = pair_scores(queries, rows, corpus, items)
    exact = (queries[rows].astype(np.float64) * corpus[items].astype(np.float64)).sum(axis=1)
    np.testing.assert_allclose(whole, exact, rtol=1e-6, atol=1e-7)
    monkeypatch.setattr(embeddings, "NUMBERS_AT_ONCE", 30)
    assert pair_scores(queries, rows, corpus, items).tobytes() == whole.tobytes()


@pytest.mark.parametrize("width", [1, 3, 256, 1000])
def test_a_matrix_product_stays_within_the_slack(width):
    generator = np.random.default_rng(width)
    left, right = (generator.standard_normal((40, width)).astype(np.float32) ** 3 for _ in range(2))
    exact = left.astype(np.float64) @ right.astype(np.float64).T
    longest = np.linalg.norm(right.astype(np.float64), axis=1).max()
    off = np.abs(left @ right.T - exact)
    assert (off <= slack_of(left, longest)[:, None]).all()

from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument
from croupier.negatives.appending import COLUMNS, Negatives


def test_a_source_of_ones_own_is_added_with_its_facts():
    found = Negatives(np.array([[4, -1]]), np.array([[-0.5, -0.5]]), np.array([[2.0, 3.0]]), np.array([[0.5, 0.5]]), 7)
    batches = cr.append_negatives(cr.append_negatives(cr.Batches.of([9]), found), found)
    assert set(batches.columns) == set(COLUMNS)
    assert batches.columns["negatives"].tolist() == [[4, -1, 4, -1]]
    assert batches.columns["negative_source"].tolist() == [[0, 0, 1, 1]]
    assert batches.columns["negative_version"].tolist() == [[7] * 4]
    assert batches.columns["negative_weight"].tolist() == [[0.5, 0, 0.5, 0]]
    assert batches.columns["negative_log_q"].tolist() == [[-0.5, -np.inf, -0.5, -np.inf]]
    assert np.isnan(batches.columns["negative_score"][0]).tolist() == [False, True, False, True]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            ([[4]], np.zeros((1, 1))),
            r"items must be int64 of shape \(1, k\), got \[\[4\]\]; give each row as many, -1 for",
        ),
        ((np.array([4]), np.zeros((1, 1))), r"items must be int64 of shape \(1, k\), got array\(\[4\]\)"),
        ((np.array([[4], [5]]), np.zeros((2, 1))), r"items must be int64 of shape \(1, k\)"),
        ((np.array([[4.0]]), np.zeros((1, 1))), r"items must be int64 of shape \(1, k\)"),
        ((np.array([[4]]), None), r"log_q must be floats of shape \(1, 1\), as items, got None; give one an item"),
        ((np.array([[4]]), np.zeros((1, 2))), r"log_q must be floats of shape \(1, 1\), as items"),
        (
            (np.array([[4]]), np.zeros((1, 1)), np.zeros((1, 1), int)),
            r"scores must be floats of shape \(1, 1\), as items",
        ),
        ((np.array([[4]]), np.zeros((1, 1)), None, np.ones(1)), r"weights must be floats of shape \(1, 1\), as items"),
    ],
)
def test_sources_whose_arrays_do_not_fit_are_refused(found, text):
    with pytest.raises(BadArgument, match=text):
        cr.append_negatives(cr.Batches.of([9]), Negatives(*found))

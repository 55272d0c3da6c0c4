from __future__ import annotations

import numpy as np

import croupier as cr
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

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

import croupier as cr
from croupier.errors import BadArgument
from croupier.report.contrast_rows import read_rows


@pytest.mark.parametrize("as_given", [list, np.array, torch.tensor], ids=["lists", "arrays", "tensors"])
def test_tuples_and_mappings_say_the_same(as_given):
    queries, items, negatives = as_given([3, -1, 4]), as_given([5, -1, 6]), as_given([[7, -1], [0, 0], [8, 9]])
    for batch in (
        (queries, items, negatives),
        [queries, items, negatives],
        {"queries": queries, "items": items, "negatives": negatives},
    ):
        rows = read_rows(batch, 0)
        assert (rows.queries.tolist(), rows.items.tolist()) == ([3, 4], [5, 6]), "the row of padding is left out"
        assert rows.negatives.tolist() == [[7, -1], [8, 9]]
        assert (rows.scores, rows.mined_at, rows.now, rows.rows) == (None, None, None, None)


def test_what_else_there_is():
    scores = torch.tensor([[0.5, 0.25], [1.0, 2.0]], requires_grad=True)
    batch = {"queries": [0, 1], "items": [2, 3], "negatives": [4, 5], "scores": scores, "rows": [8, 9], "now": 7}
    for mined_at in (3, [3, 3], [[3], [3]]):
        rows = read_rows({**batch, "mined_at": mined_at}, 0)
        assert rows.negatives.tolist() == [[4], [5]]
        assert rows.scores.tolist() == [[0.5, 0.25], [1.0, 2.0]]
        assert rows.mined_at.tolist() == [[3], [3]]
        assert (rows.now, rows.rows.tolist()) == (7, [8, 9])
    empty = read_rows(([], [], []), 0)
    assert (empty.queries.size, empty.negatives.shape) == (0, (0, 1))


def test_deals_have_columns_or_rows_of_the_table():
    table, pairs = cr.Table(user=[0, 0, 1, 2], film=[5, 6, 7, 7]), cr.Pairs("user", "film")
    plan = cr.chain(cr.Sequential(), cr.RandomNegatives(2, 8, pairs), cr.FixedSize(4))
    deal = cr.Dealer(plan, table, seed=0).first()
    rows = read_rows(cr.rows_of_deals(table, pairs)(deal), 0)
    assert (rows.queries.tolist(), rows.items.tolist(), rows.rows.tolist()) == (
        [0, 0, 1, 2],
        [5, 6, 7, 7],
        [0, 1, 2, 3],
    )
    assert np.array_equal(rows.negatives, deal.columns["negatives"])
    walked = cr.Deal(np.array([1, 0]), {"user": np.array([9, 8]), "is_padding": np.array([False, True])})
    rows = read_rows(cr.rows_of_deals(table, pairs)(walked), 0)
    assert (rows.queries.tolist(), rows.items.tolist()) == ([9], [6])


FINE = {"queries": [0, 1], "items": [2, 3]}
EXPECTED = [
    (7, "batch 4 must be a mapping or a tuple (queries, items[, negatives]), got 'int'; give {"),
    (([0, 1],), "batch 4 must be a mapping or a tuple (queries, items[, negatives]), got 'tuple'"),
    (
        cr.Deal(np.arange(2), {}),
        "got 'Deal'; audit a Dealer with its Pairs, or pass rows_of=rows_of_deals(table, pairs)",
    ),
    (
        {"query": [0], "items": [1]},
        "batch 4 must have entries among queries, items, negatives, scores, mined_at, now, row",
    ),
    ({"queries": [0]}, "got no ['items']; give {"),
    (
        {**FINE, "queries": ["who"]},
        "queries of batch 4 must be whole numbers of shape (B,), got dtype <U3 of shape (1,); con",
    ),
    (
        {**FINE, "items": [[2], [3]]},
        "items of batch 4 must be whole numbers of shape (B,), got dtype int64 of shape (2, 1)",
    ),
    ({**FINE, "items": [2, 3, 4]}, "items of batch 4 must have the 2 rows of its queries, got 3; align them"),
    ({**FINE, "items": [2, -1]}, "items of batch 4 must be >= 0, got -1; rows of padding have the query -1"),
    (
        {**FINE, "items": [2, 2**28]},
        "items of batch 4 must be from -1 to 268435455, got 2 .. 268435456; number them from 0",
    ),
    (
        {**FINE, "negatives": [[1], [2, 3]]},
        "negatives of batch 4 must be whole numbers of shape (B, k), got dtype float64",
    ),
    (
        {**FINE, "negatives": [[1.0], [2.0]]},
        "negatives of batch 4 must be whole numbers of shape (B, k), got dtype float64",
    ),
    (
        {**FINE, "scores": np.eye(2)},
        "scores of batch 4 must have shape (2, 1): the item's, then those of 0 negatives, got (2, 2",
    ),
    (
        {**FINE, "mined_at": [1.5, 2]},
        "mined_at of batch 4 must be whole numbers of shape (), (2,) or (2, 0), got dtype float",
    ),
    ({**FINE, "now": -1}, "now of batch 4 must be an integer >= 0, got -1; give the present step or version"),
]


@pytest.mark.parametrize(("batch", "text"), EXPECTED, ids=range(len(EXPECTED)))
def test_batches_that_do_not_say_what_they_contrast(batch, text):
    with pytest.raises(BadArgument, match=re.escape(text)):
        read_rows(batch, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cr.AuditScope("all"), r"contrast must be a Contrast, got 'all'; pass Contrast.IN_BATCH, say"),
        (lambda: cr.AuditScope(items=0), r"items must be an integer >= 1 and <= 268435455, got 0; pass how many"),
        (lambda: cr.AuditScope(rows=2.5), r"rows must be an integer >= 1 and <= 268435455, got 2.5"),
        (lambda: cr.AuditScope(margin=float("nan")), r"margin must be a finite number, got nan; pass a difference"),
        (lambda: cr.rows_of_deals([1], cr.Pairs()), r"rows_of_deals must be given a Table and Pairs, got"),
    ],
)
def test_errors(call, message):
    with pytest.raises(BadArgument, match=message):
        call()

"""Masks of in-batch negatives against one that looks at every pair, on the columns of any rank."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from croupier import KnownPositives
from croupier.errors import BadArgument
from croupier.torch import EmbeddingQueue, in_batch_mask, masked_logits

KNOWN = KnownPositives.of([0, 0, 1, 2, 3], [4, 5, 5, 0, 1])
pairs = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 6)), max_size=8)


@given(pairs, pairs, pairs, st.lists(st.integers(-1, 6), max_size=4))
def test_it_is_what_a_look_at_every_pair_says(before, mine, after, explicit):
    items = [item for _, item in before + mine + after] + explicit
    mask = in_batch_mask([query for query, _ in mine], items, KNOWN, first_column=len(before))
    assert mask.shape == (len(mine), len(items))
    for row, (query, own) in enumerate(mine):
        for column, item in enumerate(items):
            is_right = item == own or item in KNOWN.of_query(query).tolist()
            assert mask[row, column] == (column == len(before) + row or (item >= 0 and not is_right))


def test_ranks_with_a_part_each_have_the_rows_of_the_whole():
    rng = np.random.default_rng(0)
    queries, items = rng.integers(0, 4, 9), rng.integers(0, 7, 9)
    whole = in_batch_mask(queries, items, KNOWN)
    parts = [in_batch_mask(queries[a:b], items, KNOWN, first_column=a) for a, b in ((0, 4), (4, 4), (4, 9))]
    assert torch.equal(torch.cat(parts), whole)


def test_a_loss_ignores_what_is_masked():
    """Two rows of one item: without the mask (the mutant) each pushes the other's copy of its own positive away."""
    vectors = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    queries = vectors.clone().requires_grad_()
    mask = in_batch_mask(torch.tensor([0, 1, 2]), [5, 5, 0], KNOWN)
    queue = EmbeddingQueue(2, 2)
    queue.push([5], vectors[:1], step=0)
    offered = queue.negatives([0, 1, 2], KNOWN)
    logits = 20 * queries @ torch.cat([vectors, offered.embeddings]).T
    masked = masked_logits(logits, torch.cat([mask, offered.mask], dim=1))
    loss = cross_entropy(masked, torch.arange(3))
    loss.backward()
    assert float(loss.detach()) < 1e-6
    assert float(cross_entropy(logits.detach(), torch.arange(3))) > 0.5
    assert bool(queries.grad.isfinite().all())


def test_rows_of_padding_have_a_softmax():
    mask = in_batch_mask([-1, 2], [-1, 0], KNOWN)
    assert mask.tolist() == [[True, True], [False, True]]
    assert bool(masked_logits(torch.zeros(2, 2), mask).log_softmax(1).diagonal().isfinite().all())
    assert in_batch_mask([], [], KNOWN, device="cpu").shape == (0, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: in_batch_mask([0], [1], "known"), r"known must be KnownPositives, got 'known'; pass KnownPositives"),
        (
            lambda: in_batch_mask([0, 1], [1, 2, 3], KNOWN, first_column=2),
            r"item_ids must have the 2 items of the queries from column 2 on, got 3; pass the items of all ranks",
        ),
        (lambda: in_batch_mask([0], [1], KNOWN, first_column=-1), r"first_column must be an integer >= 0, got -1"),
        (lambda: in_batch_mask([[0]], [1], KNOWN), r"query_ids must be a 1-D list of whole numbers >= -1, got dtype"),
        (
            lambda: in_batch_mask([0], [2**63], KNOWN),
            r"item_ids must be below 2\*\*62, got 9223372036854775808; number",
        ),
        (lambda: in_batch_mask([[0], [1, 2]], [1], KNOWN), r"query_ids must be an array, got a list that NumPy cannot"),
        (lambda: in_batch_mask([0], [0.5], KNOWN), r"item_ids must be a 1-D list of whole numbers >= -1, got dtype"),
        (
            lambda: masked_logits(torch.zeros(2, 2), torch.ones(2, 3, dtype=torch.bool)),
            r"mask must be bool of shape \(2, 2\), got torch.bool of shape \(2, 3\); pass in_batch_mask",
        ),
        (
            lambda: masked_logits(torch.zeros(2, 2), torch.ones(2, 2)),
            r"mask must be bool of shape \(2, 2\), got torch.float32 of shape \(2, 2\)",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(BadArgument, match=message):
        call()

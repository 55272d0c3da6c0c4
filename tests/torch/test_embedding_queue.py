"""The queue against a list of entries, on one process and on gloo ranks; copies of positives never serve."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from croupier import KnownPositives
from croupier.errors import BadArgument, BadState
from croupier.torch import EmbeddingQueue, in_batch_mask
from queue_children import CAPACITY, DIMENSION, STEPS, queues_of_ranks, rows_of

KNOWN = KnownPositives.of([0, 0, 1, 2, 3], [4, 5, 5, 0, 1])
pushes = st.lists(st.tuples(st.lists(st.integers(-1, 6), max_size=9), st.integers(0, 3)), max_size=8)


@given(pushes, st.integers(1, 7), st.none() | st.integers(0, 5), st.integers(0, 3))
def test_it_is_the_last_entries_of_a_list(pushes, capacity, max_age_steps, since):
    queue, entries, step, value = EmbeddingQueue(capacity, 2, max_age_steps=max_age_steps), [], 0, 0.0
    for ids, wait in pushes:
        step += wait
        rows = value + torch.arange(2.0 * len(ids)).view(-1, 2)
        value += 100
        queue.push(ids, rows, step)
        entries += [(item, row, step) for item, row in zip(ids, rows.tolist(), strict=True) if item >= 0]
    last = entries[-capacity:]
    step = max((entry[2] for entry in last), default=0) + since
    offered = queue.negatives([0, 1, 2, 9, -1], KNOWN, step=step)
    empty = capacity - len(last)
    assert len(queue) == len(last)
    assert offered.item_ids.tolist() == [-1] * empty + [item for item, _, _ in last]
    assert offered.embeddings.tolist() == [[0.0, 0.0]] * empty + [row for _, row, _ in last]
    assert offered.ages.tolist() == [-1] * empty + [step - pushed for _, _, pushed in last]
    for query, row in zip([0, 1, 2, 9, -1], offered.mask.tolist(), strict=True):
        expected = [
            item not in KNOWN.of_query(query).tolist() and (max_age_steps is None or step - pushed <= max_age_steps)
            for item, _, pushed in last
        ]
        assert row == [False] * empty + expected


def test_a_copy_of_a_positive_is_masked():
    """An older copy of the positive, with other dropout: a queue without ids takes it for a negative (the mutant)."""
    queue = EmbeddingQueue(4, 2)
    queue.push([5, 7, 4, 5], torch.tensor([[0.99, 0.1], [0.0, 1.0], [0.98, 0.0], [1.0, 0.0]]), step=3)
    positive = torch.tensor([1.0, 0.05])
    offered = queue.negatives([0], KNOWN)
    without_ids = offered.item_ids >= 0
    closest = offered.embeddings @ positive
    assert offered.mask.tolist() == [[False, True, False, False]]
    assert float(closest[offered.mask[0]].max()) < 0.1
    assert float(closest[without_ids].max()) > 0.9


def test_later_pushes_leave_a_graph_alone():
    queue = EmbeddingQueue(3, 2)
    queue.push([1, 2, 3], torch.ones(3, 2), step=0)
    query = torch.ones(2, requires_grad=True)
    offered = queue.negatives([9], KNOWN)
    logits = (offered.embeddings @ query).exp()
    queue.push([4, 5], torch.zeros(2, 2), step=1)
    logits.sum().backward()
    assert offered.item_ids.tolist() == [1, 2, 3]
    assert queue.negatives([9], KNOWN).item_ids.tolist() == [3, 4, 5]


def test_gradients_and_other_dtypes_stay_outside():
    queue = EmbeddingQueue(2, 2, dtype=torch.bfloat16)
    queue.push(np.array([1]), torch.ones(1, 2, requires_grad=True), step=0)
    offered = queue.negatives(torch.tensor([0]), KNOWN)
    assert offered.embeddings.dtype == torch.bfloat16
    assert not offered.embeddings.requires_grad


def test_a_queue_of_queries_serves_items():
    queue = EmbeddingQueue(3, 2)
    queue.push([0, 1, 2], torch.ones(3, 2), step=0)
    assert queue.negatives([5, 0], KNOWN.transposed()).mask.tolist() == [[False, False, True], [True, True, False]]


def test_what_is_offered_is_where_the_queue_is():
    """On torch's meta device, which refuses what would mix devices."""
    queue = EmbeddingQueue(4, 2, device="meta")
    queue.push(torch.tensor([1, -1, 4]), torch.ones(3, 2, device="meta"), step=0)
    queue.push([5], torch.ones(1, 2), step=1)
    offered = queue.negatives([0, 1], KNOWN)
    assert {values.device.type for values in (offered.embeddings, offered.mask, offered.ages)} == {"meta"}
    assert queue.state_dict()["item_ids"].tolist() == [-1, 1, 4, 5]
    assert in_batch_mask([0, 1], [4, 5, 6], KNOWN, device="meta").device.type == "meta"


def test_the_state_is_exact_and_fits_or_says_so():
    queue, other = (EmbeddingQueue(5, 3, max_age_steps=2) for _ in range(2))
    queue.push([1, 2], torch.tensor([[0.1, 1e-40, -0.0], [1e-42, 2.0, 3.0]]), step=7)
    file = io.BytesIO()
    torch.save(queue.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    for name, values in queue.state_dict().items():
        assert values.numpy().tobytes() == other.state_dict()[name].numpy().tobytes()
    for each in (queue, other):
        each.push([3], torch.ones(1, 3), step=9)
    assert torch.equal(queue.negatives([0], KNOWN).mask, other.negatives([0], KNOWN).mask)
    with pytest.raises(BadState, match=r"state: queue must hold .*\(5, 3\).*; make the queue as it was when"):
        other.load_state_dict(EmbeddingQueue(4, 3).state_dict())
    with pytest.raises(BadState, match=r"state: queue must hold"):
        other.load_state_dict({})
    for state in (None, {"embeddings": [1.0]}):
        with pytest.raises(
            BadState, match=r"state: queue must be tensors by name, got .*; load what state_dict returned"
        ):
            other.load_state_dict(state)


@pytest.mark.parametrize("world_size", [2, 3])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_all_ranks_hold_the_same_queue(world_size, dtype):
    """Unequal counts, also none and more than the capacity, in rank order: as one process pushing all of them."""
    alone = EmbeddingQueue(CAPACITY, DIMENSION, dtype=dtype)
    for step in range(STEPS):
        parts = [rows_of(step, rank) for rank in range(world_size)]
        ids, rows = (np.concatenate(part) for part in zip(*parts, strict=True))
        alone.push(ids, torch.tensor(rows), step)
    for held in queues_of_ranks(world_size):
        assert held["after"] == CAPACITY
        for name, values in alone.state_dict().items():
            assert np.array_equal(held[f"{dtype}: {name}"], values.double().numpy())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: EmbeddingQueue(0, 2), r"capacity must be an integer >= 1, got 0; pass the number of entries"),
        (lambda: EmbeddingQueue(2, 2.0), r"dimension must be an integer >= 1, got 2.0"),
        (lambda: EmbeddingQueue(2, 2, max_age_steps=-1), r"max_age_steps must be an integer >= 0, got -1"),
        (lambda: EmbeddingQueue(2, 2, dtype=torch.int64), r"dtype must be a floating-point dtype, got torch.int64"),
        (
            lambda: _queue().push([1], torch.ones(2, 2), 5),
            r"embeddings must be a tensor of shape \(1, 2\), got \(2, 2\)",
        ),
        (lambda: _queue().push([1], [[1.0, 2.0]], 5), r"embeddings must be a tensor of shape \(1, 2\), got 'list'"),
        (lambda: _queue().push([1.5], torch.ones(1, 2), 5), r"item_ids must be a 1-D list of whole numbers >= -1"),
        (lambda: _queue().push([-2], torch.ones(1, 2), 5), r"item_ids must be a 1-D list of whole numbers >= -1"),
        (
            lambda: _queue().push([2**62], torch.ones(1, 2), 5),
            r"item_ids must be below 2\*\*62, got 4611686018427387904",
        ),
        (
            lambda: _queue().push(np.array([2**64 - 1], np.uint64), torch.ones(1, 2), 5),
            r"item_ids must be below 2\*\*62, got 18446744073709551615; number them from 0",
        ),
        (
            lambda: _queue().push([[1], [2, 3]], torch.ones(2, 2), 5),
            r"item_ids must be an array, got a list that NumPy",
        ),
        (
            lambda: _queue().push(torch.ones(1, dtype=torch.bfloat16), torch.ones(1, 2), 5),
            r"item_ids must be an array, got a Tensor that NumPy cannot read",
        ),
        (
            lambda: _queue().push([1], torch.tensor([[0.0, torch.nan]]), 5),
            r"embeddings must be finite in torch.float32, got NaN or inf; skip the push of a step that overflowed",
        ),
        (
            lambda: EmbeddingQueue(2, 1, dtype=torch.float16).push([1], torch.tensor([[7e4]]), 0),
            r"embeddings must be finite in torch.float16, got NaN or inf; skip",
        ),
        (
            lambda: EmbeddingQueue(2, 1, dtype=torch.float8_e4m3fn).push([1], torch.tensor([[torch.nan]]), 0),
            r"embeddings must be finite in torch.float8_e4m3fn, got NaN or inf; skip",
        ),
        (
            lambda: _queue().push([1], torch.ones(1, 2, dtype=torch.int64), 5),
            r"embeddings must be a float tensor, got torch.int64; push what the model computed",
        ),
        (lambda: _queue().push([1], torch.ones(1, 2), 3), r"step must be an integer >= 4, got 3; count the optimizer"),
        (lambda: _queue().negatives([1], KNOWN, step=3), r"step must be an integer >= 4, got 3; pass the step of the"),
        (lambda: _queue().negatives([1], {1: [2]}), r"known must be KnownPositives, got \{1: \[2\]\}; pass Known"),
    ],
)
def test_errors(call, message):
    with pytest.raises(BadArgument, match=message):
        call()


def _queue():
    queue = EmbeddingQueue(2, 2)
    queue.push([0], torch.ones(1, 2), step=4)
    return queue


def test_rows_of_padding_may_hold_anything_and_a_refused_push_leaves_the_queue_alone():
    queue = _queue()
    queue.push([-1, 7], torch.tensor([[torch.nan, 1.0], [2.0, 3.0]]), step=5)
    with pytest.raises(BadArgument, match="embeddings must be finite"):
        queue.push([8, 9], torch.tensor([[4.0, 5.0], [torch.inf, 1.0]]), step=6)
    assert queue.state_dict()["item_ids"].tolist() == [0, 7]
    queue.push([], torch.empty(0, 2), step=6)
    small = EmbeddingQueue(1, 1, dtype=torch.float8_e4m3fn)
    small.push(np.array([3], np.uint64), torch.tensor([[0.5]]), 0)
    assert small.state_dict()["embeddings"].float().tolist() == [[0.5]]

"""Means over a global batch on real gloo processes: losses whose tokens are known late, metrics, refusals together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument
from croupier.torch.global_means import device_of_collective, global_mean, loss_sum_scale, sum_over_ranks
from global_children import ROWS, STEP_IDS, held_by, results_of_ranks, spell


@pytest.fixture(params=[2, 3], ids=lambda ranks: f"{ranks} ranks")
def ranks(request):
    return results_of_ranks(request.param)


@pytest.fixture(scope="module")
def whole():
    """Gradients, and the loss in the last column, of each step in one process that has the whole batch."""
    return spell(1, 1, "before")


def found(ranks, way, micro_batches):
    """The same of all ranks: each has the gradient, and the loss is the mean of theirs."""
    each = [rank[f"{way}, {micro_batches}"] for rank in ranks]
    assert all(np.allclose(other[:, :-1], each[0][:, :-1], rtol=1e-12, atol=1e-15) for other in each)
    return np.mean(each, axis=0)


@pytest.mark.parametrize("micro_batches", [1, 3])
@pytest.mark.parametrize("way", ["before", "after"])
def test_scaled_sums_are_the_mean_over_the_step(ranks, whole, micro_batches, way):
    assert np.allclose(found(ranks, way, micro_batches), whole, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("micro_batches", [1, 3])
def test_the_mean_of_means_is_another(ranks, whole, micro_batches):
    """The planted mutant: means over unequal micro-batches, averaged over micro-batches and ranks."""
    assert np.all(np.abs(found(ranks, "means", micro_batches) - whole).max(axis=1) > 0.01)


def test_accumulation_alone_needs_no_distributed(whole):
    assert np.allclose(spell(1, 3, "before"), whole, rtol=1e-11, atol=1e-13)
    assert not np.allclose(spell(1, 3, "means"), whole, rtol=1e-2)


def test_padding_deals_took_part():
    plan, split = cr.chain(cr.Shuffle(), cr.FixedSize(STEP_IDS)), cr.Balanced(micro_batches=3, few_ids=cr.FewIds.PAD)
    ranks = [cr.Dealer(plan, cr.Table(size=ROWS), seed=3, rank=rank, world_size=3, split=split) for rank in range(3)]
    assert sum(deal.is_padding for rank in ranks for deal in rank) == 2 * ROWS // STEP_IDS


def test_metrics_are_of_what_the_ranks_hold_together(ranks):
    """Mean and variance far from 0; the textbook's E[x^2] - E[x]^2 keeps no digit of the variance there."""
    held = [held_by(rank) for rank in range(len(ranks))]
    values, weights = (np.concatenate(parts) for parts in zip(*held, strict=True))
    values, weights = values[weights > 0] - 1e8, weights[weights > 0]
    mean = np.average(values, axis=0, weights=weights)
    variance = np.average((values - mean) ** 2, axis=0, weights=weights)
    for rank in ranks:
        assert np.allclose(rank["metrics"][0] - 1e8, mean, atol=1e-7)
        assert np.allclose(rank["metrics"][1], variance, rtol=1e-6)


def test_a_group_has_a_global_batch_of_its_own(ranks):
    scales = [float(rank["scale of a group"]) for rank in ranks]
    assert scales == ([1 / 10, 1 / 11] if len(ranks) == 2 else [1 / 10, 2 / 23, 2 / 23])


counts = st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=5)


@given(counts)
def test_masks_numbers_and_weights_say_the_same(micro_batches):
    total = sum(map(sum, micro_batches))
    expected = 1 / total if total else 0.0
    assert loss_sum_scale([sum(weights) for weights in micro_batches]) == expected
    assert loss_sum_scale([torch.tensor(weights, dtype=torch.bfloat16) for weights in micro_batches]) == expected
    assert loss_sum_scale([np.arange(sum(weights)) >= 0 for weights in micro_batches]) == expected


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(0, 5)), max_size=20))
def test_global_mean_is_numpys_average(pairs):
    values, weights = np.array([v for v, _ in pairs]), np.array([w for _, w in pairs])
    mean = float(global_mean(values, weights))
    if weights.sum():
        assert mean == pytest.approx(np.average(values, weights=weights), rel=1e-9, abs=1e-6)
    else:
        assert np.isnan(mean)


def test_means_keep_shape_and_show_a_loss_that_is_no_number():
    values = torch.tensor([[[1.0, torch.nan]], [[3.0, 4.0]]], requires_grad=True)
    mean = global_mean(values)
    assert mean.shape == (1, 2)
    assert not mean.requires_grad
    assert mean.dtype == torch.float64
    assert mean[0, 0] == 2
    assert mean[0, 1].isnan()
    assert global_mean(values, torch.tensor([False, True])).tolist() == [[3.0, 4.0]]
    assert global_mean(torch.empty(0, 3)).shape == (3,)


def test_one_process_has_the_sum_without_gradient():
    assert not sum_over_ranks(torch.ones(2, requires_grad=True)).requires_grad


def test_tensors_go_where_a_backend_takes_them():
    host, accelerator = torch.device("cpu"), torch.device("cuda", 3)
    assert device_of_collective(host, "cpu:gloo,cuda:nccl") == host
    assert device_of_collective(accelerator, "cpu:gloo,cuda:nccl") == accelerator
    assert device_of_collective(host, "cuda:nccl") == torch.device("cuda")
    assert device_of_collective(accelerator, "cpu:mpi") == host


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: loss_sum_scale(12), r"counted must have an entry for each micro-batch, got 12; write \[count\]"),
        (
            lambda: loss_sum_scale(torch.tensor(12)),
            r"counted must have an entry for each micro-batch, got tensor\(12\)",
        ),
        (lambda: loss_sum_scale("12"), r"counted must have an entry for each micro-batch, got '12'"),
        (lambda: loss_sum_scale([3, -1]), r"counted must be finite and 0 or more on every rank, got such a number on"),
        (lambda: loss_sum_scale([float("inf")]), r"counted must be finite and 0 or more on every rank"),
        (lambda: global_mean(3.0), r"values must have shape \(n, \.\.\.\), got a single number; write \[value\]"),
        (lambda: global_mean([1, 2], [1]), r"weights must have shape \(2,\), got \(1,\); pass one for each value"),
        (
            lambda: global_mean([1, 2], [1, -1]),
            r"weights must be finite and 0 or more on every rank, got such a number",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(BadArgument, match=message):
        call()


def test_tensors_without_plain_numbers_and_endless_lists_are_refused():
    for wrong in (torch.ones(2).to_sparse(), torch.ones(2, device="meta"), torch.ones(2) + 1j):
        with pytest.raises(BadArgument, match=r"values must be real numbers of a dense tensor, got a tensor of torch"):
            global_mean(wrong)
    with pytest.raises(BadArgument, match=r"values must be an array, got a range that NumPy cannot read"):
        global_mean(range(10**15))
    with pytest.raises(BadArgument, match=r"counted must be at most 65536 micro-batches, got 1000000000000000"):
        loss_sum_scale(range(10**15))

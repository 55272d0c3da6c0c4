"""The loss of the global batch on real gloo processes, against the whole batch in one; and what a buffer changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from croupier.errors import BadArgument
from croupier.torch.global_means import loss_sum_scale
from croupier.torch.load_balancing import global_expert_counts, load_balancing_loss
from global_children import EXPERTS, LAYERS, TOP_K, Routers, results_of_ranks, routed_tokens

LAYER_WEIGHTS = torch.tensor([1.0, 3.0], dtype=torch.float64)


@pytest.fixture(params=[2, 3], ids=lambda ranks: f"{ranks} ranks")
def ranks(request):
    return results_of_ranks(request.param)


def found(ranks, way, micro_batches):
    """The loss of each layer, as the mean over ranks, and the gradient, the same on all."""
    values, gradients = ([rank[f"{way}, {micro_batches}: {what}"] for rank in ranks] for what in ("values", "gradient"))
    assert all(np.allclose(other, gradients[0], rtol=1e-12, atol=1e-15) for other in gradients)
    return np.mean(values, axis=0), gradients[0]


def selected(hidden, mask):
    """Shares of the selections of these tokens, by layer: what the paper calls f."""
    with torch.no_grad():
        counts = one_hot(Routers()(hidden)[:, mask].topk(TOP_K).indices, EXPERTS).sum((1, 2)).double()
    return counts / counts.sum(-1, keepdim=True)


def textbook(parts, shares):
    """Experts x sum of f x p over the tokens of all parts, with the f given for each part; and its gradient."""
    routers = Routers()
    tokens = sum(int(mask.sum()) for _, mask in parts)
    losses = EXPERTS / tokens * sum(
        (f * routers(hidden)[:, mask].sum(1)).sum(-1) for (hidden, mask), f in zip(parts, shares, strict=True)
    )  # fmt: skip
    (losses * LAYER_WEIGHTS).sum().backward()
    return losses.detach().numpy(), routers.weights.grad.numpy()


def joined(parts):
    return torch.cat([hidden for hidden, _ in parts]), torch.cat([mask for _, mask in parts])


def assert_alike(one, other):
    for mine, theirs in zip(one, other, strict=True):
        assert np.allclose(mine, theirs, rtol=1e-11, atol=1e-13)


def micro_batches_joined(ranks, micro_batches):
    """Each micro-batch of all ranks as one."""
    return [joined([routed_tokens(rank, micro) for rank in range(len(ranks))]) for micro in range(micro_batches)]


@pytest.mark.parametrize("micro_batches", [1, 3])
def test_the_counts_of_a_step_give_the_loss_of_the_whole_batch(ranks, micro_batches):
    whole = joined(micro_batches_joined(ranks, micro_batches))
    expected = textbook([whole], [selected(*whole)])
    assert_alike(found(ranks, "all", micro_batches), expected)
    mutant = found(ranks, "own", micro_batches)
    assert np.all(mutant[0] > expected[0] + 0.1), "micro-batches of one domain are less balanced than the global batch"
    assert np.abs(mutant[1] - expected[1]).max() > 0.01


def test_one_process_alone_needs_no_distributed():
    parts = [routed_tokens(rank, 0) for rank in range(3)]
    routers = Routers()
    counts = sum(
        global_expert_counts(routers(hidden).topk(TOP_K).indices, EXPERTS, mask=mask) for hidden, mask in parts
    )
    scale = loss_sum_scale([mask for _, mask in parts])
    losses = sum(load_balancing_loss(routers(hidden), counts, scale, mask=mask) for hidden, mask in parts)
    (losses * LAYER_WEIGHTS).sum().backward()
    whole = joined(parts)
    assert_alike((losses.detach().numpy(), routers.weights.grad.numpy()), textbook([whole], [selected(*whole)]))


@pytest.mark.parametrize("micro_batches", [1, 3])
def test_a_buffer_gives_each_micro_batch_the_shares_of_those_before_it_too(ranks, micro_batches):
    parts = micro_batches_joined(ranks, micro_batches)
    expected = textbook(parts, [selected(*joined(parts[: place + 1])) for place in range(micro_batches)])
    buffered = found(ranks, "so_far", micro_batches)
    assert_alike(buffered, expected)
    exact, mutant = found(ranks, "all", micro_batches), found(ranks, "own", micro_batches)
    if micro_batches == 1:
        assert_alike(buffered, exact)
    else:
        assert np.abs(buffered[1] - exact[1]).max() > 1e-3, "an approximation, then"
        assert np.linalg.norm(buffered[1] - exact[1]) < np.linalg.norm(mutant[1] - exact[1])


def test_padding_deals_took_part():
    assert not routed_tokens(1, 2)[1].any()
    assert len({len(routed_tokens(rank, micro)[0]) for rank in range(3) for micro in range(3)}) > 6


def test_masked_tokens_may_hold_anything_and_no_token_is_loss_0():
    probabilities = torch.tensor([[0.5, 0.5], [torch.nan, torch.nan]], requires_grad=True)
    mask = torch.tensor([1, 0])
    counts = global_expert_counts(torch.tensor([[1], [-7]]), 2, mask=mask)
    assert counts.tolist() == [0, 1]
    loss = load_balancing_loss(probabilities, counts, 1.0, mask=mask)
    loss.backward()
    assert loss == 1.0
    assert probabilities.grad.tolist() == [[0.0, 2.0], [0.0, 0.0]]
    nobody = torch.zeros(2, dtype=torch.bool)
    none = global_expert_counts(torch.tensor([[1], [0]]), 2, mask=nobody)
    assert load_balancing_loss(probabilities, none, loss_sum_scale([nobody]), mask=nobody) == 0
    assert global_expert_counts(torch.zeros((3, 0, 2), dtype=torch.int32), 4).tolist() == [[0] * 4] * 3


def test_balance_is_1_for_any_top_k_and_collapse_is_the_number_of_experts():
    for top_k in (1, 2, 3):
        chosen = torch.tensor([[(token + choice) % 6 for choice in range(top_k)] for token in range(6)])
        even = torch.full((6, 6), 1 / 6, dtype=torch.float64)
        assert torch.isclose(load_balancing_loss(even, global_expert_counts(chosen, 6), 1 / 6), even.new_tensor(1.0))
    collapsed = one_hot(torch.zeros(6, dtype=torch.long), 6).float()
    assert load_balancing_loss(collapsed, global_expert_counts(collapsed.topk(1).indices, 6), 1 / 6) == 6


def test_half_precision_is_summed_in_single():
    many = torch.full((5000, 2), 0.5, dtype=torch.bfloat16)
    loss = load_balancing_loss(many, torch.tensor([2500, 2500]), 1 / 5000)
    assert loss.dtype == torch.float32
    assert abs(float(loss) - 1) < 1e-6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: global_expert_counts(torch.ones(4, 2), 2),
            r"selected_experts must be integers of shape \(\.\.\., tokens, top_k\), got torch\.float32 of shape",
        ),
        (lambda: global_expert_counts(torch.ones(4, 2) > 0, 2), r"got torch\.bool .*pass the indices of torch\.topk"),
        (lambda: global_expert_counts(torch.arange(4), 2), r"got torch\.int64 of shape \(4,\)"),
        (lambda: global_expert_counts(torch.zeros(4, 1).long(), 0), r"experts must be an integer >= 1, got 0"),
        (
            lambda: global_expert_counts(torch.zeros(4, 1).long(), 2, mask=torch.ones(2, 2).bool()),
            r"mask must be bool or integers of shape \(4,\), got torch\.bool of shape \(2, 2\); flatten it",
        ),
        (
            lambda: load_balancing_loss(torch.ones(4, 2), torch.ones(2).long(), 1.0, mask=torch.zeros(4)),
            r"mask must be bool or integers of shape \(4,\), got torch\.float32 of shape \(4,\)",
        ),
        (
            lambda: load_balancing_loss(torch.ones(4, 2).long(), torch.ones(2).long(), 1.0),
            r"probabilities must be floats of shape \(\.\.\., tokens, experts\), got torch\.int64",
        ),
        (
            lambda: load_balancing_loss(torch.ones(LAYERS, 4, 2), torch.ones(2).long(), 1.0),
            r"expert_counts must have shape \(2, 2\), got \(2,\); count the same layers and experts",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(BadArgument, match=message):
        call()


def test_an_expert_that_is_not_there_is_refused_on_every_rank_and_padding_may_hold_any():
    chosen = torch.tensor([[0, 4], [1, 9]])
    with pytest.raises(
        BadArgument, match=r"selected_experts must be from 0 to below 4 on every rank, got 2 that are not"
    ):
        global_expert_counts(chosen, 4)
    kept = global_expert_counts(chosen, 5, mask=torch.tensor([True, False]))
    assert kept.tolist() == [1, 0, 0, 0, 1]

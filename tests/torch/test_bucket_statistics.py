"""Norms of ranks from DistributedDataParallel's buckets, on gloo; gradients are averaged as without."""

from __future__ import annotations

import pytest
import torch

from croupier.errors import BadArgument
from croupier.torch import BucketStatistics
from gradient_children import SIZES, backward, explicit, model_of, results_of_ranks


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("world_size", [2, 4])
def test_buckets_say_what_kept_gradients_of_ranks_say(name, world_size):
    """Groups are ranks: on two, two micro-batches make one."""
    expected = explicit(SIZES[name], joined=4 // world_size)
    for rank in results_of_ranks(world_size):
        found = rank[f"{name}, buckets"]
        for field in ("groups", "whole", "group_samples", "samples"):
            assert found[field] == pytest.approx(getattr(expected, field), rel=1e-10), field
        assert found["loss"] == 0.25


@pytest.mark.parametrize("world_size", [2, 4])
def test_on_four_ranks_hooks_and_buckets_are_the_same(world_size):
    for rank in results_of_ranks(world_size):
        groups = [rank[f"unequal, {way}"]["groups"] for way in ("hooks", "buckets")]
        assert (groups[0] == pytest.approx(groups[1], rel=1e-12)) is (world_size == 4)


@pytest.mark.parametrize("world_size", [2, 4])
def test_the_gradient_is_the_mean(world_size):
    model = model_of()
    backward(model, SIZES["unequal"])
    expected = torch.cat([parameter.grad.flatten() for parameter in model.parameters()]).tolist()
    for rank in results_of_ranks(world_size):
        assert rank["unequal, gradient"] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_errors():
    with pytest.raises(BadArgument, match=r"model must be DistributedDataParallel, got 'Sequential'; use Gr"):
        BucketStatistics(model_of())

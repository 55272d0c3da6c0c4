"""What rank processes of the tests of gradient statistics run; top-level, so that they can import it."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

import croupier as cr
from croupier.errors import BadArgument
from croupier.torch import BucketStatistics, GradientStatistics, agreed_integer, agreed_integers
from torch_children import spawn

SIZES = {"equal": (6, 6, 6, 6), "unequal": (3, 9, 4, 8)}
FEATURES, CLASSES = 5, 3


@dataclass(frozen=True)
class Micro:
    """As a MicroBatch of Accumulated, for what is read of it."""

    deal: list
    loss_scale: float


def model_of(seed=0):
    values = np.random.default_rng(seed)
    model = torch.nn.Sequential(torch.nn.Linear(FEATURES, 7), torch.nn.Tanh(), torch.nn.Linear(7, CLASSES)).double()
    for parameter in model.parameters():
        parameter.data = torch.tensor(values.normal(size=tuple(parameter.shape)))
    return model


def data_of(group, size):
    rng = np.random.default_rng([7, group])
    return torch.tensor(rng.normal(size=(size, FEATURES))), torch.tensor(rng.integers(0, CLASSES, size))


def explicit(sizes, joined=1, weights=None):
    """From every group's gradient, kept; ``joined`` micro-batches make a group."""
    gradients, counts = [], []
    for first in range(0, len(sizes), joined):
        parts = [data_of(group, sizes[group]) for group in range(first, first + joined)]
        inputs, targets = (torch.cat(part) for part in zip(*parts, strict=True))
        model = model_of()
        cross_entropy(model(inputs), targets).backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]).numpy())
        counts.append(len(targets))
    shares = np.array(counts if weights is None else weights, float)
    gradients = np.array(gradients)
    mean = shares / shares.sum() @ gradients
    return cr.GradientNorms.of_groups((gradients**2).sum(1), mean @ mean, counts, weights)


def backward(model, sizes, rank=0, ranks=1, scales=None, loss_scale=1.0):
    """This rank's micro-batches of the step, every sample counting alike, or as the scales say."""
    mine = range(rank * len(sizes) // ranks, (rank + 1) * len(sizes) // ranks)
    for group in mine:
        inputs, targets = data_of(group, sizes[group])
        scale = ranks * sizes[group] / sum(sizes) if scales is None else scales[group]
        waits = isinstance(model, DistributedDataParallel) and group != mine[-1]
        with model.no_sync() if waits else nullcontext():
            (cross_entropy(model(inputs), targets) * scale * loss_scale).backward()
    return [sizes[group] for group in mine], [None if scales is None else scales[group] for group in mine]


def results_of_ranks(world_size):
    """What each of so many gloo ranks found."""
    return results()[world_size]


@cache
def results():
    """Four processes, run once for all tests, as starting them takes seconds."""
    with TemporaryDirectory() as folder:
        spawn(folder, 4, work)
        return {size: read(Path(folder), size) for size in (2, 4)}


def read(folder, world_size):
    return [json.loads((folder / f"{world_size}-{rank}.json").read_text()) for rank in range(world_size)]


def work(rank, world_size, folder):
    """All four together, and twice two: groups of their own, as where models are parallel too."""
    torch.set_num_threads(1)
    pairs = [dist.new_group([0, 1]), dist.new_group([2, 3])]
    for group, ranks in ((None, 4), (pairs[rank // 2], 2)):
        mine = dist.get_rank(group)
        found = {}
        for name, sizes in SIZES.items():
            found |= measured(name, sizes, mine, ranks, group)
        found |= mishaps(mine, ranks, group)
        found |= decisions(mine, group)
        if rank < ranks:
            Path(folder, f"{ranks}-{rank}.json").write_text(json.dumps(found))


def ddp(group, **arguments):
    return DistributedDataParallel(model_of(), process_group=group, **arguments)


def measured(name, sizes, rank, world_size, group):
    hooked = ddp(group)
    statistics = GradientStatistics(hooked, group=group)
    mine, _ = backward(hooked, sizes, rank, world_size)
    by_hooks = statistics.measure(mine)
    hooked.zero_grad()
    mine, _ = backward(hooked, sizes, rank, world_size, loss_scale=1024.0)
    scaled = statistics.measure(mine, loss_scale=1024.0)
    hooked.zero_grad()
    scales = [world_size * weight / 10 for weight in (1, 2, 3, 4)]
    mine, given = backward(hooked, sizes, rank, world_size, scales)
    weighed = statistics.measure([Micro([0] * size, scale) for size, scale in zip(mine, given, strict=True)])
    statistics.remove()
    bucketed = ddp(group, bucket_cap_mb=1e-4)
    buckets = BucketStatistics(bucketed)
    mine, _ = backward(bucketed, sizes, rank, world_size)
    by_buckets = buckets.measure(sum(mine), loss=0.25)
    return {
        f"{name}, hooks": by_hooks.to_dict(),
        f"{name}, scaled": scaled.to_dict(),
        f"{name}, weighed": weighed.to_dict(),
        f"{name}, buckets": by_buckets.to_dict(),
        f"{name}, gradient": torch.cat([p.grad.flatten() for p in bucketed.parameters()]).tolist(),
    }


def mishaps(rank, world_size, group):
    """What one rank does wrong stops or skips the step on every rank, in time for the next to find them all."""
    model = ddp(group)
    statistics = GradientStatistics(model, group=group)
    backward(model, SIZES["equal"], rank, world_size)
    mistaken = [6, 6, 6] if rank == 1 else [6] * (4 // world_size)
    with pytest.raises(BadArgument, match=r"measure must be called with an entry for each call of"):
        statistics.measure(mistaken)
    for wrong in ({"micro_batches": 6.0}, {"loss_scale": 0}):
        model.zero_grad()
        mine, _ = backward(model, SIZES["equal"], rank, world_size)
        text = f"{next(iter(wrong))} must be " if rank == 1 else "measure must be called .*, got '?another on a rank"
        with pytest.raises(BadArgument, match=text):
            statistics.measure(**{"micro_batches": mine, **(wrong if rank == 1 else {})})
    model.zero_grad()
    mine, _ = backward(model, SIZES["equal"], rank, world_size, loss_scale=float("inf") if rank == 1 else 1.0)
    overflowed = statistics.measure(mine)
    model.zero_grad()
    # A rank whose deal is padding has nothing to tell: its samples count 0.
    scales = [0.0 if group >= 4 - 4 // world_size else 1.0 for group in range(4)]
    mine, given = backward(model, SIZES["equal"], rank, world_size, scales)
    padded = statistics.measure([Micro([0] * size, scale) for size, scale in zip(mine, given, strict=True)])
    buckets = BucketStatistics(ddp(group))
    with pytest.raises(
        BadArgument, match=r"measure must be called .*, got '?(0 exchanges of gradients in a step|another)"
    ):
        buckets.measure(6)
    text = "loss_scale must be a number above 0" if rank == 1 else "measure must be called"
    with pytest.raises(BadArgument, match=text):
        buckets.measure(6, loss_scale=0 if rank == 1 else 1.0)
    return {
        "overflowed": overflowed is None,
        "skipped": statistics.skipped,
        "padded": None if padded is None else padded.to_dict(),
    }


def decisions(rank, group):
    """Ranks whose floats differ in their last bits, around a threshold: alone they fork, together they do not."""
    rng = np.random.default_rng([3, rank])
    controller = cr.BatchSizeController(cr.NoiseScale(), 8, 4096, pace=cr.ResizePace(confidence=0.0, shrinkage=2.0))
    agreed, alone = [], []
    held = together = cr.HeldSize(8)
    for step in range(60):
        # The noise scale passes multiples of 8 exactly, give or take a last bit.
        truth = 8.0 * (1 + step % 7)
        norms = cr.GradientNorms(1 + truth / 8 * (1 + rng.normal() * 1e-15), 1 + truth / 32, 8, 32)
        noise = cr.GradientNoise(1e9)
        noise.observe(norms)
        noise.observe(norms)
        estimate = noise.estimate
        held = controller.decide(estimate, held)
        alone.append(held.size)
        together = cr.HeldSize(*agreed_integers(lambda e=estimate, h=together: controller.decide(e, h), group=group))
        agreed.append(list(together))
    with pytest.raises((RuntimeError, ZeroDivisionError), match=r"the first rank failed to decide|modulo by zero"):
        agreed_integer(lambda: 1 // 0, group=group)
    with pytest.raises(
        (RuntimeError, BadArgument), match=r"first rank failed|decide must return whole numbers, got 2.5"
    ):
        agreed_integer(lambda: 2.5, group=group)
    return {"agreed": agreed, "alone": alone, "first": agreed_integer(lambda: 10 + rank, group=group)}

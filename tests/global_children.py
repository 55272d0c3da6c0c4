"""What rank processes of the tests of global means and load balancing run; top-level, so that they can import it."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

import croupier as cr
from croupier.errors import BadArgument
from croupier.torch.global_means import global_mean, loss_sum_scale
from croupier.torch.load_balancing import global_expert_counts, load_balancing_loss
from croupier.torch.loader import BatchSampler, Loader
from torch_children import spawn

EXPERTS, TOP_K, LAYERS, WIDTH = 6, 2, 2, 4
WORDS, ROWS, STEP_IDS = 11, 28, 7


@cache
def results_of_ranks(world_size):
    """What each of so many gloo processes found, by name; run once for all tests, as starting them takes seconds."""
    with TemporaryDirectory() as folder:
        spawn(folder, world_size, work)
        return [dict(np.load(Path(folder, f"{rank}.npz"))) for rank in range(world_size)]


def work(rank, world_size, folder):
    refuse_together(rank)
    group = {"scale of a group": scale_of_a_group(rank, world_size), "metrics": metrics_of(rank)}
    np.savez(Path(folder, f"{rank}.npz"), **group, **balance(rank), **spell_all_ways(world_size))


class Routers(torch.nn.Module):
    """The routers of a few layers, in float64."""

    def __init__(self):
        super().__init__()
        values = np.random.default_rng(1).normal(size=(LAYERS, WIDTH, EXPERTS))
        self.weights = torch.nn.Parameter(torch.tensor(values))

    def forward(self, hidden):
        return torch.softmax(torch.einsum("td,lde->lte", hidden, self.weights), -1)


def routed_tokens(rank, micro_batch):
    """Hidden states of a domain of its own, some number of them, and which count; none of rank 1's last do."""
    rng = np.random.default_rng([rank, micro_batch])
    tokens = int(rng.integers(1, 30))
    hidden = rng.normal(size=(tokens, WIDTH)) + 2 * rng.normal(size=WIDTH)
    mask = rng.random(tokens) < 0.8
    return torch.tensor(hidden), torch.tensor(mask & ((rank, micro_batch) != (1, 2)))


def balance(rank):
    """Value and gradient of a step by the counts that a micro-batch knows: its own, those so far, or all."""
    found = {}
    for micro_batches in (1, 3):
        parts = [routed_tokens(rank, micro_batch) for micro_batch in range(micro_batches)]
        scale = loss_sum_scale([mask for _, mask in parts])
        counted = [counts_of(Routers()(hidden), mask) for hidden, mask in parts]
        so_far = [sum(counted[: place + 1]) for place in range(micro_batches)]
        # The mutant is what libraries did: neither ranks nor micro-batches know of each other, and means of means.
        own = [counts_of(Routers()(hidden), mask, alone=True) for hidden, mask in parts]
        own_scales = [1 / max(int(mask.sum()), 1) / micro_batches for _, mask in parts]
        ways = {
            "all": ([sum(counted)] * micro_batches, [scale] * micro_batches),
            "so_far": (so_far, [scale] * micro_batches),
            "own": (own, own_scales),
        }
        for way, (counts, scales) in ways.items():
            values, gradient = balanced_step(parts, counts, scales)
            found |= {f"{way}, {micro_batches}: values": values, f"{way}, {micro_batches}: gradient": gradient}
    return found


def counts_of(probabilities, mask, *, alone=False):
    chosen = probabilities.topk(TOP_K).indices
    if alone:
        return torch.nn.functional.one_hot(chosen[:, mask], EXPERTS).sum((1, 2))
    return global_expert_counts(chosen, EXPERTS, mask=mask)


def balanced_step(parts, counts, scales):
    """Accumulate under DistributedDataParallel, which exchanges gradients at the last micro-batch."""
    model = DistributedDataParallel(Routers())
    values = np.zeros(LAYERS)
    for place, (hidden, mask) in enumerate(parts):
        with nullcontext() if place == len(parts) - 1 else model.no_sync():
            losses = load_balancing_loss(model(hidden), counts[place], scales[place], mask=mask)
            (losses * torch.tensor([1.0, 3.0])).sum().backward()
        values += losses.detach().numpy()
    return values, model.module.weights.grad.numpy()


class Sentences:
    """Rows of words, of which only some are to be predicted: how many, a plan cannot know."""

    def __getitem__(self, row):
        rng = np.random.default_rng(row)
        words = rng.integers(0, WORDS, int(rng.integers(1, 9)))
        return torch.tensor(words), torch.tensor(np.where(rng.random(words.size) < rng.random(), words, -100))

    def __len__(self):
        return ROWS


def collated(rows):
    return torch.cat([words for words, _ in rows]), torch.cat([labels for _, labels in rows])


class Speller(torch.nn.Module):
    def __init__(self):
        super().__init__()
        values = np.random.default_rng(2).normal(size=(WORDS, WORDS))
        self.table = torch.nn.Parameter(torch.tensor(values))

    def forward(self, words):
        return self.table[words]


def steps_of(world_size, micro_batches):
    """Each step's micro-batches (words, labels) on this rank; where a deal is padding, no label counts."""
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(STEP_IDS))
    split = cr.Balanced(micro_batches=micro_batches, few_ids=cr.FewIds.PAD)
    loader = Loader(Sentences(), BatchSampler(plan, cr.Table(size=ROWS), seed=3, split=split), collate_fn=collated)
    step = []
    for words, labels in loader:
        step.append((words, labels.masked_fill(torch.tensor(loader.deal.is_padding), -100)))
        if loader.deal.ends_step:
            assert len(step) == micro_batches
            yield step
            step = []


def wrapped(model):
    return DistributedDataParallel(model) if torch.distributed.is_initialized() else model


def spell(world_size, micro_batches, way):
    """Value and gradient of each step, the sums scaled before or after; or by means of means, the mutant."""
    found = []
    for step in steps_of(world_size, micro_batches):
        model = wrapped(Speller())
        scale = loss_sum_scale([labels != -100 for _, labels in step])
        value = 0.0
        for place, (words, labels) in enumerate(step):
            with nullcontext() if place == micro_batches - 1 or world_size == 1 else model.no_sync():
                summed = cross_entropy(model(words), labels, ignore_index=-100, reduction="sum")
                counted = max(int((labels != -100).sum()), 1)
                loss = summed * {"before": scale, "after": 1.0, "means": 1 / counted / micro_batches}[way]
                loss.backward()
            value += float(loss.detach()) * (scale if way == "after" else 1.0)
        gradient = next(model.parameters()).grad * (scale if way == "after" else 1.0)
        found.append(np.append(gradient.numpy(), value))
    return np.array(found)


def spell_all_ways(world_size):
    return {
        f"{way}, {micro_batches}": spell(world_size, micro_batches, way)
        for micro_batches in (1, 3)
        for way in ("before", "after", "means")
    }


def held_by(rank):
    """Values far from 0 with weights; rank 1 holds none, and a value of weight 0 is not a number."""
    rng = np.random.default_rng(rank)
    many = 0 if rank == 1 else 5 + 3 * rank
    values, weights = 1e8 + rng.normal(size=(many, 2)), rng.integers(0, 4, many)
    values[weights == 0] = np.nan
    return values, weights


def metrics_of(rank):
    values, weights = held_by(rank)
    mean = global_mean(values, weights)
    return np.stack([mean.numpy(), global_mean((values - mean.numpy()) ** 2, weights).numpy()])


def refuse_together(rank):
    """A mistake of rank 1 alone stops every rank, in time for the next collective to find them all."""
    counted = "-1|such a number" if rank == 1 else r"4\.0"
    with pytest.raises(BadArgument, match=rf"counted must be finite and 0 or more on every rank, got ({counted})"):
        loss_sum_scale([4, -1] if rank == 1 else [4])
    with pytest.raises(BadArgument, match=r"weights must be finite and 0 or more on every rank"):
        global_mean([1.0], [float("inf") if rank == 1 else 1.0])


def scale_of_a_group(rank, world_size):
    """Rank 0 alone and the others together: each group has a global batch of its own."""
    groups = [torch.distributed.new_group([0]), torch.distributed.new_group(list(range(1, world_size)))]
    return loss_sum_scale([10, rank], group=groups[min(rank, 1)])

"""What rank processes of the tests of the embedding queue run; top-level, so that they can import it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch

from croupier.errors import BadArgument
from croupier.torch import EmbeddingQueue
from torch_children import spawn

STEPS, CAPACITY, DIMENSION = 7, 11, 3


@cache
def queues_of_ranks(world_size):
    """What each of so many gloo processes holds at the end; run once for all tests, as starting them takes seconds."""
    with TemporaryDirectory() as folder:
        spawn(folder, world_size, work)
        return [dict(np.load(Path(folder, f"{rank}.npz"))) for rank in range(world_size)]


def rows_of(step, rank):
    """A rank's rows of a step: unequal numbers, none at times, more than the capacity once, and rows of padding."""
    rng = np.random.default_rng([step, rank])
    many = CAPACITY + 2 if (step, rank) == (2, 1) else int(rng.integers(0, 5))
    ids = np.where(rng.random(many) < 0.2, -1, rng.integers(0, 30, many))
    return ids, rng.normal(size=(many, DIMENSION))


def work(rank, world_size, folder):
    held = {}
    for dtype in (torch.float64, torch.bfloat16):
        queue = EmbeddingQueue(CAPACITY, DIMENSION, dtype=dtype)
        for step in range(STEPS):
            ids, rows = rows_of(step, rank)
            queue.push(torch.tensor(ids), torch.tensor(rows), step)
        held |= {f"{dtype}: {name}": values.double().numpy() for name, values in queue.state_dict().items()}
    refuse_together(queue, rank)
    np.savez(Path(folder, f"{rank}.npz"), **held, after=len(queue))


def refuse_together(queue, rank):
    """A mistake of rank 1 alone stops every rank, in time for the next collective to find them all."""
    before = queue.state_dict()
    mine = (
        r"embeddings must be a tensor of shape \(2, 3\), got \(2, 4\)" if rank == 1 else r"got mistakes on ranks \[1\]"
    )
    with pytest.raises(BadArgument, match=mine):
        queue.push([1, 2], torch.zeros(2, 4 if rank == 1 else 3), step=STEPS)
    steps = r"push must be given rows that fit and the same step on every rank, got steps \[8, 9"
    with pytest.raises(BadArgument, match=steps):
        queue.push([1, 2], torch.zeros(2, 3), step=8 + min(rank, 1))
    assert all(torch.equal(values, queue.state_dict()[name]) for name, values in before.items())
    # A group of its own has a queue of its own.
    groups = [torch.distributed.new_group([0]), torch.distributed.new_group([1])]
    if rank < 2:
        alone = EmbeddingQueue(2, 3, group=groups[rank])
        alone.push([rank], torch.zeros(1, 3), step=0)
        assert alone.state_dict()["item_ids"].tolist() == [-1, rank]

"""What worker and rank processes of the torch tests run; top-level, so that spawned ones can import it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.utils.data import Dataset

import croupier as cr
from croupier.errors import RanksDisagree
from croupier.torch import BatchSampler, Loader, find_batch_sizes

ROWS = 60


class Squares(Dataset):
    def __getitem__(self, index):
        return torch.tensor([index, index * index])

    def __len__(self):
        return ROWS


class Facts:
    def __getitem__(self, index):
        return int(index), index.facts

    def __len__(self):
        return ROWS


def spawn(folder, world_size, work):
    """Run ``work(rank, world_size, folder)`` in processes joined by gloo."""
    mp.spawn(_joined, args=(world_size, str(folder), work), nprocs=world_size)


def _joined(rank, world_size, folder, work):
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world_size)
    try:
        work(rank, world_size, folder)
    finally:
        dist.destroy_process_group()


def deal_with_feedback(rank, world_size, folder):
    chain = cr.chain(cr.LossWeighted(), cr.FixedSize(4), segment_ids=32)
    loader = Loader(list(range(96)), BatchSampler(chain, cr.Table(size=96), seed=1))
    rows = []
    for _ in range(2):
        for batch in loader:
            loader.observe(batch.float() % 7)
            rows.append([*loader.deal.ids, *loader.deal.columns["probability"]])
    np.save(f"{folder}/{world_size}-{rank}.npy", np.array(rows))


def deal_with_different_seeds(rank, world_size, folder):
    sampler = BatchSampler(cr.chain(cr.Shuffle(), cr.FixedSize(4)), cr.Table(size=96), seed=rank)
    with pytest.raises(RanksDisagree, match=r"ranks planned different batches.*give every rank the same seed, plan"):
        next(iter(sampler))
    Path(folder, f"refused-{rank}").touch()


def find_sizes_on_uneven_ranks(rank, world_size, folder):
    """Rank 1 has half the memory, and then an error of its own; rank 0 must neither wait for it nor take more."""

    def step(examples, lengths):
        if examples * lengths[0] > (10_000 if rank == 0 else 5_000):
            raise torch.OutOfMemoryError

    def broken(examples, lengths):
        if rank == 1:
            raise ValueError("rank 1 alone")

    class Unequal:
        capacity_bytes = 10**9 if rank == 0 else 1_030_000_000
        peak = 0

        def __call__(self, examples, lengths):
            self.peak = int(2e8 + examples**1.02 * lengths[0] * 1e4)

        def reset(self):
            self.peak = 0

        def peak_bytes(self):
            return self.peak

    found = find_batch_sizes(step, [100, 500])
    device = Unequal()
    unequal = find_batch_sizes(device, [100, 300, 900], memory=device)
    with pytest.raises((ValueError, RuntimeError)) as raised:
        find_batch_sizes(broken, [100])
    error = f"{type(raised.value).__name__}: {raised.value}"
    (Path(folder) / f"{rank}.json").write_text(
        json.dumps({"examples": found.shapes.examples, "unequal": unequal.shapes.examples, "error": error})
    )

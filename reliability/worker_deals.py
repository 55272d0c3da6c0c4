"""Batches of a loader whose workers are started in one way: ``python -m reliability.worker_deals spawn``."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

import croupier as cr
from croupier.torch import BatchSampler, Loader, WithFacts
from reliability.killed_runs import dataset_table

__all__ = ["Facts", "main"]


class Facts:
    """Examples that say what the plan says of them, as workers see it."""

    def __getitem__(self, index: Any) -> str:
        return f"{int(index)} {sorted(index.facts.items())}"

    def __len__(self) -> int:
        return dataset_table().size


def main(method: str) -> None:
    """Print a hash of two epochs as they come back from workers."""
    workers = {} if method == "none" else {"num_workers": 2, "multiprocessing_context": method}
    plan = cr.chain(cr.Weighted(), cr.SortedWindows(60), cr.TokenBudget(128), segment_ids=240)
    sampler = BatchSampler(plan, dataset_table(), seed=5)
    loader = Loader(WithFacts(Facts()), sampler, collate_fn=list, **workers)
    hashed = hashlib.blake2b(digest_size=16)
    for _ in range(2):
        for batch in loader:
            hashed.update(json.dumps([batch, loader.deal.loss_scale]).encode())
    sys.stdout.write(json.dumps({"hash": hashed.hexdigest()}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])

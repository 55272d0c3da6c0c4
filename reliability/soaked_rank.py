"""One rank of a training that goes on for long: it learns, adopts, saves, and begins epoch after epoch."""

from __future__ import annotations

import json
import sys
import time
from itertools import count
from pathlib import Path

import torch
import torch.distributed as dist

import croupier as cr
from croupier.torch import Accumulated, BatchSampler, Loader
from reliability.killed_rank import Ids
from reliability.killed_runs import losses_of

__all__ = ["main"]

ROWS, SEGMENT_IDS, STEP_IDS = 2**17, 2**13, 2**7
STEP_SECONDS = 0.004
"""As if a device were training: a soak is about what stays behind, not about how fast two cores can go round."""
STEPS_BETWEEN_SAVES, SECONDS_BETWEEN_REPORTS = 64, 1.0
SIGNALS = ("loss", "margin")


def plan(folder: Path) -> cr.Chain:
    """Weights that are learned, scores that are kept in a folder, batches whose size changes."""
    kept = cr.KeepScores((cr.Variance(), cr.Ema(0.9, "margin")), artefact=cr.ArtefactFolder(folder / "scores", 16))
    return cr.chain(cr.ScoreWeighted(cr.Variance()), kept, cr.RampedSize(STEP_IDS), segment_ids=SEGMENT_IDS)


def main(arguments: list[str]) -> None:
    """Folder, rank, world size, seconds."""
    folder, (rank, world_size), seconds = Path(arguments[0]), map(int, arguments[1:3]), float(arguments[3])
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=(folder / "meet").resolve().as_uri(), rank=rank, world_size=world_size)
    sampler = BatchSampler(plan(folder), cr.Table(size=ROWS), seed=1, split=cr.Balanced())
    loader = Loader(Ids(ROWS), sampler, num_workers=1, prefetch_factor=2)
    steps = Accumulated(loader, 2)
    begun = reported = time.monotonic()
    samples = 0
    with (folder / f"progress-{rank}.jsonl").open("w", buffering=1) as log:
        for epoch in count():
            for step in steps:
                for micro in step:
                    micro.observe(losses_of(micro.deal.ids, micro.deal.epoch, SIGNALS))
                time.sleep(STEP_SECONDS)
                gradient = torch.tensor([time.monotonic() - begun])
                dist.all_reduce(gradient, op=dist.ReduceOp.MAX)
                if steps.optimizer_steps % STEPS_BETWEEN_SAVES == 0:
                    state = steps.state_dict()
                    if rank == 0:
                        cr.save_state(state, folder / "run.state")
                if time.monotonic() - reported >= SECONDS_BETWEEN_REPORTS:
                    now, dealt = time.monotonic(), loader.cursor.samples
                    entry = {
                        "seconds": now - begun,
                        "epoch": epoch,
                        "ids_a_second": (dealt - samples) / (now - reported),
                    }
                    log.write(json.dumps(entry) + "\n")
                    reported, samples = now, dealt
                if gradient.item() > seconds:
                    return
            loader.dealer.adopt_batch_size(STEP_IDS * (1 + epoch % 3))


if __name__ == "__main__":
    main(sys.argv[1:])

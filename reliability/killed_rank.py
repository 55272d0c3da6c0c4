"""One rank of a training that is about to be killed: it deals, steps with the others, observes, saves, and logs all.

The log is append-only and written before the step that all ranks join, so whatever is in a checkpoint is in the logs of
all ranks. A line that a kill cuts short is the last of its file.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch.utils.data import Dataset

import croupier as cr
from croupier.errors import BadState
from croupier.torch import Accumulated, BatchSampler, Loader
from reliability.killed_runs import BATCH, RUNS, SEGMENT_IDS, STEP, KilledRun, dataset_table, losses_of

__all__ = ["SEED", "RankOrder", "checkpoints", "column_hashes", "feature", "happened", "train_rank"]

SEED = 5
STEPS_BETWEEN_CHECKPOINTS = 1
KEPT_CHECKPOINTS = 3


@dataclass(frozen=True)
class RankOrder:
    """What one rank process is told."""

    folder: Path
    run: str
    generation: int
    rank: int
    world_size: int
    lanes: int
    workers: int
    accumulation: int

    @property
    def log(self) -> Path:
        """Where it writes what it does."""
        return self.folder / f"log-{self.generation:04}-{self.rank}.jsonl"


class Ids(Dataset[int]):
    """A dataset whose examples are their ids."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> int:
        return index


def feature(ids: np.ndarray) -> np.ndarray:
    """What the loss of an example is, for the check of the scales."""
    return np.sin(ids.astype(np.float64))


def checkpoints(folder: Path) -> list[Path]:
    """Those there are, oldest first."""
    return sorted(folder.glob("checkpoint-*.state"))


def happened(run: KilledRun, dealer: cr.Dealer, folder: Path, done: int, samples: int) -> int:
    """Let the events happen that are due, and count them."""
    while done < len(run.events) and samples >= run.events[done].after_samples:
        run.events[done].happen(dealer, folder)
        done += 1
    return done


def column_hashes(columns: Mapping[str, np.ndarray], rows: int) -> list[str]:
    """For each id, a hash of all the plan says about it."""
    named = [(name, np.ascontiguousarray(values)) for name, values in sorted(columns.items()) if name != "is_padding"]
    return [
        hashlib.blake2b(b"".join(name.encode() + values[row].tobytes() for name, values in named), digest_size=4)
        .hexdigest()
        for row in range(rows)
    ]  # fmt: skip


def train_rank(order: RankOrder) -> None:
    """From the newest checkpoint that is whole to the end of the run."""
    os.setsid()  # with its workers it is a group, which can be killed at once
    with (order.folder / "errors.txt").open("a") as errors:
        os.dup2(errors.fileno(), 2)
    torch.set_num_threads(1)
    if order.world_size > 1:
        address = (order.folder / f"rendezvous-{order.generation}").resolve().as_uri()
        dist.init_process_group("gloo", init_method=address, rank=order.rank, world_size=order.world_size)
    with order.log.open("a", buffering=1) as log:
        _Rank(order, log).train()
    if order.world_size > 1:
        dist.destroy_process_group()
    # Interpreters take a while to come down; everything is written.
    sys.stderr.flush()
    os._exit(0)


class _Rank:
    def __init__(self, order: RankOrder, log: Any) -> None:
        self.order, self.log, self.run = order, log, RUNS[order.run]
        place = {"rank": order.rank, "world_size": order.world_size}
        table = dataset_table()
        split = self.run.split_of(order.lanes)
        sampler = BatchSampler(self.run.plan(order.folder), table, seed=SEED, split=split, **place)
        workers: dict[str, Any] = {"num_workers": order.workers}
        if order.workers:
            workers |= {"prefetch_factor": self._ahead(), "multiprocessing_context": "fork"}
        self.loader = Loader(Ids(table.size), sampler, **workers)
        self.steps = Accumulated(self.loader, order.accumulation)
        self.events = 0

    def _ahead(self) -> int:
        """As far as may be: what is learned from has to be received before the segment after next is planned."""
        if not (self.run.signals or self.run.events):
            return 4
        a_step = STEP if self.run.split is not None else BATCH * self.order.world_size
        return max(1, min(16, (SEGMENT_IDS // a_step - 3) // self.order.workers))

    def train(self) -> None:
        begun = self._go_on()
        at = self.loader.cursor
        self._write({
            "begins": begun, "cursor": at.to_dict(), "world_size": self.order.world_size,
            "workers": self.order.workers, "accumulation": self.order.accumulation,
        })  # fmt: skip
        while self.loader.cursor.epoch < self.run.epochs:
            for step in self.steps:
                self._step(step)
        state = self.steps.state_dict()["loader"]
        if self.order.rank == 0:
            cr.save_state(state, self.order.folder / "end.state")
        self._write({"ends": self.loader.cursor.to_dict(), "ledger": state["ledger"]})

    def _step(self, step: list[Any]) -> None:
        mean = 0.0
        for micro in step:
            deal = micro.deal
            assert micro.batch.tolist() == deal.ids.tolist()
            self._write({"deal": _logged(deal)})
            mean += micro.loss_scale * float(feature(deal.ids).mean())
            if self.run.signals and not deal.is_padding:
                micro.observe(losses_of(deal.ids, deal.epoch, self.run.signals))
        gradient = torch.tensor([mean, len(step)], dtype=torch.float64)
        if self.order.world_size > 1:
            dist.all_reduce(gradient)
        self._write({"mean": gradient[0].item() / self.order.world_size, "micro_batches": gradient[1].item()})
        self.events = happened(self.run, self.loader.dealer, self.order.folder, self.events, self.loader.cursor.samples)
        if self.steps.optimizer_steps % STEPS_BETWEEN_CHECKPOINTS == 0:
            state = {"steps": self.steps.state_dict(), "events": self.events}
            if self.order.rank == 0:
                self._save(state)

    def _save(self, state: dict[str, Any]) -> None:
        path = self.order.folder / f"checkpoint-{self.loader.cursor.samples:08}.state"
        self._write({"writes": path.name})
        cr.save_state(state, path)
        self._write({"wrote": path.name})
        for old in checkpoints(self.order.folder)[:-KEPT_CHECKPOINTS]:
            old.unlink()

    def _go_on(self) -> str | None:
        """Load the newest checkpoint; one that is refused is passed over for the one before."""
        for path in reversed(checkpoints(self.order.folder)):
            try:
                state = cr.load_state(path)
            except BadState as refusal:
                self._write({"refused": path.name, "why": str(refusal)})
                continue
            self.steps.load_state_dict(state["steps"])
            self.events = state["events"]
            return path.name
        return None

    def _write(self, entry: dict[str, Any]) -> None:
        self.log.write(json.dumps(entry) + "\n")


def _place(cursor: cr.Cursor) -> list[int]:
    return [cursor.epoch, cursor.segment, cursor.consumed, cursor.samples, cursor.anchor]


def _logged(deal: cr.Deal) -> dict[str, Any]:
    return {
        "start": _place(deal.start),
        "end": _place(deal.cursor),
        "micro": [deal.micro_batch, deal.micro_batches],
        "segment": deal.segment,
        "places": deal.places.tolist(),
        "ids": deal.ids.tolist(),
        "columns": column_hashes(deal.columns, len(deal)),
        "lengths": deal.columns["length"].tolist(),
        "is_padding": deal.is_padding,
        "scales": [deal.loss_scale, deal.token_scale],
    }

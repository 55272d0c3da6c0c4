"""One rank of a data-parallel training that writes down what it trained on; run as a process of its own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, cast

import torch
import torch.distributed as dist

from croupier.demo.corpus import Corpus, load_corpus
from croupier.demo.training import LanguageModel, Texts, pad, token_losses
from croupier.recipes import length_grouped
from croupier.torch.batch_sampler import BatchSampler
from croupier.torch.loader import Loader

__all__ = ["SEED", "STEPS_BETWEEN_CHECKPOINTS", "main", "train_rank"]

SEED = 7
STEPS_BETWEEN_CHECKPOINTS = 8


def train_rank(folder: Path, rank: int, world_size: int, generation: int, corpus: Corpus, max_tokens: int) -> None:
    """Train to the end of the epoch, from the last checkpoint if there is one.

    After each optimizer step the rank appends the ids it trained on to a log of its own; every few steps rank 0 writes
    a checkpoint, and its log says so.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    # An absolute path: in a file:// address the first part of a relative one would be a host.
    rendezvous = (folder / f"rendezvous-{generation}").resolve().as_uri()
    dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=world_size)
    model = LanguageModel()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = Loader(Texts(corpus), BatchSampler(length_grouped(max_tokens), corpus.table(), seed=SEED), collate_fn=pad)
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        loader.load_state_dict(saved["data"])
    begun = loader.state_dict()["cursor"]["steps"]
    with (folder / f"log-{generation}-{rank}.jsonl").open("a") as log:
        _write(log, {"begins_after_step": begun, "world_size": world_size})
        for step, batch in enumerate(loader, start=begun + 1):
            optimizer.zero_grad()
            (token_losses(model, batch).mean() * loader.deal.token_scale).backward()
            for parameter in model.parameters():
                cast(Any, dist).all_reduce(parameter.grad)
                cast(torch.Tensor, parameter.grad).div_(world_size)
            optimizer.step()
            _write(log, {"step": step, "ids": list(loader.deal), "is_padding": loader.deal.is_padding})
            if step % STEPS_BETWEEN_CHECKPOINTS == 0 and rank == 0:
                beside = checkpoint.with_suffix(".part")
                torch.save({"model": model.state_dict(), "data": loader.state_dict()}, beside)
                beside.replace(checkpoint)
                _write(log, {"checkpoint_after_step": step})
    dist.destroy_process_group()


def main(arguments: list[str]) -> None:
    """Read the arguments the demo passes: folder, rank, world size, generation, budget."""
    folder = Path(arguments[0])
    rank, world_size, generation, max_tokens = map(int, arguments[1:])
    train_rank(folder, rank, world_size, generation, load_corpus(folder / "corpus.npz"), max_tokens)


def _write(log: Any, entry: dict[str, Any]) -> None:
    log.write(json.dumps(entry) + "\n")
    log.flush()
    os.fsync(log.fileno())


if __name__ == "__main__":
    main(sys.argv[1:])

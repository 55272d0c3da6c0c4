"""What rank processes of the score book's tests run; top-level, so that spawned ones can import it."""

from __future__ import annotations

import numpy as np
import torch

import croupier as cr
from croupier.torch import BatchSampler, Loader, ScoreBook

ROWS, CLASSES = 64, 5
KEPT = (cr.Mean("margin"), cr.Ema(0.75, "el2n"), cr.Variance("gradient_norm"), cr.Forgotten(), cr.Last())


def loader_of(folder, **arguments):
    kept = cr.KeepScores(KEPT, half=False, artefact=folder)
    plan = cr.chain(cr.Shuffle(), kept, cr.FixedSize(4), segment_ids=32)
    return Loader(torch.arange(ROWS), BatchSampler(plan, cr.Table(size=ROWS), seed=1), **arguments)


def hidden_of(rows, epoch):
    return torch.sin(rows[:, None, None] * torch.arange(1.0, 7.0).reshape(2, 3) + epoch)


def logits_of(rows, epoch):
    """Of two tokens an example; all of some are ignored."""
    weights = torch.cos(torch.arange(3.0 * CLASSES)).reshape(3, CLASSES)
    labels = torch.stack([rows % CLASSES, (rows + epoch) % CLASSES], dim=1)
    labels[rows % 7 == 0, 1] = -100
    labels[rows % 21 == 0] = -100
    return hidden_of(rows, epoch) @ weights, labels


def trained(loader, epochs, stop_at=None):
    """Up to the end of an epoch; or the state after so many steps of the run."""
    book = ScoreBook(loader)
    while loader.cursor.epoch < epochs:
        for rows in loader:
            logits, labels = logits_of(rows, loader.deal.epoch)
            book.record(logits, labels, hidden=hidden_of(rows, loader.deal.epoch))
            if loader.cursor.steps == stop_at:
                return loader.state_dict()
    return None


def columns(kept):
    return np.stack([kept.read(statistic).values for statistic in KEPT])


def train_and_stop(rank, world_size, folder):
    state = trained(loader_of(f"{folder}/scores"), epochs=4, stop_at=22 // world_size)
    if rank == 0:
        torch.save(state, f"{folder}/state.pt")


def go_on(rank, world_size, folder):
    loader = loader_of(f"{folder}/scores")
    loader.load_state_dict(torch.load(f"{folder}/state.pt", weights_only=True))
    trained(loader, epochs=4)
    np.save(f"{folder}/{rank}.npy", columns(cr.kept_scores(loader.dealer)))

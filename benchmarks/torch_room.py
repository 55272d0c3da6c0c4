"""Torch: what the Loader costs a training over the DataLoader it wraps, sizes found, and an encoder-decoder trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader

import croupier as cr
from benchmarks import batch_sizes, encoder_decoder
from benchmarks.harness import OURS, Reach, Row, interleaved, row, seconds
from croupier.demo.corpus import Corpus, read_corpus
from croupier.demo.training import LanguageModel, Texts, pad, token_losses
from croupier.recipes import length_grouped
from croupier.torch import BatchSampler, Loader

MAX_TOKENS = 1024
BARE = "bare DataLoader over the same lists of ids"


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this room."""
    yield from _overhead(quick=quick)
    yield from batch_sizes.rows(quick=quick)
    yield from encoder_decoder.rows(quick=quick)


def _overhead(*, quick: bool) -> Iterator[Row]:
    torch.set_num_threads(1)  # the least noise on a shared machine; the share of the Loader is then the smallest too
    corpus = read_corpus(600 if quick else 2000)
    batches = [list(deal) for deal in cr.Dealer(length_grouped(MAX_TOKENS), corpus.table(), seed=1)]
    for workers in (0, 2):
        contenders = {
            OURS: lambda workers=workers: _per_step(_loader(corpus, workers), len(batches)),
            BARE: lambda workers=workers: _per_step(_bare(corpus, batches, workers), len(batches)),
        }
        _per_step(_loader(corpus, workers), len(batches))
        samples = interleaved(contenders, repetitions=5 if quick else 11)
        # Pairs of neighbouring repetitions, so that a slow spell of the machine divides out.
        overheads = [100 * (ours / bare - 1) for ours, bare in zip(samples[OURS], samples[BARE], strict=True)]
        yield row(
            f"Loader, {workers} workers: time a step of the demo's training takes, over a bare DataLoader",
            "% more",
            {OURS: overheads},
            better=None,
            reach=Reach(at_most=2),
            packages=("torch",),
            note=f"{1e3 * float(np.median(samples[OURS])):.2f} ms a step",
        )


def _loader(corpus: Corpus, workers: int) -> Iterable[torch.Tensor]:
    sampler = BatchSampler(length_grouped(MAX_TOKENS), corpus.table(), seed=1, rank=0, world_size=1)
    return Loader(Texts(corpus), sampler, collate_fn=pad, num_workers=workers)


def _bare(corpus: Corpus, batches: list[list[int]], workers: int) -> Iterable[torch.Tensor]:
    return DataLoader(Texts(corpus), batch_sampler=batches, collate_fn=pad, num_workers=workers)


def _per_step(batches: Iterable[torch.Tensor], steps: int) -> float:
    torch.manual_seed(0)
    model = LanguageModel()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def train() -> None:
        for batch in batches:
            optimizer.zero_grad(set_to_none=True)
            token_losses(model, batch).mean().backward()
            optimizer.step()

    return seconds(train) / steps

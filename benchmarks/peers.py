"""The peers, each imported where it is called: one that is not installed raises ImportError and is left out."""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numba
import numpy as np

from benchmarks.lengths import MAX_TOKENS, Int32
from benchmarks.measures import Epoch, Int64

HF_BATCH_SIZE = 16
LHOTSE_BUCKETS = 30
CONTROL_WINDOW_IDS = 20_000


def torch_first_index(size: int) -> Callable[[], object]:
    """Ready to draw the first index of torch's RandomSampler, as a training loop does."""
    import torch
    from torch.utils.data import RandomSampler

    sampler = RandomSampler(range(size), generator=torch.Generator().manual_seed(0))

    def work() -> Iterator[int]:
        indices = iter(sampler)
        next(indices)
        return indices

    return work


def torchdata_restore(size: int, yielded: int) -> Callable[[], object]:
    """Ready to restore torchdata's stateful RandomSampler and draw the next index."""
    import torch
    from torchdata.stateful_dataloader.sampler import RandomSampler

    fresh = torch.Generator().manual_seed(0)
    state = {"yielded": yielded, "generator": fresh.get_state()}
    sampler = RandomSampler(range(size), generator=fresh)

    def work() -> int:
        indices = iter(sampler)
        indices.load_state_dict(state)
        return next(indices)

    return work


def grain_shuffle() -> Callable[..., int]:
    """grain's computed shuffle, one index a call: ``index_shuffle(index, max_index, seed, rounds)``."""
    logging.getLogger("absl").setLevel(logging.ERROR)  # grain warns of JAX, which this does not use
    from grain._src.python.experimental.index_shuffle.python import index_shuffle_module

    return index_shuffle_module.index_shuffle


def lhotse_cuts(lengths: Int32) -> list[Any]:
    """A cut for each length; its duration counts tokens, so that max_duration is the budget."""
    from lhotse import MonoCut

    return [MonoCut(id=str(row), start=0.0, duration=float(n), channel=0) for row, n in enumerate(lengths.tolist())]


def lhotse_sampler(cuts: list[Any], epoch: int) -> Any:
    """lhotse's DynamicBucketingSampler with its own buffer, shuffling, before the first batch."""
    from lhotse.dataset.sampling import DynamicBucketingSampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = DynamicBucketingSampler(
            cuts, max_duration=float(MAX_TOKENS), num_buckets=LHOTSE_BUCKETS, shuffle=True, world_size=1, rank=0
        )
    sampler.set_epoch(epoch)
    return sampler


def lhotse_epoch(cuts: list[Any], epoch: int, *, reshuffled: bool) -> Epoch:
    """One epoch over the manifest as it lies (what the buffer shuffles is all), or over one shuffled anew."""
    read = random.Random(epoch).sample(cuts, len(cuts)) if reshuffled else cuts
    return Epoch.of([int(cut.id) for cut in batch] for batch in lhotse_sampler(read, epoch))


def hf_epoch(lengths: Int32, epoch: int) -> Epoch:
    """The group_by_length strategy of the Hugging Face Trainer: consecutive batches of one size."""
    import torch
    from transformers.trainer_pt_utils import get_length_grouped_indices

    generator = torch.Generator().manual_seed(epoch)
    ids = np.array(get_length_grouped_indices(lengths.tolist(), HF_BATCH_SIZE, generator=generator))
    return Epoch(ids, np.append(np.arange(0, ids.size, HF_BATCH_SIZE), ids.size))


def full_sort_epoch(lengths: Int32, epoch: int) -> Epoch:
    """A control after fairseq: shuffle, stable sort of everything, cut by budget, shuffle the batches.

    fairseq freezes the batches of the first epoch; here ties are broken anew in every epoch, which pairs less again.
    """
    generator = np.random.default_rng(epoch)
    ids = generator.permutation(lengths.size)
    ids = ids[np.argsort(lengths[ids], kind="stable")]
    return _in_random_order(ids, _cut(lengths[ids], np.array([0, ids.size]), MAX_TOKENS), generator)


def sorted_windows_epoch(lengths: Int32, epoch: int) -> Epoch:
    """A plain control: sort windows of a stored permutation, cut each by budget, shuffle the batches."""
    generator = np.random.default_rng(epoch)
    ids = generator.permutation(lengths.size)
    starts = np.append(np.arange(0, ids.size, CONTROL_WINDOW_IDS), ids.size)
    for begin, end in pairwise(starts.tolist()):
        ids[begin:end] = ids[begin:end][np.argsort(lengths[ids[begin:end]], kind="stable")]
    return _in_random_order(ids, _cut(lengths[ids], starts, MAX_TOKENS), generator)


def _in_random_order(ids: Int64, offsets: Int64, generator: np.random.Generator) -> Epoch:
    order = generator.permutation(offsets.size - 1)
    sizes = np.diff(offsets)[order]
    new = np.concatenate([[0], np.cumsum(sizes)])
    return Epoch(ids[np.arange(ids.size) + np.repeat(offsets[:-1][order] - new[:-1], sizes)], new)


@numba.njit(cache=True)
def _cut(lengths: Int32, starts: Int64, max_tokens: int) -> Int64:
    offsets = [0]
    for w in range(starts.size - 1):
        begin, longest = starts[w], 0
        for i in range(starts[w], starts[w + 1]):
            longest = max(longest, lengths[i])
            if i > begin and (i + 1 - begin) * longest > max_tokens:
                offsets.append(i)
                begin, longest = i, lengths[i]
        offsets.append(starts[w + 1])
    return np.array(offsets)


def torch_multinomial(weights: np.ndarray, draws: int) -> Callable[[], np.ndarray]:
    """Ready to draw with replacement as WeightedRandomSampler does."""
    import torch

    given = torch.from_numpy(weights)
    generator = torch.Generator().manual_seed(0)
    return lambda: torch.multinomial(given, draws, replacement=True, generator=generator).numpy()


def torchdata_sources(shares: Any, draws: int) -> np.ndarray:
    """The sources in the order of torchdata's MultiNodeWeightedSampler."""
    from torchdata.nodes import IterableWrapper, MultiNodeWeightedSampler

    sources = {str(source): IterableWrapper(_endless(source)) for source in range(len(shares))}
    weights = {str(source): float(share) for source, share in enumerate(shares)}
    node = MultiNodeWeightedSampler(sources, weights, seed=0, rank=0, world_size=1)
    node.reset()
    return np.array([next(node) for _ in range(draws)])


class _endless:  # noqa: N801 - an iterable, restartable as torchdata asks
    def __init__(self, source: int) -> None:
        self.source = source

    def __iter__(self) -> Iterator[int]:
        while True:
            yield self.source


def grain_sources(shares: Any, draws: int) -> np.ndarray:
    """The sources in the order of grain's MapDataset.mix."""
    import grain

    parts = [grain.MapDataset.source([source]).repeat(draws) for source in range(len(shares))]
    mixed = grain.MapDataset.mix(parts, weights=[float(share) for share in shares])
    return np.array([mixed[position] for position in range(min(draws, len(mixed)))])


@numba.njit(cache=True)
def _greedy(weights: np.ndarray, draws: int) -> np.ndarray:
    counts = np.zeros(weights.size, np.int64)
    sources = np.empty(draws, np.int64)
    for t in range(draws):
        errors = weights * max(float(t), 1.0) - counts
        sources[t] = np.argmax(errors)
        counts[sources[t]] += 1
    return sources


def megatron_sources(shares: Any, draws: int) -> np.ndarray:
    """The rule of Megatron-LM's build_blending_indices: the source that lags most behind its share."""
    return _greedy(np.asarray(shares, float), draws)


def trl_packs(lengths: np.ndarray, capacity: int) -> int:
    """How many packs TRL's pack_dataset makes, from rows of token ids as it takes them."""
    import pyarrow as pa
    from datasets import Dataset, disable_progress_bars
    from trl.data_utils import pack_dataset

    disable_progress_bars()
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = pa.array(np.zeros(int(offsets[-1]), np.int8))
    rows = pa.LargeListArray.from_arrays(pa.array(offsets), tokens)
    return len(pack_dataset(Dataset(pa.table({"input_ids": rows})), capacity, strategy="bfd"))


@numba.njit(cache=True)
def _first_fit(lengths: np.ndarray, capacity: int, group: int) -> int:
    packs = 0
    for begin in range(0, lengths.size, group):
        rooms = np.empty(group, np.int64)
        open_packs = 0
        for i in range(begin, min(begin + group, lengths.size)):
            for pack in range(open_packs):
                if rooms[pack] >= lengths[i]:
                    rooms[pack] -= lengths[i]
                    break
            else:
                rooms[open_packs] = capacity - lengths[i]
                open_packs += 1
        packs += open_packs
    return packs


def first_fit_packs(lengths: np.ndarray, capacity: int) -> int:
    """The rule of axolotl's MultipackBatchSampler: in the order given, into the first pack with room."""
    return _first_fit(lengths, capacity, 100_000)


def hf_rebalanced(lengths: np.ndarray, ranks: int) -> list[np.ndarray]:
    """The shares of one step by transformers' BatchRebalanceSampler, one for each rank."""
    from transformers.trainer_pt_utils import BatchRebalanceSampler

    sampler: Any = BatchRebalanceSampler(lengths.tolist(), lengths.size, ranks, 1, shuffle=False)
    assigned = sampler._assign(list(range(lengths.size)), lengths.tolist())
    return [np.array(of_rank[0]) for of_rank in assigned]

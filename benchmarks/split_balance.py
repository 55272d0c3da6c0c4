"""Shares of equal cost: one step of 1,024 sequences over 64 ranks, packed and padded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

import croupier as cr
from benchmarks import peers
from benchmarks.harness import OURS, Reach, Row, interleaved, row, seconds
from benchmarks.lengths import lognormal_lengths

Int64 = npt.NDArray[np.int64]

SEQUENCES, RANKS = 1_024, 64
COST = cr.Cost(35_873, 1)
"""Of a 7B model, as FlexSP fitted it: attention doubles the cost at 35,873 tokens."""
PADDED_COST = cr.Cost(1_000, 1)
"""What BatchRebalanceSampler balances by: length + 0.001 x its square."""
HF, RANDOM = "HF BatchRebalance", "random"


def rows(*, quick: bool) -> Iterator[Row]:
    """Packed: sums of costs. Padded: examples x cost of the longest."""
    steps = [lognormal_lengths(SEQUENCES, seed).astype(np.int64) for seed in range(10 if quick else 100)]
    whole = [cr.Batches.of(np.arange(SEQUENCES)).with_columns(length=lengths) for lengths in steps]
    packed, padded = cr.BalancedPacked(cost=COST), cr.Balanced(cost=PADDED_COST)
    random = [np.random.default_rng(seed).permutation(SEQUENCES).reshape(RANKS, -1) for seed in range(len(steps))]
    hf: list[list[Int64]] = []
    with contextlib.suppress(ImportError):
        hf = [peers.hf_rebalanced(lengths, RANKS) for lengths in steps]
    of = f"{SEQUENCES:,} sequences of wiki <= 8k over {RANKS} ranks"
    bounds = [packed.least_largest(batch, RANKS) * RANKS / _summed(batch.columns["length"]) for batch in whole]
    shared = {OURS: [_shares(packed, batch) for batch in whole], HF: hf, RANDOM: random}
    yield row(
        f"BalancedPacked, {of}: largest over mean cost",
        "",
        {name: _over_mean(steps, shares) for name, shares in shared.items()},
        better=None,
        reach=Reach(at_most=1.002),
        packages=("transformers",),
        note=f"no sharing could be below {np.mean(bounds):.4f}",
    )
    shared[OURS] = [_shares(padded, batch) for batch in whole]
    for what, of_step in (("the largest rank", max), ("all ranks", sum)):
        costs = {name: _padded_costs(steps, shares, of_step) for name, shares in shared.items()}
        yield row(
            f"Balanced, {of}: padded cost of {what}, over HF's",
            "",
            {name: [c / h for c, h in zip(of_name, costs[HF], strict=False)] for name, of_name in costs.items()},
            better="less",
            reach=Reach(at_most=1.0) if hf else None,
            packages=("transformers",),
        )
    contenders: dict[str, Callable[[], float]] = {
        name: _rate(split, whole) for name, split in (("packed", packed), ("padded", padded))
    }
    contenders[HF] = lambda: SEQUENCES / seconds(lambda: peers.hf_rebalanced(steps[0], RANKS)) / 1e6
    samples = interleaved(contenders, repetitions=5)
    for name in ("packed", "padded"):
        yield row(
            f"Balanced, {name}, {of}: shared by one rank", "M sequences/s", {OURS: samples[name], HF: samples[HF]},
            better="more", reach=Reach(at_least=2), packages=("transformers",),
        )  # fmt: skip


def _shares(split: cr.Balanced | cr.BalancedPacked, batch: cr.Batches) -> list[Int64]:
    return [np.arange(SEQUENCES)[split.share(batch, RANKS, rank).mine[0].rows] for rank in range(RANKS)]


def _rate(split: cr.Balanced | cr.BalancedPacked, whole: list[cr.Batches]) -> Callable[[], float]:
    some = whole[:10]
    split.share(some[0], RANKS, 0)
    return lambda: SEQUENCES * len(some) / seconds(lambda: [split.share(batch, RANKS, 0) for batch in some]) / 1e6


def _summed(lengths: Int64) -> int:
    return int(COST.of(lengths).sum())


def _rectangle(lengths: Int64) -> int:
    return lengths.size * int(PADDED_COST.of(lengths.max()[None])[0])


def _padded_costs(steps: list[Int64], shares: list[Any], of_step: Callable[[Iterator[int]], int]) -> list[int]:
    return [
        of_step(_rectangle(lengths[share]) for share in of_ranks)
        for lengths, of_ranks in zip(steps, shares, strict=False)
    ]


def _over_mean(steps: list[Int64], shares: list[Any]) -> list[float]:
    found: list[float] = []
    for lengths, of_ranks in zip(steps, shares, strict=False):
        costs = [_summed(lengths[share]) for share in of_ranks]
        found.append(float(max(costs) / np.mean(costs)))
    return found

"""Packs: how near to the fewest there can be, how fast, and how evenly they cost over ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np

import croupier as cr
from benchmarks import peers
from benchmarks.harness import OURS, Reach, Row, interleaved, row, seconds
from benchmarks.measures import Int64

CAPACITY = 8192
RANKS = 64
TRL = "TRL bfd, its windows of 1,000"
FIRST_FIT = "first fit in order, groups of 100,000, as axolotl"


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this part of the batch room."""
    lengths = pack_lengths(10**5 if quick else 10**6)
    yield from _packing(lengths, quick=quick)
    yield from _balance(lengths)


def pack_lengths(size: int) -> Int64:
    """Tokens of encyclopedia articles, by their published distribution, cut at the capacity."""
    drawn = np.random.default_rng(0).lognormal(5.95, 1.258, size)
    return np.clip(drawn, 1, CAPACITY).astype(np.int64)


def _dealer(lengths: Int64, segment_ids: int, **arguments: object) -> cr.Dealer:
    equal_cost = bool(arguments.pop("equal_cost", False))
    plan = cr.chain(cr.Shuffle(), cr.Pack(CAPACITY, equal_cost=equal_cost), segment_ids=segment_ids)
    return cr.Dealer(plan, cr.Table(length=lengths), seed=0, **arguments)


def _packing(lengths: Int64, *, quick: bool) -> Iterator[Row]:
    least = -(-int(lengths.sum()) // CAPACITY)
    whole, segments = _dealer(lengths, lengths.size), _dealer(lengths, 2**18)
    _dealer(lengths[:1000], 1000).first()
    packs: dict[str, int] = {}

    def timed(name: str, pack: Callable[[], int]) -> Callable[[], float]:
        def work() -> None:
            packs[name] = pack()

        return lambda: seconds(work)

    epochs = count()
    contenders = {
        OURS: timed(OURS, lambda: _packs_of_epoch(whole, next(epochs))),
        "segments": timed("segments", lambda: _packs_of_epoch(segments, next(epochs))),
        FIRST_FIT: timed(FIRST_FIT, lambda: peers.first_fit_packs(lengths, CAPACITY)),
        TRL: timed(TRL, lambda: peers.trl_packs(lengths, CAPACITY)),
    }
    samples = interleaved(contenders, repetitions=2 if quick else 3)
    by_segments = samples.pop("segments")
    work = f"Pack, {lengths.size:.0e} lengths into {CAPACITY:,}"
    reach = Reach(at_most=0.5, times={FIRST_FIT: 5, TRL: 20})
    yield row(f"{work}, the epoch at once: planned", "s", samples, better="less", reach=reach, packages=("trl",))
    yield row(f"{work}, segments of 2^18: planned", "s", samples | {OURS: by_segments}, better="less", reach=reach)
    lost = {name: [100 * (1 - least / packs[name])] if name in packs else [] for name in (OURS, FIRST_FIT, TRL)}
    goal = Reach(at_most=0.05)
    yield row(f"{work}, the epoch at once: above the bound", "points", lost, better="less", reach=goal)
    lost[OURS] = [100 * (1 - least / packs["segments"])]
    yield row(f"{work}, segments of 2^18: above the bound", "points", lost, better="less", reach=goal)


def _packs_of_epoch(dealer: cr.Dealer, epoch: int) -> int:
    program = dealer.program
    return sum(len(program.segment(epoch, number).batches) for number in range(program.epochs.segments(epoch)))


def _balance(lengths: Int64) -> Iterator[Row]:
    """The largest attention cost of the ranks of a step over their mean."""

    def imbalance(*, equal_cost: bool) -> float:
        dealer = _dealer(lengths, lengths.size, equal_cost=equal_cost, world_size=RANKS)
        batches = dealer.program.segment(0, 0).batches
        costs = np.add.reduceat(batches.columns["length"] ** 2, batches.offsets[:-1]).astype(np.float64)
        steps = costs[: costs.size // RANKS * RANKS].reshape(-1, RANKS)
        return float((steps.max(axis=1) / steps.mean(axis=1)).mean())

    samples = {OURS: [imbalance(equal_cost=True)], "packs in random order": [imbalance(equal_cost=False)]}
    work = f"Pack(equal_cost=True), {RANKS} ranks: sum of squared lengths, largest rank over mean"
    yield row(work, "", samples, better="less")

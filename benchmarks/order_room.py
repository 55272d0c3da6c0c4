"""Orders: how soon the first id comes, what it costs in memory, and how fast the rest follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np

import croupier as cr
from benchmarks import order_mixtures, order_weights, peers
from benchmarks.child import Cost, in_child
from benchmarks.harness import OURS, Reach, Row, interleaved, row, seconds
from croupier.core.key import Key
from croupier.core.shuffling import shuffled

SIZE = 10**9
FIRST_IDS = 256
WINDOW_IDS = 2**18
NUMPY_SIZE = 10**7

NUMPY = "NumPy permutation(1e7)"
GRAIN = "grain index_shuffle"


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this room."""
    yield from _first_ids(quick=quick)
    yield from _ids_per_second(quick=quick)
    yield from order_weights.rows(quick=quick)
    yield from order_mixtures.rows(quick=quick)


def first_ids(size: int) -> Callable[[], object]:
    """Ready to compute the first ids of a shuffle; kernels loaded."""
    key, positions = Key(7), np.arange(FIRST_IDS)
    shuffled(positions, size - 1, key.child("warm"))
    return lambda: shuffled(positions, size, key)


def first_deal(size: int) -> Callable[[], object]:
    """Ready to build a dealer and take its first batch; kernels loaded."""
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(FIRST_IDS))
    cr.Dealer(plan, cr.Table(size=2 * WINDOW_IDS), seed=0).first()
    return lambda: next(iter(cr.Dealer(plan, cr.Table(size=size), seed=7)))


def _first_ids(*, quick: bool) -> Iterator[Row]:
    peer_size = 10**7 if quick else 10**8
    peer = f"torch RandomSampler at {peer_size:.0e}"
    peer_costs = _costs(peers.torch_first_index, peer_size, repetitions=1)
    works: dict[str, Callable[[int], Callable[[], object]]] = {
        f"Shuffle, N = 1e9: the first {FIRST_IDS} ids": first_ids,
        "Dealer over Shuffle and FixedSize, N = 1e9: built, first batch": first_deal,
    }
    for work, prepare in works.items():
        costs = _costs(prepare, SIZE, repetitions=3 if quick else 5)
        times = {OURS: [1e3 * cost.seconds for cost in costs], peer: [1e3 * cost.seconds for cost in peer_costs]}
        memory = {OURS: [cost.added_mb for cost in costs], peer: [cost.added_mb for cost in peer_costs]}
        goal = Reach(at_most=1)
        yield row(f"{work}, time", "ms", times, better="less", reach=goal, packages=("torch",))
        yield row(f"{work}, memory added", "MB", memory, better="less", reach=goal, packages=("torch",))


def _costs(prepare: Callable[[int], Callable[[], object]], size: int, *, repetitions: int) -> list[Cost]:
    try:
        return [in_child(prepare, size) for _ in range(repetitions)]
    except ImportError:
        return []


def _ids_per_second(*, quick: bool) -> Iterator[Row]:
    grain_ids = 10**5 if quick else 10**6
    key, generator = Key(7), np.random.default_rng(0)
    windows = [np.arange(number * WINDOW_IDS, (number + 1) * WINDOW_IDS) for number in range(16)]
    dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(FIRST_IDS)), cr.Table(size=SIZE), seed=7)
    dealer.first()
    places = count(1)

    def ours() -> float:
        return len(windows) * WINDOW_IDS / seconds(lambda: [shuffled(window, SIZE, key).size for window in windows])

    def segments() -> float:
        segment = dealer.program.segment
        return len(windows) * WINDOW_IDS / seconds(lambda: [segment(0, next(places)).number for _ in windows])

    def grain() -> float:
        shuffle = peers.grain_shuffle()
        return grain_ids / seconds(lambda: [shuffle(i, max_index=SIZE - 1, seed=7, rounds=4) for i in range(grain_ids)])

    contenders = {
        OURS: ours,
        "segments": segments,
        NUMPY: lambda: NUMPY_SIZE / seconds(lambda: generator.permutation(NUMPY_SIZE)),
        GRAIN: grain,
    }
    samples = interleaved(contenders, repetitions=3 if quick else 9)
    rates = {name: [ids / 1e6 for ids in values] for name, values in samples.items()}
    segment_rates = rates.pop("segments")
    yield row(
        "Shuffle, N = 1e9: ids of given positions, one core, windows of 2^18",
        "M ids/s",
        rates,
        better="more",
        reach=Reach(at_least=60, times={NUMPY: 3, GRAIN: 100}),
        packages=("grain",),
        note="grain computes one index a call from Python",
    )
    yield row(
        "Shuffle and FixedSize(256), N = 1e9: segments of 2^18 planned, one core",
        "M ids/s",
        rates | {OURS: segment_rates},
        better="more",
        packages=("grain",),
    )

"""Mixtures: how near the shares every prefix is, how fast draws come, how long one far away takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count

import numpy as np

import croupier as cr
from benchmarks import peers
from benchmarks.harness import OURS, Reach, Row, interleaved, row, seconds
from benchmarks.measures import Int64

SHARES = (0.6, 0.25, 0.1, 0.04, 0.01)
DRAWS = 20_000
WINDOW_IDS = 2**18
FAR = 10**12
ROWS = 10**7
IID, TORCHDATA, MEGATRON, GRAIN = "independent draws", "torchdata", "Megatron's greedy blend", "grain"


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this part of the order room."""
    yield _discrepancy()
    for sources, least in ((5, 20), (100, 10)):
        yield from _draws(sources, least, quick=quick)


def discrepancy(sources: Int64, shares: Sequence[float]) -> float:
    """Largest distance of any source's count from its share, over all prefixes."""
    counts = np.cumsum(np.asarray(sources)[:, None] == np.arange(len(shares)), axis=0)
    expected = np.arange(1, len(sources) + 1)[:, None] * np.asarray(shares) / np.sum(shares)
    return float(np.abs(counts - expected).max())


def _mixture(shares: Sequence[float], rows_: int) -> tuple[cr.Mixture, cr.Context]:
    codes = np.random.default_rng(0).integers(0, len(shares), rows_).astype(np.int32)
    order = cr.Mixture("source", {str(source): share for source, share in enumerate(shares)}, epoch_end=2 * FAR)
    table = cr.Table(source=codes)
    return order, cr.Context(table, cr.Key(0), prepared=order.prepare(table, cr.Key(0), 0))


def _discrepancy() -> Row:
    order, context = _mixture(SHARES, 10_000)
    ours = order.plan(cr.Batches.of(np.arange(DRAWS)), context).columns["source"]
    generator = np.random.default_rng(0)
    contenders = {
        IID: lambda: generator.choice(len(SHARES), DRAWS, p=SHARES),
        TORCHDATA: lambda: peers.torchdata_sources(SHARES, DRAWS),
        MEGATRON: lambda: peers.megatron_sources(SHARES, DRAWS),
        GRAIN: lambda: peers.grain_sources(SHARES, DRAWS),
    }
    samples = {OURS: [discrepancy(ours, SHARES)]}
    for name, draw in contenders.items():
        try:
            samples[name] = [discrepancy(draw(), SHARES)]
        except ImportError:
            samples[name] = []
    return row(
        "Mixture of .6 .25 .1 .04 .01: largest discrepancy of 20,000 draws",
        "draws",
        samples,
        better="less",
        reach=Reach(at_most=2.5),
        against=IID,
        packages=("grain", "torchdata"),
        note="Megatron and grain deal a fixed pattern; ours is random within its bound",
    )


def _draws(sources: int, least: float, *, quick: bool) -> Iterator[Row]:
    repetitions = 3 if quick else 9
    shares = SHARES if sources == len(SHARES) else np.random.default_rng(0).dirichlet(np.ones(sources)) + 1e-6
    order, context = _mixture(tuple(shares), ROWS // 10 if quick else ROWS)
    timeline, places = context.prepared["timeline"], count(FAR, WINDOW_IDS)
    peer_draws = 10**4 if quick else 10**5

    def window() -> Int64:
        return np.arange(begin := next(places), begin + WINDOW_IDS)

    timeline.at(window()), order.plan(cr.Batches.of(window()), context)
    contenders = {
        OURS: lambda: WINDOW_IDS / seconds(lambda: timeline.at(window())) / 1e6,
        "ids": lambda: WINDOW_IDS / seconds(lambda: order.plan(cr.Batches.of(window()), context)) / 1e6,
        TORCHDATA: lambda: peer_draws / seconds(lambda: peers.torchdata_sources(shares, peer_draws)) / 1e6,
        GRAIN: lambda: peer_draws / seconds(lambda: peers.grain_sources(shares, peer_draws)) / 1e6,
    }
    samples = interleaved(contenders, repetitions=repetitions)
    ids = samples.pop("ids")
    peers_of = {name: values for name, values in samples.items() if name != OURS}
    work = f"Mixture of {sources} sources from position 1e12 on, windows of 2^18"
    yield row(
        f"{work}: the source of each draw and how often it came",
        "M draws/s",
        samples,
        better="more",
        reach=Reach(at_least=least),
        packages=("grain", "torchdata"),
    )
    yield row(
        f"{work}: ids, every source shuffled anew at each pass",
        "M ids/s",
        {OURS: ids} | peers_of,
        better="more",
        reach=Reach(at_least=least),
        packages=("grain", "torchdata"),
    )
    one = np.array([FAR + 12345])
    alone = cr.Batches.of(one)

    def microseconds(access: Callable[[], object]) -> float:
        return seconds(lambda: [access() for _ in range(1000)]) * 1e3

    for what, access in (
        ("source and ordinal", lambda: timeline.at(one)),
        ("id", lambda: order.plan(alone, context)),
    ):
        yield row(
            f"Mixture of {sources} sources: the {what} at position 1e12 alone",
            "us",
            {OURS: [microseconds(access) for _ in range(repetitions)]},
            better=None,
            reach=Reach(at_most=50),
        )

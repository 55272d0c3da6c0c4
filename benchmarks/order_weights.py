"""Weighted orders: what 10^8 weights cost to prepare, how fast draws come, and whether they are right."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import numpy as np

import croupier as cr
from benchmarks import peers
from benchmarks.child import Cost, in_child
from benchmarks.harness import OURS, Reach, Row, interleaved, row, seconds

WINDOW_IDS = 2**18
LARGE, MEDIUM, SUBSET_OF, SUBSET = 10**8, 10**7, 2 * 10**7, 10**6
TORCH_LIMIT = 2**24
TORCH = "torch.multinomial"
TORCH_FLOAT32 = "torch.multinomial, float32"
NUMPY_CHOICE = "NumPy Generator.choice"
IID = "Weighted"


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this part of the order room."""
    yield from _build(quick=quick)
    yield from _draws(quick=quick)
    yield _chi_square(quick=quick)
    yield _without_replacement(quick=quick)
    yield _unseen(quick=quick)


def build(size: int) -> Callable[[], object]:
    """Ready to prepare the draws from mapped float64 weights of this number; kernels loaded."""
    _prepared(np.ones(1000))
    with tempfile.NamedTemporaryFile(suffix=".npy", delete=False) as file:
        path = Path(file.name)
    mapped = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=(size,))
    generator = np.random.default_rng(0)
    for begin in range(0, size, 2**20):
        part = mapped[begin : begin + 2**20]
        part[:] = generator.lognormal(0, 1.5, part.size)
    mapped.flush()
    weights = np.load(path, mmap_mode="r")
    path.unlink()  # it lives as long as it is mapped
    return lambda: _prepared(weights)


def _prepared(weights: np.ndarray) -> cr.Context:
    order = cr.Weighted("w")
    table = cr.Table(w=weights)
    return cr.Context(table, cr.Key(0), prepared=order.prepare(table, cr.Key(0), 0))


def _build(*, quick: bool) -> Iterator[Row]:
    size = LARGE // 10 if quick else LARGE
    costs: list[Cost] = [in_child(build, size) for _ in range(1 if quick else 3)]
    work = f"Weighted, {size:.0e} mapped float64 weights: prepared"
    yield row(f"{work}, time", "s", {OURS: [c.seconds for c in costs]}, better=None, reach=Reach(at_most=12))
    yield row(
        f"{work}, memory added",
        "MB",
        {OURS: [c.added_mb for c in costs]},
        better=None,
        reach=Reach(at_most=3000),
        note="with the pages of the mapped weights, 8 bytes a row",
    )


def _windows(context: cr.Context, order: cr.Weighted, places: Iterator[int]) -> Callable[[], object]:
    def work() -> None:
        for _ in range(4):
            begin = next(places) * WINDOW_IDS
            order.plan(cr.Batches.of(np.arange(begin, begin + WINDOW_IDS)), context)

    return work


def _draws(*, quick: bool) -> Iterator[Row]:
    repetitions = 3 if quick else 7
    generator = np.random.default_rng(0)
    for size in (MEDIUM,) if quick else (MEDIUM, LARGE):
        weights = generator.lognormal(0, 1.5, size)
        context = _prepared(weights)
        ours = _windows(context, cr.Weighted("w"), count())
        torch_draw = peers.torch_multinomial(weights, WINDOW_IDS * 4) if size < TORCH_LIMIT else None
        contenders = {OURS: lambda work=ours: 4 * WINDOW_IDS / seconds(work) / 1e6}
        if torch_draw is not None:
            contenders[TORCH] = lambda work=torch_draw: 4 * WINDOW_IDS / seconds(work) / 1e6
        yield row(
            f"Weighted, {size:.0e} weights: draws with their probabilities, windows of 2^18",
            "M draws/s",
            interleaved(contenders, repetitions=repetitions),
            better="more",
            reach=Reach(at_least=10, times={TORCH: 5} if torch_draw is not None else {}),
            packages=("torch",),
            note="" if torch_draw is not None else "torch refuses more than 2^24 weights",
        )


def _chi_square(*, quick: bool) -> Row:
    """Weights 1, 1/2, 1/3...: WeightedRandomSampler draws in float64; torch.multinomial on what most tensors are."""
    draws = 10**5 if quick else 10**6
    weights = (1 / np.arange(1, TORCH_LIMIT + 1)).astype(np.float32)
    ids = cr.Weighted("w").plan(cr.Batches.of(np.arange(draws)), _prepared(weights)).indices
    samples = {OURS: [_standardised_chi_square(ids, weights)]}
    try:
        samples[TORCH_FLOAT32] = [_standardised_chi_square(peers.torch_multinomial(weights, draws)(), weights)]
    except ImportError:
        samples[TORCH_FLOAT32] = []
    return row(
        f"2^24 float32 weights 1/rank, {draws:.0e} draws: chi-square over 200 blocks, standardised (right: within 6)",
        "deviations",
        samples,
        better=None,
        reach=Reach(at_least=-6, at_most=6),
        packages=("torch",),
    )


def _standardised_chi_square(ids: np.ndarray, weights: np.ndarray) -> float:
    edges = np.linspace(0, weights.size, 201).astype(np.int64)
    counts = np.histogram(ids, edges)[0]
    expected = np.add.reduceat(weights.astype(np.float64), edges[:-1])
    expected *= len(ids) / expected.sum()
    freedom = counts.size - 1
    return float((((counts - expected) ** 2 / expected).sum() - freedom) / np.sqrt(2 * freedom))


def _without_replacement(*, quick: bool) -> Row:
    rows_, drawn = (SUBSET_OF // 10, SUBSET // 10) if quick else (SUBSET_OF, SUBSET)
    weights = np.random.default_rng(0).lognormal(0, 1.5, rows_)
    table, order = cr.Table(w=weights), cr.WeightedSubset(drawn, "w")
    epochs = count()
    probabilities = weights / weights.sum()
    generator = np.random.default_rng(1)
    order.prepare(cr.Table(w=np.ones(drawn)), cr.Key(0), 0)
    contenders = {
        OURS: lambda: seconds(lambda: order.prepare(table, cr.Key(0), next(epochs))),
        NUMPY_CHOICE: lambda: seconds(lambda: generator.choice(rows_, drawn, replace=False, p=probabilities)),
    }
    return row(
        f"WeightedSubset: {drawn:.0e} of {rows_:.0e} rows without replacement",
        "s",
        interleaved(contenders, repetitions=3, once=() if quick else (NUMPY_CHOICE,)),
        better="less",
        reach=Reach(times={NUMPY_CHOICE: 3}),
    )


def _unseen(*, quick: bool) -> Row:
    """Rows of equal weight that an epoch leaves out."""
    size = 10**5 if quick else 10**6
    table = cr.Table(w=np.ones(size))

    def unseen(order: cr.Weighted | cr.SystematicWeighted) -> float:
        context = cr.Context(table, cr.Key(0), prepared=order.prepare(table, cr.Key(0), 0))
        ids = order.plan(cr.Batches.of(np.arange(size)), context).indices
        return 1 - np.unique(ids).size / size

    samples = {OURS: [unseen(cr.SystematicWeighted("w"))], IID: [unseen(cr.Weighted("w"))]}
    work = "SystematicWeighted, equal weights: rows not dealt in an epoch"
    return row(work, "of all", samples, better=None, reach=Reach(at_most=0))

"""The score store: updates a second of 10^8 rows in a mapped file, what stays in memory, and what journals cost."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator

import numpy as np

import croupier as cr
from benchmarks.child import Cost, in_child
from benchmarks.harness import OURS, Reach, Row, interleaved, row

ROWS, UPDATES, JOURNALLED = 10**8, 2**23, 2**21
FIVE = (cr.Last(), cr.Mean(), cr.Variance(), cr.Count(), cr.Ema(0.9))
ONE, FIVE_IN_TORCH, SUMS = (
    "torch index_put_, last value alone",
    "torch, all five, repeats lost",
    "np.add.at, sum and count",
)
WARM_ROWS = 2**16


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this part."""
    count = ROWS // 10 if quick else ROWS
    repetitions = 2 if quick else 5
    for half in (1, 0):
        name = f"ScoreStore, last, mean, variance, count and EMA of {count:.0e} rows, {'half' if half else 'single'}"
        for batch in (1024, 65_536):
            contenders = {OURS: lambda b=batch, h=half: _rate(in_child(updated, count, b, h))}
            if half:
                contenders |= {
                    ONE: lambda b=batch: _rate(in_child(torch_last, count, b)),
                    FIVE_IN_TORCH: lambda b=batch: _rate(in_child(torch_five, count, b)),
                    SUMS: lambda b=batch: _rate(in_child(numpy_sums, count, b)),
                }
            samples = interleaved(contenders, repetitions=repetitions, once=tuple(contenders)[1:])
            yield row(
                f"{name}: mapped file, {batch:,} random rows at a time", "M updates/s", samples, better="more",
                reach=Reach(at_least=20), against=FIVE_IN_TORCH if half else None, packages=("torch",),
            )  # fmt: skip
        touched = in_child(all_touched, count, half)
        yield row(
            f"{name}: every page of it in use, memory", "MB", {OURS: [touched.added_mb]}, better=None,
            reach=Reach(at_most=1000) if half else None,
            note=f"the mapped file, nearly all of it; {touched.peak_mb:.0f} MB with all the process has loaded",
        )  # fmt: skip
    for batch in (2**18, 2**20):
        contenders = {OURS: lambda b=batch: JOURNALLED / in_child(journalled, count, b).seconds / 1e6}
        samples = interleaved(contenders, repetitions=repetitions)
        work = f"... half, with versions and journals, {batch:,} rows a version"
        yield row(work, "M updates/s", samples, better="more", note="four waits for the disk a version")


def _rate(cost: Cost) -> float:
    return UPDATES / cost.seconds / 1e6


def _batches(count: int, batch: int, updates: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Random rows, and values for them: made before anything is measured, the same few megabytes again and again."""
    generator = np.random.default_rng(0)
    ids = [generator.integers(0, count, batch) for _ in range(max(1, min(updates, 2**20) // batch))]
    return ids * (updates // (batch * len(ids))), generator.exponential(size=batch).astype(np.float32)


def _store(folder: str, count: int, half: int, *, journals: bool = False) -> cr.ScoreStore:
    return cr.ScoreStore(count, FIVE, half=bool(half), folder=folder, journalled=journals)


def _touch_all(store: cr.ScoreStore) -> None:
    values = np.ones(WARM_ROWS, np.float32)
    for begin in range(0, store.rows, WARM_ROWS):
        ids = np.arange(begin, min(begin + WARM_ROWS, store.rows))
        store.update(ids, values[: ids.size])


def updated(count: int, batch: int, half: int) -> Callable[[], object]:
    """Ready to update a mapped store all of whose pages are in memory."""
    with tempfile.TemporaryDirectory() as folder:  # the file lives as long as it is mapped
        store = _store(folder, count, half)
    _touch_all(store)
    batches, values = _batches(count, batch, UPDATES)

    def work() -> cr.ScoreStore:
        for ids in batches:
            store.update(ids, values)
        return store

    return work


def all_touched(count: int, half: int) -> Callable[[], object]:
    """Ready to make a store and to update each of its rows."""
    cr.ScoreStore(5, FIVE, half=bool(half)).update([1], [1.0])

    def work() -> cr.ScoreStore:
        with tempfile.TemporaryDirectory() as folder:
            store = _store(folder, count, half)
        _touch_all(store)
        return store

    return work


def journalled(count: int, batch: int) -> Callable[[], object]:
    """Ready to update a store with versions."""
    place = tempfile.mkdtemp()
    _touch_all(_store(place, count, 1))
    store = _store(place, count, 1, journals=True)
    batches, values = _batches(count, batch, JOURNALLED)

    def work() -> None:
        for ids in batches:
            store.update(ids, values)
        shutil.rmtree(place)

    store.update(batches[0], values)
    return work


def torch_last(count: int, batch: int) -> Callable[[], object]:
    """The last value of each row, in memory."""
    import torch

    torch.set_num_threads(1)
    held = torch.zeros(count)
    batches, values = _batches(count, batch, UPDATES)
    ids, signal = [torch.from_numpy(some) for some in batches], torch.from_numpy(values)
    held[:] = 1.0

    def work() -> None:
        for some in ids:
            held.index_put_((some,), signal)

    return work


def torch_five(count: int, batch: int) -> Callable[[], object]:
    """All five by gathering, computing and scattering; of a row that comes twice in a batch one value is lost."""
    import torch

    torch.set_num_threads(1)
    last, mean, variance, ema = (torch.ones(count) for _ in range(4))
    seen = torch.ones(count, dtype=torch.int32)
    batches, values = _batches(count, batch, UPDATES)
    ids, signal = [torch.from_numpy(some) for some in batches], torch.from_numpy(values)

    def work() -> None:
        for some in ids:
            now = seen[some] + 1
            before = mean[some]
            away = signal - before
            middle = before + away / now
            spread = variance[some]
            seen[some], mean[some], last[some] = now, middle, signal
            variance[some] = spread + (away * (signal - middle) - spread) / now
            ema[some] = torch.lerp(ema[some], signal, 0.1)

    return work


def numpy_sums(count: int, batch: int) -> Callable[[], object]:
    """A sum and a count, from which a mean follows."""
    sums, seen = np.ones(count, np.float32), np.ones(count, np.int32)
    batches, values = _batches(count, batch, UPDATES)

    def work() -> None:
        for ids in batches:
            np.add.at(sums, ids, values)
            np.add.at(seen, ids, 1)

    return work

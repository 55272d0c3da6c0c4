"""Trials at the scale of a cluster, on one machine: very many ranks, rows, epochs; tables larger than memory."""

from __future__ import annotations

import mmap
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np

import croupier as cr
from reliability.findings import Finding
from reliability.kill_audit import audit_of
from reliability.killer import Killer

__all__ = ["epochs_without_end", "findings", "limits", "many_processes", "many_ranks", "mapped_table"]

RANKS, ROWS, EPOCH, BATCH = 16_384, 10**12, 99_999, 8
SAMPLED, SAMPLED_NIGHTLY = 32, 128
MAPPED_ROWS, MAPPED_SHARE_NIGHTLY = 10**9, 1.2
PROCESSES = 64
LARGEST = 2**62 - 1


def findings(*, nightly: bool, seed: int) -> Iterator[Finding]:
    """Ranks, epochs, limits, a mapped table, and processes."""
    yield from many_ranks(SAMPLED_NIGHTLY if nightly else SAMPLED, seed)
    yield epochs_without_end()
    yield limits()
    with tempfile.TemporaryDirectory() as folder:
        yield mapped_table(Path(folder), _rows_above_memory() if nightly else MAPPED_ROWS, seed)
    if nightly:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            yield many_processes(Path(folder), PROCESSES, seed)


def many_ranks(sampled: int, seed: int) -> Iterator[Finding]:
    """The first steps of a late epoch, as each of some ranks deals them alone, and as all ranks share them."""
    ranks = sorted(random.Random(seed).sample(range(RANKS), sampled))
    begun = time.perf_counter()
    dealt: dict[int, list[list[int]]] = {}
    for rank in ranks:
        dealer = _dealer(rank)
        deals = iter(dealer)
        dealt[rank] = [list(next(deals)) for _ in range(3)]
    seconds = time.perf_counter() - begun
    everyone = _shares_of_all()
    agree = sum(dealt[rank] == [step[rank] for step in everyone] for rank in ranks)
    figures = {
        "rows": ROWS,
        "epoch": EPOCH,
        "milliseconds from nothing to three steps": round(1e3 * seconds / sampled, 1),
    }
    yield Finding(f"of {RANKS:,} ranks simulated, those that dealt alone what is theirs", sampled, agree, figures)
    held = [
        {len(ids) for ids in step} == {BATCH} and len(set().union(*map(set, step))) == RANKS * BATCH
        for step in everyone
    ]
    planned = sorted(id_ for step in everyone[:2] for ids in step for id_ in ids)
    flat = _dealer(0).program.segment(EPOCH, 0).batches.indices
    held.append(planned == sorted(flat.tolist()) and len(set(planned)) == flat.size)
    yield Finding("... steps in which all ranks are disjoint, equal, and complete a window", len(held), sum(held))


def epochs_without_end() -> Finding:
    """100,000 epochs of an odd size one after another: segments numbered, totals exact, none slower than the others."""
    rows, epochs, held = 10**6 + 3, 100_000, 0
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(64))
    begun = time.perf_counter()
    dealer = cr.Dealer(plan, cr.Table(size=rows), seed=1)
    for epoch in range(0, epochs, 1000):
        dealer.set_epoch(epoch)
        context = dealer.program.context(epoch, 2)
        held += context.first_sample == epoch * rows + 2 * dealer.program.epochs.window
    first = dealer.first()
    held += first.epoch == epochs - 1000 and len(first) == 64
    figures = {"seconds for all": round(time.perf_counter() - begun, 2)}
    return Finding("epochs numbered up to 100,000", 101, held, figures)


def limits() -> Finding:
    """At the edge of 63 bits: a result that is right, or one clear error."""
    tried = held = 0
    faults: list[str] = []
    stages: dict[str, Any] = {"shuffle": cr.Shuffle(), "sequential": cr.Sequential(), "subset": cr.RandomSubset(0.5)}
    for name, order in stages.items():
        for rows in (LARGEST, 2**62 - 2**20, 2**61 + 1, 2**53 + 1, 2**32 + 1, 2**31 - 1):
            for epoch in (0, 1, 2, 100_000):
                tried += 1
                fault = _fault_at(order, rows, epoch)
                held += fault is None
                faults += [] if fault is None else [f"{name}, {rows} rows, epoch {epoch}: {fault}"]
    return Finding("sizes and epochs at the edge of 63 bits", tried, held, faults=tuple(faults))


def mapped_table(folder: Path, rows: int, seed: int) -> Finding:
    """Plan segments of a mapped column that is larger than memory; only what is planned is read or written."""
    lengths = np.memmap(folder / "lengths", dtype=np.int32, mode="w+", shape=(rows,))
    cast("Any", lengths)._mmap.madvise(mmap.MADV_RANDOM)  # else the trial's own writes read megabytes around each
    plan = cr.chain(cr.Shuffle(), cr.SortedWindows(2**14), cr.TokenBudget(65_536))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    table = cr.Table(length=np.memmap(folder / "lengths", dtype=np.int32, mode="r", shape=(rows,)))
    begun = time.perf_counter()
    dealer = cr.Dealer(plan, table, seed=seed)
    built = time.perf_counter() - begun
    order = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(1)), cr.Table(size=rows), seed=seed).program
    last = dealer.program.epochs.segments(0) - 1
    held, seconds = 0, []
    numbers = (0, last // 2, last - 1)
    for number in numbers:
        ids = order.segment(0, number).batches.indices
        lengths[ids] = np.random.default_rng(number).integers(1, 4000, ids.size)
        begun = time.perf_counter()
        batches = dealer.program.segment(0, number).batches
        seconds.append(time.perf_counter() - begun)
        padded = batches.sizes * np.maximum.reduceat(lengths[batches.indices], batches.offsets[:-1])
        held += bool(np.array_equal(np.sort(batches.indices), np.sort(ids)) and padded.max() <= 65_536)
    figures = {
        "gigabytes of the column": round(rows * 4 / 2**30, 1),
        "built in seconds": round(built, 3),
        "a segment planned in seconds": round(float(np.median(seconds)), 3),
        "rise of the peak of resident memory, MB": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        // 1024,
    }
    return Finding("segments planned of a mapped table", len(numbers), held, figures)


def many_processes(folder: Path, processes: int, seed: int) -> Finding:
    """So many real processes joined by gloo deal, learn and save; their logs are audited."""
    begun = time.perf_counter()
    run = "the default plan"
    played = Killer(seed).play(run, folder / "run", kills=0, worlds=(processes,))
    audit = audit_of(run, played.folder, played.lanes)
    faults = ([played.fault] if played.fault else []) + audit.faults
    figures = {"checks of their logs": audit.checked.total(), "seconds": round(time.perf_counter() - begun)}
    return Finding("processes joined by gloo", processes, 0 if faults else processes, figures, tuple(faults))


def _rows_above_memory() -> int:
    bytes_of_memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return int(MAPPED_SHARE_NIGHTLY * bytes_of_memory) // np.dtype(np.int32).itemsize


def _dealer(rank: int) -> cr.Dealer:
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(BATCH))
    dealer = cr.Dealer(plan, cr.Table(size=ROWS), seed=3, rank=rank, world_size=RANKS)
    dealer.set_epoch(EPOCH)
    return dealer


def _shares_of_all() -> list[list[list[int]]]:
    """Three steps, as their split shares them among all ranks."""
    deals = iter(_dealer(0))
    steps = [next(deals).origin[0] for _ in range(3)]
    return [
        [
            step.batches.indices[step.split.share(step.batches, RANKS, rank).mine[0].rows].tolist()
            for rank in range(RANKS)
        ]
        for step in steps
    ]


def _fault_at(order: Any, rows: int, epoch: int) -> str | None:
    try:
        dealer = cr.Dealer(cr.chain(order, cr.FixedSize(5)), cr.Table(size=rows), seed=1)
        dealer.set_epoch(epoch)
        deal = dealer.first()
        ids = deal.ids
        if not (len(set(ids.tolist())) == 5 and ids.min() >= 0 and ids.max() < rows):
            return f"dealt {ids}"
        if isinstance(order, (cr.Shuffle, cr.Sequential)) and dealer.position_of(ids, epoch).tolist() != list(range(5)):
            return f"positions {dealer.position_of(ids, epoch)}"
    except (cr.errors.BadArgument, cr.errors.BadTable, cr.errors.TooFewIds):
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None

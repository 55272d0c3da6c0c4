"""Conflict-free batches of 10^6 pairs: rate, collisions and coverage, against sentence-transformers' NoDuplicates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np

import croupier as cr
from benchmarks.harness import OURS, Reach, Row, interleaved, row, seconds
from benchmarks.measures import Int64

PAIRS = 10**6
PEER = "sentence-transformers, hashed"
PACKAGES = ("sentence-transformers", "datasets")


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this part."""
    pairs = PAIRS // 10 if quick else PAIRS
    for batch_size in (256, 8192):
        yield from _rows(pairs, batch_size, quick=quick)


def duplicated(pairs: int) -> tuple[Int64, Int64]:
    """Queries all different but for one in a hundred; of the items a quarter is shared by two to five rows each, and
    one row in twenty has one of the popular ones, by Zipf's law up to a row in some thousand.
    """
    generator = np.random.default_rng(0)
    again = np.flatnonzero(generator.random(pairs) < 0.01)
    queries = np.arange(pairs)
    queries[again] = generator.integers(0, pairs, again.size)
    items, kind = np.arange(pairs), generator.random(pairs)
    shared, popular = np.flatnonzero(kind < 0.25), np.flatnonzero(kind > 0.95)
    items[shared] = pairs + generator.integers(0, shared.size * 2 // 7, shared.size)
    ranks = np.minimum(generator.zipf(1.2, popular.size), pairs) + 2 * (generator.random(popular.size) < 0.5)
    items[popular] = 2 * pairs + ranks * 40 + generator.integers(0, 40, popular.size)
    return queries, items


def _rows(pairs: int, batch_size: int, *, quick: bool) -> Iterator[Row]:
    queries, items = duplicated(pairs)
    table = cr.Table(query=queries, item=items)
    stage = cr.ConflictFree(batch_size)
    # As many batches in a segment as the most frequent item needs; the whole epoch where batches are large.
    plan = cr.chain(cr.Shuffle(), stage, segment_ids=pairs if batch_size > 1000 else 2**18)
    epochs = count()
    dealer = cr.Dealer(plan, table, seed=0)
    list(dealer)
    peer = _Peer(queries, items, batch_size)
    contenders: dict[str, Callable[[], float]] = {
        OURS: lambda: _rate(pairs, lambda: list(dealer)),
        PEER: lambda: peer.rate(next(epochs)),
    }
    samples = interleaved(contenders, repetitions=3 if quick else 5, once=(PEER,))
    work = f"{pairs:.0e} pairs with duplicates, batches of {batch_size:,}"
    yield row(f"{work}: dealt", "M pairs/s", samples, better="more", reach=Reach(times={PEER: 10}), packages=PACKAGES,
              note="an epoch; known positives indexed, the peer's texts hashed before")  # fmt: skip
    batches = [deal.ids for deal in dealer]
    known = cr.Pairs().known_in(table)
    theirs = peer.batches
    yield row(f"{work}: in-batch items that are known positives of another row", "pairs",
              {OURS: [_leaks(batches, queries, items, known)],
               PEER: [_leaks(theirs, queries, items, known)] if theirs else []},
              better=None, reach=Reach(at_most=0))  # fmt: skip
    yield row(f"{work}: pairs dealt twice or never", "pairs",
              {OURS: [_wrong(batches, pairs)], PEER: [_wrong(theirs, pairs)] if theirs else []},
              better=None, reach=Reach(at_most=0))  # fmt: skip
    yield row(f"{work}: batches", "batches", {OURS: [len(batches)], PEER: [len(theirs)] if theirs else []}, better=None,
              reach=Reach(at_most=stage.least_batches(table)), note="the bound: no plan can do with fewer")  # fmt: skip


class _Peer:
    def __init__(self, queries: Int64, items: Int64, batch_size: int) -> None:
        self._columns = queries, items
        self._batch_size = batch_size
        self._sampler: object = None
        self.batches: list[Int64] = []

    def rate(self, epoch: int) -> float:
        import datasets
        from sentence_transformers.base.sampler import NoDuplicatesBatchSampler

        if self._sampler is None:
            datasets.disable_progress_bars()
            anchors, positives = self._columns
            texts = {
                "anchor": [f"q{one}" for one in anchors.tolist()],
                "positive": [f"d{one}" for one in positives.tolist()],
            }
            self._sampler = NoDuplicatesBatchSampler(
                datasets.Dataset.from_dict(texts), self._batch_size, drop_last=False, precompute_hashes=True,
                precompute_num_proc=1,
            )  # fmt: skip
            self._sampler._build_hashes()
        self._sampler.set_epoch(epoch)
        taken: list[list[int]] = []
        rate = _rate(self._columns[0].size, lambda: taken.extend(self._sampler))
        self.batches = [np.array(batch) for batch in taken]
        return rate


def _rate(pairs: int, work: Callable[[], object]) -> float:
    return pairs / seconds(work) / 1e6


def _leaks(batches: list[Int64], queries: Int64, items: Int64, known: cr.KnownPositives) -> int:
    found = 0
    for ids in batches:
        one, two = known.pairs_among(queries[ids], items[ids])
        found += int((one != two).sum())
    return found


def _wrong(batches: list[Int64], pairs: int) -> int:
    counts = np.bincount(np.concatenate(batches), minlength=pairs)
    return int((counts != 1).sum())

"""The nearest items by exact search, in a bounded amount of memory."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from croupier.errors import checked_int
from croupier.kernels.nearest import keep_nearest
from croupier.negatives.embeddings import Float32, checked_embeddings, rows_as_float32, slack_of
from croupier.negatives.search import Nearest, check_same_width

__all__ = ["ExactSearch"]

TILE_ITEMS = 4096
"""Read, or converted, at a time."""
SIDE = 1024
"""Of one matrix product: 4 MB of scores, which are compared while a core still has them at hand."""
QUERIES = 2**14
BYTES_A_CANDIDATE = 64
"""Items and scores kept, and what filters make of them."""


@dataclass(frozen=True, slots=True)
class ExactSearch:
    """Compare every query with every item, tile by tile: nothing to build, nothing missed.

    Parameters
    ----------
    max_bytes : int
        Memory beyond queries, corpus and result: tiles of scores, items read from a file or converted from float16.
        A search that must keep very many items of a query may take more, for 64 queries at a time.

    Guarantees: the same items and scores, bit for bit, whatever ``max_bytes``, the number of threads, BLAS or Numba on
    or off: matrix products only rule items out, by a bound on their error, and the scores of the rest are summed in one
    fixed order. Of equal scores the lower item comes first. Reads the corpus in order, once for 2^14 queries.

    Source: ours. Threshold, then merge, instead of a heap of each row.

    Examples
    --------
    >>> corpus = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    >>> ExactSearch().over(corpus).nearest(corpus[:1], 2).items.tolist()
    [[0, 2]]
    """

    max_bytes: int = 2**28

    def __post_init__(self) -> None:
        max_bytes = checked_int("max_bytes", self.max_bytes, at_least=2**20, fix="pass 2**28 for 256 MB, the default")
        object.__setattr__(self, "max_bytes", max_bytes)

    def over(self, corpus: npt.NDArray[Any]) -> _Over:
        """Ready to search these items."""
        return _Over(corpus, self.max_bytes)


class _Over:
    def __init__(self, corpus: npt.NDArray[Any], max_bytes: int) -> None:
        self._longest = checked_embeddings("corpus", corpus).most
        self._corpus = corpus
        width = corpus.shape[1]
        self._max_bytes = max_bytes
        self._tile_items = min(TILE_ITEMS, max(64, max_bytes // (16 * width)))
        self._side = min(SIDE, max(16, math.isqrt(max_bytes // (16 * _cores()))))

    def queries_at_once(self, count: int) -> int:
        """So many queries at a time fit the memory allowed."""
        bytes_a_query = BYTES_A_CANDIDATE * count + 4 * self._corpus.shape[1]
        return min(QUERIES, max(64, self._max_bytes // (2 * bytes_a_query)))

    def nearest(self, queries: npt.NDArray[Any], count: int) -> Nearest:
        """The best items of each query; -1 and -inf where the corpus has fewer."""
        check_same_width(queries, self._corpus)
        checked_embeddings("queries", queries)
        kept = min(checked_int("count", count, at_least=1, fix="pass how many items to find"), len(self._corpus))
        items = np.full((len(queries), count), -1, np.int64)
        scores = np.full((len(queries), count), -np.inf, np.float32)
        at_once = self.queries_at_once(count)
        _compile(queries.shape[1])
        # One product a core is faster than one for all cores after the other, and none waits for another.
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(_cores()) as pool:
            for begin in range(0, len(queries), at_once):
                some = slice(begin, begin + at_once)
                asked = rows_as_float32(queries, begin, begin + at_once)
                best = Nearest(np.full((len(asked), kept), -1), np.full((len(asked), kept), -np.inf, np.float32))
                self._search(asked, best, pool)
                items[some, :kept], scores[some, :kept] = best
        return Nearest(items, scores)

    def _search(self, queries: Float32, best: Nearest, pool: ThreadPoolExecutor) -> None:
        slack = slack_of(queries, self._longest)
        each = min(self._side, -(-len(queries) // _cores()))
        for first in range(0, len(self._corpus), self._tile_items):
            tile = rows_as_float32(self._corpus, first, first + self._tile_items)

            def search_tile(low: int, tile: Float32 = tile, first: int = first) -> None:
                part = slice(low, low + each)
                asked = queries[part]
                for begin in range(0, len(tile), self._side):
                    items = tile[begin : begin + self._side]
                    keep_nearest(
                        np.dot(asked, items.T), slack[part], asked, items, first + begin, best.scores[part],
                        best.items[part],
                    )  # fmt: skip

            for _ in pool.map(search_tile, range(0, len(queries), each)):
                pass


def _compile(width: int) -> None:
    """Load the kernel before threads do, each for itself."""
    none, nothing = np.empty((0, width), np.float32), np.empty((0, 1), np.float32)
    keep_nearest(nothing, nothing[:, 0].copy(), none, none, 0, nothing, np.empty((0, 1), np.int64))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

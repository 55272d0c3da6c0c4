"""The nearest items by faiss: an optional extra, ``pip install croupier[faiss]``."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.errors import BadArgument, checked_int
from croupier.negatives.embeddings import Float32, checked_embeddings, pair_scores, rows_as_float32, slack_of
from croupier.negatives.search import Nearest, check_same_width

__all__ = ["FlatIndex", "IVFIndex"]

ROWS_AT_ONCE = 2**14
MORE = 8
"""Fetched beyond what is asked, so that nearly always the last bits of a score decide nothing that was not fetched."""
POINTS_A_LIST = 256
"""faiss trains on at most so many."""


@dataclass(frozen=True, slots=True)
class FlatIndex:
    """faiss's exact index. It holds a copy of the corpus in float32.

    Guarantees: the same items and scores, bit for bit, as ``ExactSearch``. faiss says which items may be among the
    best; their scores are summed anew, and more are fetched until none that is missing can matter.

    Examples
    --------
    >>> corpus = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    >>> FlatIndex().over(corpus).nearest(corpus[:1], 2).items.tolist()
    [[0, 2]]
    """

    def over(self, corpus: npt.NDArray[Any]) -> _Over:
        """Ready to search these items."""
        return _Over(corpus, faiss().IndexFlatIP(_width(corpus)))


@dataclass(frozen=True, slots=True)
class IVFIndex:
    """faiss's inverted lists: items in clusters, of which each query looks into a few. It holds a copy of the corpus.

    Parameters
    ----------
    lists : int
        Clusters. The square root of the number of items, or a few times that.
    probes : int
        Clusters that a query looks into; more find more of the nearest items.

    Guarantees: exactly the nearest of the items in those clusters, scores as ``ExactSearch`` has them. The clusters
    come from faiss's own k-means: another version of faiss, or another number of threads, may draw them differently.
    With ``probes == lists`` nothing is missed, and the answer is that of ``ExactSearch``.

    Examples
    --------
    >>> corpus = np.eye(64, dtype=np.float32)
    >>> IVFIndex(lists=1, probes=1).over(corpus).nearest(corpus[5:6], 1).items.tolist()
    [[5]]
    """

    lists: int
    probes: int

    def __post_init__(self) -> None:
        lists = checked_int("lists", self.lists, at_least=1, fix="pass about the square root of the number of items")
        probes = checked_int("probes", self.probes, at_least=1, at_most=lists, fix="pass at most lists; more find more")
        for name, value in (("lists", lists), ("probes", probes)):
            object.__setattr__(self, name, value)  # faiss takes Python's integers alone

    def over(self, corpus: npt.NDArray[Any]) -> _Over:
        """Train on an even sample of the items, and sort all of them in."""
        if len(corpus) < self.lists:
            raise BadArgument("lists", f"be at most the {len(corpus)} items", self.lists, "pass fewer")
        found, width = faiss(), _width(corpus)
        index = found.IndexIVFFlat(found.IndexFlatIP(width), width, self.lists, found.METRIC_INNER_PRODUCT)
        index.cp.min_points_per_centroid = 1  # a warning on standard error otherwise
        sample = np.asarray(corpus[:: max(1, len(corpus) // (self.lists * POINTS_A_LIST))], dtype=np.float32)
        index.train(np.ascontiguousarray(sample))
        index.nprobe = self.probes
        return _Over(corpus, index)


class _Over:
    def __init__(self, corpus: npt.NDArray[Any], index: Any) -> None:
        self._longest = checked_embeddings("corpus", corpus).most
        self._corpus, self._index = corpus, index
        for begin in range(0, len(corpus), ROWS_AT_ONCE):
            index.add(rows_as_float32(corpus, begin, begin + ROWS_AT_ONCE))

    def queries_at_once(self, count: int) -> int:
        """A fixed number."""
        return min(ROWS_AT_ONCE, max(64, 2**22 // count))

    def nearest(self, queries: npt.NDArray[Any], count: int) -> Nearest:
        """The best items of each query; -1 and -inf where fewer are found."""
        check_same_width(queries, self._corpus)
        checked_embeddings("queries", queries)
        count = checked_int("count", count, at_least=1, fix="pass how many items to find")
        best = Nearest(np.full((len(queries), count), -1), np.full((len(queries), count), -np.inf, np.float32))
        at_once = self.queries_at_once(count)
        for begin in range(0, len(queries), at_once):
            rows = np.arange(begin, min(begin + at_once, len(queries)))
            fetched = count + MORE
            while rows.size:
                asked = np.ascontiguousarray(queries[rows], dtype=np.float32)
                is_certain = self._fetch(asked, rows, min(fetched, len(self._corpus)), best)
                rows, fetched = rows[~is_certain], 2 * fetched
        return best

    def _fetch(self, asked: Float32, rows: Int64, fetched: int, best: Nearest) -> npt.NDArray[np.bool_]:
        """Fill the rows of ``best``, and say of which nothing can be missing."""
        estimates, items = self._index.search(asked, fetched)
        of_pair, column = np.nonzero(items >= 0)
        scores = np.full(items.shape, -np.inf, np.float32)
        scores[of_pair, column] = pair_scores(asked, of_pair, self._corpus, items[of_pair, column])
        order = np.lexsort((items, -scores), axis=-1)[:, : best.items.shape[1]]
        found = order.shape[1]
        best.items[rows, :found] = np.take_along_axis(items, order, axis=1)
        best.scores[rows, :found] = np.take_along_axis(scores, order, axis=1)
        is_all = (items[:, -1] < 0) | (fetched == len(self._corpus))
        bound = estimates[:, -1].astype(np.float64) + slack_of(asked, self._longest)
        return is_all | (best.scores[rows, -1] > bound)


def faiss() -> Any:
    """The library, or the error that says how to get it."""
    try:
        return importlib.import_module("faiss")
    except ImportError:
        raise ImportError(
            "FlatIndex and IVFIndex need faiss: pip install croupier[faiss], or use ExactSearch"
        ) from None


def _width(corpus: npt.NDArray[Any]) -> int:
    checked_embeddings("corpus", corpus[:1] if isinstance(corpus, np.ndarray) and corpus.ndim else corpus)
    return corpus.shape[1]

"""How close negatives come to the positives, by scores; and how that was when they were mined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.errors import BadArgument
from croupier.negatives.known_positives import KnownPositives

__all__ = ["Embedded", "ranks_of", "score_differences"]

Float64 = npt.NDArray[np.float64]

CHUNK_ITEMS = 2**14


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of all queries and items by id, whose inner products are scores.

    Parameters
    ----------
    queries : float array of shape (queries, d)
    items : float array of shape (items, d)
        Row i is that of id i; mapped files are read where they are needed. Normalise both for cosines.
    """

    queries: npt.NDArray[Any]
    items: npt.NDArray[Any]

    def __post_init__(self) -> None:
        for name, vectors in (("queries", self.queries), ("items", self.items)):
            if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype.kind != "f":
                what = f"dtype {vectors.dtype} of shape {vectors.shape}" if isinstance(vectors, np.ndarray) else vectors
                raise BadArgument(name, "be a float array of shape (ids, d)", what, "pass vectors.numpy()")
        if self.queries.shape[1] != self.items.shape[1]:
            what = f"{self.queries.shape[1]} and {self.items.shape[1]}"
            raise BadArgument("queries and items", "have vectors of one size", what, "use one model's")

    def check(self, name: str, queries: Int64, items: Int64) -> None:
        """Refuse ids without a vector."""
        for of, ids, vectors in (("queries", queries, self.queries), ("items", items, self.items)):
            if ids.size and int(ids.max()) >= len(vectors):
                raise BadArgument(
                    f"{name}.{of}", f"have a row for each id, up to {int(ids.max())}", f"{len(vectors)} rows",
                    "embed all of them",
                )  # fmt: skip

    def scores(self, queries: Int64, items: Int64) -> Float64:
        """The score of each pair, shape (n,)."""
        return np.einsum("nd,nd->n", self.queries[queries].astype(float), self.items[items].astype(float))


def score_differences(embedded: Embedded, queries: Int64, positives: Int64, negatives: Int64) -> Float64:
    """The positive's score less the negative's, shape (n,).

    Examples
    --------
    >>> embedded = Embedded(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0], [0.5, 1.0]]))
    >>> score_differences(embedded, np.array([0]), np.array([0]), np.array([1])).tolist()
    [0.5]
    """
    return embedded.scores(queries, positives) - embedded.scores(queries, negatives)


def ranks_of(embedded: Embedded, known: KnownPositives, queries: Int64, items: Int64) -> Int64:
    """The rank of each item among all that are no known positive of its query: 1 + those that score higher, shape (n,).

    Takes n x items x d operations, in chunks.

    Examples
    --------
    >>> embedded = Embedded(np.array([[1.0]]), np.array([[4.0], [3.0], [2.0]]))
    >>> known = KnownPositives.of([0], [0])
    >>> ranks_of(embedded, known, np.array([0, 0]), np.array([1, 2])).tolist()
    [1, 2]
    """
    own = embedded.scores(queries, items)
    vectors = embedded.queries[queries].astype(float)
    ranks = np.ones(queries.size, dtype=np.int64)
    for begin in range(0, len(embedded.items), CHUNK_ITEMS):
        chunk = np.arange(begin, min(begin + CHUNK_ITEMS, len(embedded.items)))
        is_higher = vectors @ embedded.items[chunk].astype(float).T > own[:, None]
        is_higher[known.pairs_among(queries, chunk)] = False
        # Sums in another order may differ in the last bit, and would put an item before itself.
        is_higher &= chunk != items[:, None]
        ranks += np.count_nonzero(is_higher, axis=1)
    return ranks

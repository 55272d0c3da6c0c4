"""What a search is: embeddings of items made ready, then asked for the nearest of each query."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.errors import BadArgument

__all__ = ["Nearest", "Search", "Searcher", "check_same_width"]


class Nearest(NamedTuple):
    """The best items of each query, shape (n, count): scores descending, of equal ones the lower item first.

    Where there are fewer, items are -1 and scores -inf. A score is the inner product.
    """

    items: Int64
    scores: npt.NDArray[np.float32]


class Searcher(Protocol):
    """Items made ready to be searched."""

    def queries_at_once(self, count: int) -> int:
        """How many queries are best asked at a time, for so many items each."""
        ...

    def nearest(self, queries: npt.NDArray[Any], count: int) -> Nearest:
        """The ``count`` items of the largest inner product with each row of ``queries``."""
        ...


@runtime_checkable
class Search(Protocol):
    """A way to search, as a frozen value: ``ExactSearch``, ``FlatIndex``, ``IVFIndex``, or one of your own.

    Examples
    --------
    >>> import croupier as cr
    >>> isinstance(cr.ExactSearch(), Search)
    True
    """

    def over(self, corpus: npt.NDArray[Any]) -> Searcher:
        """Ready to search the items 0 .. len(corpus) - 1, from their embeddings."""
        ...


def check_same_width(queries: npt.NDArray[Any], corpus: npt.NDArray[Any]) -> None:
    """Refuse queries and items of different spaces."""
    shape = getattr(queries, "shape", ())
    if len(shape) != 2 or shape[1] != corpus.shape[1]:
        what = f"shape {shape}" if isinstance(queries, np.ndarray) else f"a {type(queries).__name__}"
        raise BadArgument("queries", f"have {corpus.shape[1]} numbers a row, as items have", what, "use one model")

"""Embeddings as searches read them: float32 or float16, in memory or mapped, a few rows at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.errors import BadArgument
from croupier.kernels.inner_products import inner_products

__all__ = [
    "Float32",
    "Lengths",
    "check_unit_length",
    "checked_embeddings",
    "fix_of",
    "pair_scores",
    "rows_as_float32",
    "slack_of",
]

Float32 = npt.NDArray[np.float32]

NUMBERS_AT_ONCE = 2**21
LONGEST = 1e18
"""Products of longer vectors may not fit a float32."""
UNIT_LENGTH_WITHIN = 5e-3
"""What rounding to float16 may do to the length of a vector, with room."""


class Lengths(NamedTuple):
    """Euclidean lengths of the shortest and the longest row, and where the shortest is."""

    least: float
    most: float
    shortest: int
    longest: int


def checked_embeddings(argument: str, vectors: npt.NDArray[Any]) -> Lengths:
    """Read all rows once and refuse what cannot be compared: other types, NaN, numbers without bound.

    Raises
    ------
    BadArgument
        With the number of the first bad row.
    """
    kind = getattr(vectors, "dtype", None)
    is_array = isinstance(vectors, np.ndarray) and not np.ma.isMaskedArray(vectors)
    if not is_array or vectors.ndim != 2 or kind not in (np.float32, np.float16):
        kind_of = type(vectors).__name__
        what = f"{kind_of} of dtype {kind}, shape {vectors.shape}" if is_array else f"a {kind_of}"
        raise BadArgument(
            argument, "be a 2-D float32 or float16 array, or one mapped from a file", what, fix_of(vectors)
        )
    if 0 in vectors.shape:
        raise BadArgument(argument, "have at least one row and one number a row", f"shape {vectors.shape}", "fill it")
    least, most, shortest, longest = np.inf, -1.0, 0, 0
    at_once = max(1, NUMBERS_AT_ONCE // vectors.shape[1])
    for begin in range(0, len(vectors), at_once):
        some = rows_as_float32(vectors, begin, begin + at_once).astype(np.float64)
        lengths = np.sqrt(np.einsum("ij,ij->i", some, some))
        bad = np.flatnonzero(~(lengths < LONGEST))
        if bad.size:
            what = f"length {lengths[bad[0]]:g} in row {begin + bad[0]}"
            raise BadArgument(argument, f"hold finite rows, shorter than {LONGEST:g}", what, "mend the embeddings")
        low, high = int(lengths.argmin()), int(lengths.argmax())
        if lengths[low] < least:
            least, shortest = float(lengths[low]), begin + low
        if lengths[high] > most:
            most, longest = float(lengths[high]), begin + high
    return Lengths(least, most, shortest, longest)


def fix_of(vectors: object) -> str:
    """How to make an array of what is none."""
    return "write .detach().cpu().numpy()" if hasattr(vectors, "detach") else "convert it"


def check_unit_length(argument: str, lengths: Lengths) -> None:
    """Refuse embeddings whose inner products are no cosines."""
    for length, row in ((lengths.least, lengths.shortest), (lengths.most, lengths.longest)):
        if abs(length - 1) > UNIT_LENGTH_WITHIN:
            fix = "leave empty ones out" if length == 0 else "divide each row by its length, or pass cosine=False"
            raise BadArgument(
                argument, "have rows of length 1 where scores are cosines", f"length {length:g} in row {row}", fix
            )


def rows_as_float32(vectors: npt.NDArray[Any], begin: int, end: int) -> Float32:
    """These rows in C order: a view where they are that already, else a copy of them alone."""
    return np.ascontiguousarray(np.asarray(vectors[begin:end]), dtype=np.float32)


def pair_scores(queries: npt.NDArray[Any], rows: Int64, corpus: npt.NDArray[Any], items: Int64) -> Float32:
    """The inner product of query ``rows[i]`` and item ``items[i]``, to the last bit the same in every search."""
    scores = np.empty(rows.size, np.float32)
    at_once = max(1, NUMBERS_AT_ONCE // corpus.shape[1])
    for begin in range(0, rows.size, at_once):
        some = slice(begin, begin + at_once)
        gathered = np.asarray(corpus[items[some]], dtype=np.float32)
        asked, of_pair = np.unique(rows[some], return_inverse=True)
        left = np.ascontiguousarray(queries[asked], dtype=np.float32)
        scores[some] = inner_products(left, of_pair, gathered, np.arange(len(gathered)))
    return scores


def slack_of(queries: Float32, longest: float) -> Float32:
    """How far a float32 matrix product may lie from the inner products, whatever the order of its sums.

    Source: the bound n u / (1 - n u) |x||y| of a sum of n products (Higham, "Accuracy and Stability of Numerical
    Algorithms", 2002, section 3.1), by Cauchy-Schwarz, with room for rounding the result once more and for what
    underflows.
    """
    width = queries.shape[1]
    lengths = np.sqrt(np.einsum("ij,ij->i", queries, queries, dtype=np.float64))
    return ((width + 8) * 2.0**-24 * 1.02 * lengths * longest + width * 2.0**-120).astype(np.float32)

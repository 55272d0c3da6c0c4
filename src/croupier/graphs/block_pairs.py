"""Sort a pool of pairs into blocks by the parts of their heads and tails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from croupier.errors import BadArgument
from croupier.graphs.partition import Partition
from croupier.kernels.grouping import group_rows

__all__ = ["BlockPairs"]

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BlockPairs:
    """Pairs, block by block: those of block (h, t) begin at ``offsets[h * parts + t]``.

    Parameters
    ----------
    heads, tails : integer arrays of shape (n,)
    offsets : int64 array of shape (parts * parts + 1,)
    parts : int

    Guarantees of :meth:`of`: every pair once; within a block in the order they came, so that what was dealt far apart
    stays apart. O(pairs).

    Examples
    --------
    >>> partition = Partition.by_weight([4, 3, 2, 1], parts=2)  # 0 and 3, 1 and 2
    >>> pool = BlockPairs.of([0, 1, 3, 0], [1, 2, 2, 3], partition)
    >>> [values.tolist() for values in pool.block(0, 1)]
    [[0, 3], [1, 2]]
    """

    heads: npt.NDArray[Any]
    tails: npt.NDArray[Any]
    offsets: Int64
    parts: int

    @classmethod
    def of(
        cls, heads: npt.ArrayLike, tails: npt.ArrayLike, partition: Partition, of_tails: Partition | None = None
    ) -> Self:
        """Sort pairs by the parts of their nodes; tails by a partition of their own, if it is given.

        Raises
        ------
        BadArgument
            Lists of different lengths, nodes that a partition does not have, partitions of different numbers of parts.
        """
        first, second = np.asarray(heads), np.asarray(tails)
        by_tails = partition if of_tails is None else of_tails
        if first.shape != second.shape or first.ndim != 1:
            raise BadArgument("tails", f"have a node for each of {first.size} heads", second.shape, "pass pairs")
        if by_tails.parts != partition.parts:
            raise BadArgument(
                "of_tails", f"have {partition.parts} parts, as the heads'", by_tails.parts, "make both with one number"
            )
        head_parts, tail_parts = _parts_of("heads", first, partition), _parts_of("tails", second, by_tails)
        blocks = head_parts.astype(np.int64) * partition.parts + tail_parts
        rows, _ = group_rows(blocks, partition.parts**2)
        offsets = np.zeros(partition.parts**2 + 1, np.int64)
        np.cumsum(np.bincount(blocks, minlength=partition.parts**2), out=offsets[1:])
        return cls(first[rows], second[rows], offsets, partition.parts)

    def block(self, head: int, tail: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """The heads and the tails of a block: parts of the arrays, not copies."""
        here = slice(*self.offsets[head * self.parts + tail :][:2])
        return self.heads[here], self.tails[here]


def _parts_of(name: str, nodes: npt.NDArray[Any], partition: Partition) -> npt.NDArray[np.int32]:
    count = partition.part_of.size
    if nodes.size and (nodes.dtype.kind not in "iu" or nodes.min() < 0 or nodes.max() >= count):
        raise BadArgument(
            name, f"be nodes from 0 to {count - 1}", nodes, "partition the graph that the pairs come from"
        )
    return partition.part_of[nodes.astype(np.int64, copy=False)]

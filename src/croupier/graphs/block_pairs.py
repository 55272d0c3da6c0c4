"""Sort a pool of pairs into blocks by the parts of their heads and tails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from croupier.core.plain_array import plain_array
from croupier.errors import BadArgument, checked_int
from croupier.graphs.graph_checks import whole
from croupier.graphs.partition import Partition
from croupier.kernels.grouping import group_rows

__all__ = ["BlockPairs"]

Int64 = npt.NDArray[np.int64]

MOST_PARTS = 2**12
"""As of a ``BlockSchedule``. Blocks are the square of it: 128 MB of offsets, thrice that while they are made."""


@dataclass(frozen=True, slots=True)
class BlockPairs:
    """Pairs, block by block: those of block (h, t) begin at ``offsets[h * parts + t]``.

    Parameters
    ----------
    heads, tails : integer arrays of shape (n,)
    offsets : int64 array of shape (parts * parts + 1,)
    parts : int
        At most 4096.

    Guarantees of :meth:`of`: every pair once; within a block in the order they came, so that what was dealt far apart
    stays apart. O(pairs + parts^2).

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

    def __post_init__(self) -> None:
        parts = checked_int(
            "parts", self.parts, at_least=1, at_most=MOST_PARTS, fix="pass a small multiple of the workers"
        )
        object.__setattr__(self, "parts", parts)
        arrays = {name: whole(name, getattr(self, name)) for name in ("heads", "tails", "offsets")}
        for name, values in arrays.items():
            object.__setattr__(self, name, values)
        pairs, offsets = arrays["heads"].shape, arrays["offsets"]
        if arrays["tails"].shape != pairs:
            raise BadArgument("tails", f"have shape {pairs} as heads", arrays["tails"].shape, "use BlockPairs.of")
        blocks = self.parts**2
        if (
            offsets.size != blocks + 1
            or offsets[0] != 0
            or offsets[-1] != pairs[0]
            or bool(np.any(offsets[1:] < offsets[:-1]))
        ):
            wanted = f"be {blocks + 1} numbers from 0 to {pairs[0]} that do not decrease"
            raise BadArgument("offsets", wanted, offsets, "use BlockPairs.of")

    @classmethod
    def of(
        cls, heads: npt.ArrayLike, tails: npt.ArrayLike, partition: Partition, of_tails: Partition | None = None
    ) -> Self:
        """Sort pairs by the parts of their nodes; tails by a partition of their own, if it is given.

        Raises
        ------
        BadArgument
            Lists of different lengths, nodes that a partition does not have, partitions of different numbers of parts,
            or of more than 4096: a table of all blocks would be larger than the pairs.
        """
        by_tails = partition if of_tails is None else of_tails
        for name, one in (("partition", partition), ("of_tails", by_tails)):
            if not isinstance(one, Partition):
                raise BadArgument(name, "be a Partition", one, "write Partition.by_weight(graph.degrees, parts)")
        if partition.parts > MOST_PARTS:
            fix = "pass a small multiple of the workers"
            raise BadArgument("partition", f"have at most {MOST_PARTS} parts", partition.parts, fix)
        first, second = plain_array("heads", heads), plain_array("tails", tails)
        if first.shape != second.shape or first.ndim != 1:
            raise BadArgument("tails", f"have a node for each of {first.size} heads", second.shape, "pass pairs")
        if by_tails.parts != partition.parts:
            raise BadArgument(
                "of_tails", f"have {partition.parts} parts, as the heads'", by_tails.parts, "make both with one number"
            )
        head_parts, tail_parts = _parts_of("heads", first, partition), _parts_of("tails", second, by_tails)
        blocks = head_parts.astype(np.int64) * partition.parts + tail_parts
        rows, begins = group_rows(blocks, partition.parts**2)
        offsets = np.zeros(partition.parts**2 + 1, np.int64)
        offsets[1 + blocks[rows[begins[:-1]]]] = np.diff(begins)
        np.cumsum(offsets, out=offsets)
        return cls(first[rows], second[rows], offsets, partition.parts)

    def block(self, head: int, tail: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """The heads and the tails of a block: parts of the arrays, not copies."""
        fix = "pass a block of a BlockSchedule"
        head = checked_int("head", head, at_least=0, at_most=self.parts - 1, fix=fix)
        tail = checked_int("tail", tail, at_least=0, at_most=self.parts - 1, fix=fix)
        here = slice(*self.offsets[head * self.parts + tail :][:2])
        return self.heads[here], self.tails[here]


def _parts_of(name: str, nodes: npt.NDArray[Any], partition: Partition) -> npt.NDArray[np.int32]:
    count = partition.part_of.size
    if nodes.size and (nodes.dtype.kind not in "iu" or nodes.min() < 0 or nodes.max() >= count):
        raise BadArgument(
            name, f"be nodes from 0 to {count - 1}", nodes, "partition the graph that the pairs come from"
        )
    return partition.part_of[nodes.astype(np.int64, copy=False)]

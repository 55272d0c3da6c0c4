"""Deal the nodes of a graph to parts of nearly equal size and nearly equal weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from croupier.core.plain_array import plain_array
from croupier.errors import BadArgument, checked_int
from croupier.graphs.graph_checks import whole

__all__ = ["Partition"]

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Partition:
    """Which part each node belongs to.

    Parameters
    ----------
    part_of : int32 array of shape (nodes,)
        From 0 to below ``parts``. Other integers are converted.
    parts : int

    Examples
    --------
    >>> partition = Partition.by_weight([9, 1, 1, 8, 1, 2], parts=2)
    >>> partition.part_of.tolist(), partition.sums([9, 1, 1, 8, 1, 2]).tolist()
    ([0, 0, 0, 1, 1, 1], [11, 11])
    """

    part_of: npt.NDArray[np.int32]
    parts: int

    def __post_init__(self) -> None:
        parts = checked_int("parts", self.parts, at_least=1, at_most=2**20, fix="pass a small multiple of the workers")
        object.__setattr__(self, "parts", parts)
        part_of = whole("part_of", self.part_of)
        if part_of.size and (part_of.min() < 0 or part_of.max() >= self.parts):
            raise BadArgument(
                "part_of", f"be from 0 to {self.parts - 1}", f"{part_of.min()} to {part_of.max()}",
                "let Partition.by_weight choose",
            )  # fmt: skip
        object.__setattr__(self, "part_of", part_of.astype(np.int32, copy=False))

    @classmethod
    def by_weight(cls, weights: npt.ArrayLike, parts: int) -> Self:
        """Deal nodes in descending order of weight, forth and back over the parts.

        Parameters
        ----------
        weights : array of shape (nodes,)
            The degrees, say: how often each node's row is trained. 0 or more.
        parts : int
            At most as many as nodes.

        Guarantees: sizes of parts differ by at most one, sums of weights by at most the largest weight (proof in
        ``docs/graphs.md``); nodes of equal weight go by their number, so the same weights give the same parts.

        Source: the partition of Zhu et al., "GraphVite" (WWW 2019).
        """
        values = _weights(weights)
        parts = checked_int("parts", parts, at_least=1, at_most=values.size, fix="pass at most one part a node")
        place = np.arange(values.size) % (2 * parts)
        part_of = np.empty(values.size, np.int32)
        part_of[np.argsort(-values, kind="stable")] = np.minimum(place, 2 * parts - 1 - place)
        return cls(part_of, parts)

    def sums(self, weights: npt.ArrayLike) -> npt.NDArray[Any]:
        """The weight of each part, shape (parts,)."""
        values = _weights(weights)
        if values.size != self.part_of.size:
            raise BadArgument("weights", f"be those of {self.part_of.size} nodes", values.size, "pass graph.degrees")
        sums = np.zeros(self.parts, np.int64 if values.dtype.kind in "iu" else np.float64)
        np.add.at(sums, self.part_of, values)
        return sums

    def members(self, part: int) -> Int64:
        """The nodes of a part, ascending."""
        part = checked_int("part", part, at_least=0, at_most=self.parts - 1, fix="pass one of the parts")
        return np.flatnonzero(self.part_of == part)


def _weights(weights: npt.ArrayLike) -> npt.NDArray[Any]:
    values = plain_array("weights", weights)
    if values.ndim != 1 or not values.size or values.dtype.kind not in "iuf":
        raise BadArgument(
            "weights", "be one number a node", f"{values.dtype}, shape {values.shape}", "pass graph.degrees"
        )
    if not (values.min() >= 0 and values.max() < np.inf):
        raise BadArgument("weights", "be finite and >= 0", values.min(), "pass graph.degrees")
    if values.dtype.kind == "f":
        return values
    if values.max() >= 2**63 // values.size:
        raise BadArgument("weights", "sum to less than 2**63", values.max(), "pass graph.degrees")
    return values.astype(np.int64)

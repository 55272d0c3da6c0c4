"""Pad the examples of a batch to one of a few fixed shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch

from croupier.batch.shapes import Shapes
from croupier.core.batches import Int64
from croupier.errors import BadArgument, checked_int, checked_kind
from croupier.kernels.covering import cheapest_cover

__all__ = ["PadToShape", "Padded"]


@dataclass(frozen=True, slots=True)
class Padded:
    """Examples padded to a shape.

    Attributes
    ----------
    tensors : tuple of Tensor of shape (rows, padded length, ...)
        One for each column of lengths.
    lengths : int64 tensor of shape (rows, columns)
        The lengths before padding; 0 in rows that only fill the shape.
    examples : int
        How many of the rows are examples; they come first.
    """

    tensors: tuple[torch.Tensor, ...]
    lengths: torch.Tensor
    examples: int

    def mask(self, column: int = 0) -> torch.Tensor:
        """True where a position holds data, bool of shape (rows, padded length)."""
        last = len(self.tensors) - 1
        column = checked_int("column", column, at_least=0, at_most=last, fix="pass the place of a tensor")
        places = torch.arange(self.tensors[column].shape[1], device=self.lengths.device)
        return places[None, :] < self.lengths[:, column, None]


@dataclass(frozen=True, slots=True)
class PadToShape:
    """A ``collate_fn`` for plans with ``FixedShapes``: every batch has one of the shapes, rows and all.

    An example is a tensor whose first dimension is its length, or a tuple of such tensors, one for each column of the
    shapes. The shape is found from the examples as the stage found it from the table.

    Parameters
    ----------
    shapes : Shapes
    pad_values : tuple of numbers
        What to fill each column's tensor with; 0 where not given.

    Raises
    ------
    BadArgument
        The examples fit no shape, or there are more of them than it has rows: the dataset's lengths are not those of
        the table.

    Examples
    --------
    >>> import croupier as cr
    >>> collate = PadToShape(cr.Shapes(lengths=((4,), (8,)), examples=(3, 2)))
    >>> batch = collate([torch.tensor([1, 2, 3]), torch.tensor([5])])
    >>> batch.tensors[0].tolist()
    [[1, 2, 3, 0], [5, 0, 0, 0], [0, 0, 0, 0]]
    >>> batch.lengths.ravel().tolist(), batch.examples
    ([3, 1, 0], 2)
    """

    shapes: Shapes
    pad_values: tuple[float, ...] = ()
    _order: Int64 = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.shapes, Shapes) or not isinstance(self.pad_values, tuple):
            raise BadArgument("PadToShape", "get Shapes and a tuple", (self.shapes, self.pad_values), "write (0, -100)")
        caps = self.shapes.caps
        object.__setattr__(self, "_order", np.lexsort((*caps.T[::-1], caps.sum(axis=1))))
        if len(self.pad_values) > len(self.shapes.columns):
            raise BadArgument(
                "pad_values",
                f"have at most one for each of {self.shapes.columns}",
                self.pad_values,
                "leave the rest out",
            )

    def __call__(self, examples: Sequence[torch.Tensor] | Sequence[tuple[torch.Tensor, ...]]) -> Padded:
        """Pad."""
        checked_kind("examples", examples, Sequence, fix="pass a list of tensors")
        rows = [_tensors_of(example) for example in examples]
        if not rows:
            raise BadArgument("examples", "be one or more", examples, "skip an empty batch")
        if any(len(row) != len(self.shapes.columns) for row in rows):
            raise BadArgument(
                "examples", f"have a tensor for each of {self.shapes.columns}", len(rows[0]), "see PadToShape"
            )
        lengths = np.array([[tensor.shape[0] for tensor in row] for row in rows], dtype=np.int64)
        longest = lengths.max(axis=0)
        place = int(cheapest_cover(longest[None], self.shapes.caps[self._order])[0])
        shape = int(self._order[min(place, self._order.size - 1)])
        if place == self._order.size or len(rows) > self.shapes.examples[shape]:
            raise BadArgument(
                "examples", "fit one of the shapes", f"{len(rows)} examples of up to {longest.tolist()}",
                "the lengths of the dataset must be those of the table that the plan was made for",
            )  # fmt: skip
        height = self.shapes.examples[shape]
        tensors: list[torch.Tensor] = []
        for column, cap in enumerate(self.shapes.lengths[shape]):
            like = rows[0][column]
            value = self.pad_values[column] if column < len(self.pad_values) else 0
            padded = like.new_full((height, cap, *like.shape[1:]), value)
            for number, row in enumerate(rows):
                padded[number, : row[column].shape[0]] = row[column]
            tensors.append(padded)
        all_lengths = torch.zeros((height, lengths.shape[1]), dtype=torch.int64)
        all_lengths[: len(rows)] = torch.from_numpy(lengths)
        return Padded(tuple(tensors), all_lengths, len(rows))


def _tensors_of(example: Any) -> tuple[torch.Tensor, ...]:
    is_several = isinstance(example, (tuple, list))
    tensors: tuple[Any, ...] = tuple(cast("Sequence[Any]", example)) if is_several else (example,)
    if not all(isinstance(tensor, torch.Tensor) and tensor.ndim for tensor in tensors):
        raise BadArgument(
            "examples", "be tensors with a length, or tuples of them", tensors,
            "keep labels out of it: collate them yourself",
        )  # fmt: skip
    return tensors

"""The one data type: a ragged array of ids, with facts aligned to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from croupier.core.ledger import Ledger
from croupier.core.plain_array import whole_numbers
from croupier.core.policies import Whole
from croupier.errors import BadArgument

__all__ = ["Batches", "Int64"]

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batches:
    """Batch ``b`` is ``indices[offsets[b]:offsets[b + 1]]``.

    Parameters
    ----------
    indices : int64 array of shape (n,)
        Rows of the table in order of use (positions of an epoch before the order has seen them).
    offsets : int64 array of shape (b + 1,)
        ``offsets[0] == 0``, ``offsets[-1] == n``, non-decreasing.
    columns : mapping of name to array of shape (n, ...)
        Facts aligned with ``indices``: length, weight, probability, negatives...
    ledger : Ledger
        What stages dropped, cut or repeated on the way here.
    interchangeable : bool
        The order of the batches carries no intent (they were grouped by length, say), so the split deals them
        in random order.
    whole : Whole
        How far each batch must stay together; the plan sets it from what its stages say.

    Examples
    --------
    >>> batches = Batches.of([3, 1, 2], sizes=[2, 1])
    >>> [batch.tolist() for batch in batches]
    [[3, 1], [2]]
    """

    indices: Int64
    offsets: Int64
    columns: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict[str, npt.NDArray[Any]])
    ledger: Ledger = field(default_factory=Ledger)
    interchangeable: bool = False
    whole: Whole = Whole.NO

    @classmethod
    def of(cls, indices: npt.ArrayLike, sizes: npt.ArrayLike | None = None) -> Self:
        """Batches of the given sizes, or one batch of all."""
        ids = whole_numbers("indices", indices, fix="pass row numbers")
        counts = whole_numbers("sizes", [ids.size] if sizes is None else sizes, fix="give one size a batch")
        if (counts < 0).any() or (counts > ids.size).any() or counts.sum() != ids.size:
            raise BadArgument(
                "sizes", f"be >= 0 and sum to the {ids.size} ids", counts.tolist(), "give one size a batch"
            )
        return cls(ids, np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]))

    def __len__(self) -> int:
        return self.offsets.size - 1

    def __getitem__(self, batch: int) -> Int64:
        if not 0 <= batch < len(self):
            raise IndexError(f"batch {batch} of {len(self)}")
        return self.indices[self.offsets[batch] : self.offsets[batch + 1]]

    @property
    def sizes(self) -> Int64:
        """How many ids each batch holds, shape (b,)."""
        return np.diff(self.offsets)

    def with_columns(self, /, **columns: npt.NDArray[Any]) -> Batches:
        """The same batches with these columns added or replaced."""
        return replace(self, columns={**self.columns, **columns})

    def with_new_columns(self, stage: str, /, **columns: npt.NDArray[Any]) -> Batches:
        """The same batches with these columns added; refused if an earlier stage added one of that name."""
        for name in columns:
            if name in self.columns:
                raise BadArgument(
                    "stages", f"add column {name!r} once", f"{stage!r} adds it again", "leave one of the stages out"
                )
        return self.with_columns(**columns)

    def with_offsets(self, offsets: Int64) -> Batches:
        """The same ids, cut elsewhere."""
        return replace(self, offsets=offsets)

    def with_indices(self, indices: Int64, **columns: npt.NDArray[Any]) -> Batches:
        """The same cuts around other ids (what an order does to positions)."""
        return replace(self, indices=indices, columns={**self.columns, **columns})

    def with_ledger(self, *ledgers: Ledger) -> Batches:
        """The same batches, with these entries added."""
        return replace(self, ledger=sum(ledgers, self.ledger))

    def take(self, rows: Int64, offsets: Int64) -> Batches:
        """Keep these rows (places in ``indices``), in this order, cut at ``offsets``."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return replace(self, indices=self.indices[rows], offsets=offsets, columns=columns)

    def without(self, left_out: npt.NDArray[np.bool_]) -> Batches:
        """The rows where ``left_out`` is False, each in its batch; batches may become empty."""
        kept = np.concatenate([np.zeros(1, np.int64), np.cumsum(~left_out, dtype=np.int64)])
        return self.take(np.flatnonzero(~left_out), kept[self.offsets])

    def take_batches(self, order: Int64) -> Batches:
        """Keep these batches, in this order.

        Examples
        --------
        >>> swapped = Batches.of([3, 1, 2], sizes=[2, 1]).take_batches(np.array([1, 0]))
        >>> [batch.tolist() for batch in swapped]
        [[2], [3, 1]]
        """
        sizes = self.sizes[order]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        shift = self.offsets[:-1][order] - offsets[:-1]
        rows = np.arange(offsets[-1], dtype=np.int64) + np.repeat(shift, sizes)
        return self.take(rows, offsets)

    def fault(self) -> str | None:
        """What is wrong with this ragged array, or None: the invariants every stage must keep."""
        if self.indices.dtype != np.int64 or self.offsets.dtype != np.int64:
            return f"indices and offsets must be int64, got {self.indices.dtype} and {self.offsets.dtype}"
        if self.offsets.size < 1 or self.offsets[0] != 0 or self.offsets[-1] != self.indices.size:
            return "offsets must start at 0 and end at the number of ids"
        if np.any(np.diff(self.offsets) < 0):
            return "offsets must not decrease"
        for name, values in self.columns.items():
            if len(values) != self.indices.size:
                return f"column {name!r} has {len(values)} rows for {self.indices.size} ids"
        return None


def concatenate(parts: Sequence[Batches]) -> Batches:
    """Join batches end to end; every part must carry the same columns."""
    if len(parts) == 1:
        return parts[0]
    ends = np.cumsum([0, *(part.indices.size for part in parts)])
    offsets = [part.offsets[1:] + end for part, end in zip(parts, ends[:-1], strict=True)]
    names = parts[0].columns.keys()
    return Batches(
        indices=np.concatenate([part.indices for part in parts]),
        offsets=np.concatenate([np.zeros(1, np.int64), *offsets]),
        columns={name: np.concatenate([part.columns[name] for part in parts]) for name in names},
        ledger=sum((part.ledger for part in parts), Ledger()),
        interchangeable=any(part.interchangeable for part in parts),
        whole=parts[0].whole,
    )

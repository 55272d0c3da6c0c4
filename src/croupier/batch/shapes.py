"""A small table of padded shapes: how many examples of up to which lengths make a batch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from croupier.batch.length_buckets import fit_bounds
from croupier.batch.rate_outliers import RateOutliers
from croupier.core.batches import Int64
from croupier.core.facts import checked_names
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int, checked_kind, checked_path

if TYPE_CHECKING:
    from os import PathLike

    from croupier.batch.rate_outliers import RateOutliers

__all__ = ["Shapes"]

FORMAT = "croupier shapes 1"


@dataclass(frozen=True, slots=True)
class Shapes:
    """The shapes that batches are padded to: one for each compiled graph, the same in every epoch.

    Parameters
    ----------
    lengths : tuple of tuples of int
        Of each shape, the padded length of each column.
    examples : tuple of int
        Of each shape, how many rows it has.
    columns : tuple of str
        The table's columns that the lengths are of.

    Raises
    ------
    BadArgument
        No shape, a shape without rows, or rows of lengths of different widths.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(length=[3, 5, 40, 60, 64])
    >>> Shapes.within_budget(table, shapes=2, max_tokens=256, multiple_of=8)
    Shapes(lengths=((8,), (64,)), examples=(32, 4), columns=('length',))
    """

    lengths: tuple[tuple[int, ...], ...]
    examples: tuple[int, ...]
    columns: tuple[str, ...] = ("length",)

    def __post_init__(self) -> None:
        for name in ("lengths", "examples", "columns"):
            given: Any = getattr(self, name)
            if not isinstance(given, (tuple, list)):
                raise BadArgument(name, "be a tuple", given, "write Shapes(lengths=((64,),), examples=(32,))")
            values = cast("list[Any]", given)
            if name == "lengths":
                values = [_as_tuple(caps) for caps in values]
            object.__setattr__(self, name, tuple(values))
        checked_names(self.columns, "columns")
        if not self.lengths or len(self.lengths) != len(self.examples):
            raise BadArgument(
                "examples", f"have one number for each of the {len(self.lengths)} lengths (at least one)",
                self.examples, "give each shape its rows",
            )  # fmt: skip
        fix = "give each shape at least one row, or leave it out"
        examples = tuple(checked_int("examples", rows, at_least=1, at_most=2**31, fix=fix) for rows in self.examples)
        object.__setattr__(self, "examples", examples)
        for caps in self.lengths:
            if len(caps) != len(self.columns):
                raise BadArgument("lengths", f"have one for each of {self.columns}", caps, "mend that shape")
        fix = "give padded lengths"
        lengths = tuple(
            tuple(checked_int("lengths", cap, at_least=0, at_most=2**40, fix=fix) for cap in caps)
            for caps in self.lengths
        )
        object.__setattr__(self, "lengths", lengths)

    @classmethod
    def within_budget(
        cls,
        table: Table,
        shapes: int,
        max_tokens: int,
        *,
        length: str | tuple[str, ...] = "length",
        multiple_of: int = 1,
        outliers: RateOutliers | None = None,
    ) -> Self:
        """At most ``shapes`` shapes with the least padding, each with as many rows as a budget of tokens holds.

        Lengths are multiples of ``multiple_of``, and the best among those: the rounding is part of the search.

        Raises
        ------
        BadArgument
            The longest examples do not fit the budget alone.
        """
        shapes = checked_int(
            "shapes", shapes, at_least=1, at_most=2**12, fix="pass how many graphs may be compiled, 8 say"
        )
        max_tokens = checked_int("max_tokens", max_tokens, at_least=1, fix="pass the padded tokens that fit a batch")
        multiple_of = checked_int("multiple_of", multiple_of, at_least=1, fix="pass 1 for no rounding")
        checked_kind("table", table, Table, fix="write Table(length=lengths)")
        if outliers is not None:
            checked_kind("outliers", outliers, RateOutliers, fix="write RateOutliers(max_z_score=4.0)")
        names = checked_names(length)
        bounds = fit_bounds(table, shapes, names, multiple_of, outliers)
        largest = int(bounds.sum(axis=1).max())
        if largest > max_tokens:
            raise BadArgument(
                "max_tokens", f"be >= {largest}, the padded size of the largest shape", max_tokens,
                "raise it, allow more shapes, or leave long rows out of the table",
            )  # fmt: skip
        return cls(
            tuple(tuple(caps) for caps in bounds.tolist()),
            tuple(max_tokens // max(1, size) for size in bounds.sum(axis=1).tolist()),
            names,
        )

    @property
    def caps(self) -> Int64:
        """The lengths as int64 of shape (k, d)."""
        return np.array(self.lengths, dtype=np.int64)

    @property
    def sizes(self) -> Int64:
        """Padded tokens of a batch of each shape, int64 of shape (k,)."""
        return self.caps.sum(axis=1) * np.array(self.examples, dtype=np.int64)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the shapes as a small JSON file."""
        Path(checked_path("path", path)).write_text(
            json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n", encoding="utf-8"
        )

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read shapes that were saved.

        Raises
        ------
        BadArgument
            The file holds no shapes of a known format.
        """
        path = checked_path("path", path)
        try:
            read: Any = json.loads(Path(path).read_text(encoding="utf-8"))
            lengths = tuple(tuple(_whole(cap) for cap in caps) for caps in read["lengths"])
            examples = tuple(_whole(rows) for rows in read["examples"])
            columns = tuple(cast("list[str]", read["columns"]))
            known = read["format"] == FORMAT
        except (ValueError, TypeError, KeyError, RecursionError):
            known, lengths, examples, columns = False, (), (), ()
        if not known:
            raise BadArgument(
                "path", f"be a file of {FORMAT!r}", path, "write one with Shapes.save, or find_batch_sizes"
            )
        return cls(lengths, examples, columns)

    def __str__(self) -> str:
        heads = [*self.columns, "rows", "tokens"]
        lines = [
            [*(f"{cap:,}" for cap in caps), f"{rows:,}", f"{size:,}"]
            for caps, rows, size in zip(self.lengths, self.examples, self.sizes.tolist(), strict=True)
        ]
        widths = [max(len(cell) for cell in column) for column in zip(heads, *lines, strict=True)]
        return "\n".join(
            "  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)) for line in [heads, *lines]
        )


def _as_tuple(caps: Any) -> tuple[Any, ...]:
    return tuple(cast("list[Any]", caps)) if isinstance(caps, (tuple, list)) else (caps,)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value

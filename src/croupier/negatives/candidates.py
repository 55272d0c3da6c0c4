"""What may be drawn as a negative: so many items, how often each, and which of them for which row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.plain_array import plain_array
from croupier.errors import BadArgument, BadTable, checked_int, checked_positive, keep_plain_numbers
from croupier.kernels.elementary import power

__all__ = ["Before", "Candidates", "SameGroup"]

LARGEST_BITS = 1000


@dataclass(frozen=True, slots=True)
class Before:
    """Only candidates that are older than the row: those whose time lies before the row's ``column``.

    Parameters
    ----------
    column : str
        The column of the table that holds the time of each row.
    times : array of shape (items,)
        When each candidate came to be, in the same unit: whole numbers where the rows' are, else floats.
    """

    column: str
    times: npt.NDArray[Any]

    def __post_init__(self) -> None:
        _check_column(self.column)
        object.__setattr__(self, "times", _numbers("times", self.times))


@dataclass(frozen=True, slots=True)
class SameGroup:
    """Only candidates of the row's own group: language, tenant, type of entity.

    Parameters
    ----------
    column : str
        The column of the table that holds the group of each row.
    groups : integer array of shape (items,)
        The group of each candidate.
    """

    column: str
    groups: npt.NDArray[Any]

    def __post_init__(self) -> None:
        _check_column(self.column)
        groups = _numbers("groups", self.groups)
        if groups.dtype.kind not in "biu":
            raise BadArgument("groups", "hold whole numbers", f"dtype {groups.dtype}", "number the groups")
        object.__setattr__(self, "groups", groups)


@dataclass(frozen=True, slots=True)
class Candidates:
    """The items 0 .. items - 1, drawn alike or by weight, all or those that suit the row.

    Parameters
    ----------
    items : int
    weights : array of shape (items,), optional
        Drawn in proportion to these, >= 0; alike by default.
    before : Before, optional
    same_group : SameGroup, optional

    Examples
    --------
    >>> Candidates.by_popularity([0, 1, 16], exponent=0.5).weights.tolist()
    [0.0, 1.0, 4.0]
    """

    items: int
    weights: npt.NDArray[Any] | None = None
    before: Before | None = None
    same_group: SameGroup | None = None

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        items = checked_int("items", self.items, at_least=1, at_most=2**40, fix="pass the number of candidate items")
        object.__setattr__(self, "items", items)
        if self.weights is not None:
            weights = _numbers("weights", self.weights)
            if not bool(np.all(weights >= 0)) or not bool(np.any(weights > 0)):
                raise BadArgument("weights", "be >= 0 and not all 0", weights, "give every item its weight")
            object.__setattr__(self, "weights", weights)
        for argument, kind, value in (("before", Before, self.before), ("same_group", SameGroup, self.same_group)):
            if value is not None and not isinstance(value, kind):
                raise BadArgument(argument, f"be a {kind.__name__}", value, f'pass {kind.__name__}("column", values)')
        facts = {
            "weights": self.weights,
            "before.times": None if self.before is None else self.before.times,
            "same_group.groups": None if self.same_group is None else self.same_group.groups,
        }
        for argument, values in facts.items():
            if values is not None and values.size != self.items:
                raise BadArgument(argument, f"have one value for each of {self.items} items", values.size, "mend it")

    @classmethod
    def by_popularity(
        cls,
        counts: npt.ArrayLike,
        exponent: float = 0.75,
        *,
        before: Before | None = None,
        same_group: SameGroup | None = None,
    ) -> Self:
        """Items drawn in proportion to how often each occurs, to a power; those that never occur are never drawn.

        Source: exponent 3/4 as in Mikolov and others, "Distributed representations of words and phrases and their
        compositionality", 2013, section 2.2.
        """
        above = checked_positive("exponent", exponent, fix="pass 0.75, or 1 for popularity itself")
        times = _numbers("counts", counts).astype(np.float64)
        if not bool(np.all(times >= 0)) or not bool(np.any(times > 0)):
            raise BadArgument("counts", "be >= 0 and not all 0", times, "count each item in the training data")
        weights = np.zeros(times.size)
        if above * np.log2(max(2.0, times.max())) >= LARGEST_BITS:
            what = f"{exponent} for {times.max():g}"
            raise BadArgument("exponent", f"keep every weight below 2**{LARGEST_BITS}", what, "pass 0.75, or 1")
        weights[times > 0] = power(times[times > 0], above)
        return cls(times.size, weights, before, same_group)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table that say which candidates suit a row."""
        return tuple(condition.column for condition in (self.same_group, self.before) if condition is not None)


class Arranged:
    """Candidates in an order in which those that suit a row lie side by side: by group, then by time.

    Attributes
    ----------
    order : int64 array of shape (items,) or (0,)
        The item at each place; empty where items are in their own order.
    """

    def __init__(self, candidates: Candidates) -> None:
        self.items = candidates.items
        self.order = np.empty(0, np.int64)
        self._groups = self._times = self._keys = np.empty(0, np.int64)
        same_group, before = candidates.same_group, candidates.before
        self._group_column = None if same_group is None else same_group.column
        self._time_column = None if before is None else before.column
        keys = [condition for condition in (before and before.times, same_group and same_group.groups)
                if condition is not None]  # fmt: skip
        if not keys:
            return
        self.order = np.lexsort(keys)
        if same_group is not None:
            self._groups = same_group.groups[self.order]
        if before is not None:
            self._times = np.unique(before.times)
            rank = np.searchsorted(self._times, before.times[self.order])
            if same_group is not None:
                _, group = np.unique(self._groups, return_inverse=True)
                rank = group * (self._times.size + 1) + rank
            self._keys = rank

    def places_of(self, items: Int64) -> Int64:
        """Where in the order each item lies."""
        if self.order.size == 0:
            return items
        places = np.empty(self.items, dtype=np.int64)
        places[self.order] = np.arange(self.items)
        return places[items]

    def stretch_of(self, facts: Mapping[str, npt.NDArray[Any]]) -> tuple[Int64, Int64]:
        """The places [begin, end) of the candidates that suit each row, from the row's facts by column."""
        time = None
        if self._time_column is not None:
            time = np.searchsorted(self._times, _like(self._times, self._time_column, facts[self._time_column]))
        if self._group_column is None:
            end = np.searchsorted(self._keys, np.zeros(1) if time is None else time)
            return np.zeros(end.size, np.int64), end
        group = _like(self._groups, self._group_column, facts[self._group_column])
        begin = np.searchsorted(self._groups, group, side="left")
        end = np.searchsorted(self._groups, group, side="right")
        if time is not None:
            names = np.unique(self._groups)
            number = np.minimum(np.searchsorted(names, group), names.size - 1)
            key = number * (self._times.size + 1) + time
            end = np.where(end > begin, np.searchsorted(self._keys, key), begin)
        return begin, end


def _check_column(column: object) -> None:
    if not isinstance(column, str):
        raise BadArgument("column", "be a column's name", column, 'pass "time", say')


def _numbers(argument: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    numbers = plain_array(argument, values)
    if numbers.ndim != 1 or numbers.size == 0 or numbers.dtype.kind not in "biuf":
        what = f"dtype {numbers.dtype} of shape {numbers.shape}"
        raise BadArgument(argument, "hold one number an item", what, "pass a list of numbers")
    if numbers.dtype.kind == "f" and not bool(np.all(np.isfinite(numbers))):
        bad = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise BadArgument(argument, "be finite", f"{numbers[bad]} for item {bad}", "mend the numbers")
    return _widened(argument, numbers)


def _widened(argument: str, numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """int64 or float64, so that no comparison goes by way of rounded numbers."""
    if numbers.dtype.kind == "f":
        return numbers.astype(np.float64)
    if numbers.dtype.kind == "u" and numbers.size and int(numbers.max()) >= 2**63:
        raise BadArgument(argument, "be below 2**63", int(numbers.max()), "give them in a larger unit")
    return numbers.astype(np.int64)


def _like(own: npt.NDArray[Any], column: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What the rows say, of the candidates' kind."""
    if values.ndim != 1 or values.dtype.kind not in "biuf" or (values.dtype.kind == "f") != (own.dtype.kind == "f"):
        wanted = "floats" if own.dtype.kind == "f" else "whole numbers"
        what = f"dtype {values.dtype} of shape {values.shape}"
        raise BadTable(
            column, f"hold one number a row, {wanted} as the candidates' are", what, "convert one of the two"
        )
    if values.dtype.kind == "f" and not bool(np.all(np.isfinite(values))):
        bad = int(np.flatnonzero(~np.isfinite(values))[0])
        raise BadTable(
            column, "be finite", f"{values[bad]} in row {bad} of those drawn for", "mend or leave out the row"
        )
    return _widened(column, values)

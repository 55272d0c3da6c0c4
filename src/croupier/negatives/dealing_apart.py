"""Deal rows that conflict to as few batches as are found in a few times the time that one try takes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from croupier.core.batches import Int64
from croupier.kernels.blocking import Blocking, blocking_lists
from croupier.kernels.conflict_free import deal_conflict_free
from croupier.kernels.conflicts import Conflicts
from croupier.kernels.levelling import fill_conflict_free

__all__ = ["deal_apart", "parts_for_memory"]

MOST_BYTES = 2**27
"""What the bits of the steps take at first, for rows that are dealt at a time; at most twice that in later tries."""
WORTH_A_TRY = 64
"""Tries go on until no more than one step in so many could be saved."""


class _Rows(NamedTuple):
    """Those that conflict, in the turn in which they are dealt, and what they block."""

    turn: Int64
    conflicts: Conflicts
    lists: Blocking
    capacity: int

    @classmethod
    def of(cls, conflicts: Conflicts, capacity: int) -> _Rows:
        numbers = (conflicts.queries, *conflicts.items.T)
        conflicting = np.flatnonzero(np.logical_or.reduce([column >= 0 for column in numbers]))
        octaves = np.append(np.frexp(conflicts.counts.astype(np.float64))[1], 0).astype(np.int8)
        frequency = np.maximum.reduce([octaves[column[conflicting]] for column in numbers])
        # Twice as frequent goes first; among equals the order stays.
        turn = conflicting[np.argsort(-frequency, kind="stable")]
        return cls(turn, conflicts, blocking_lists(conflicts), capacity)

    @property
    def most_steps(self) -> int:
        """So many steps have bits of ``MOST_BYTES`` at most."""
        return 64 * max(1, MOST_BYTES // (8 * max(1, self.lists.bits)))

    def dealt(self, steps: int) -> Int64:
        """The step of each row, -1 for one without room."""
        return self._dealt(self.turn, steps, in_place=True)

    def opened(self, dealt: Int64, steps: int) -> tuple[Int64, int]:
        """The same, with further steps for rows without room: each goes to the first that takes it."""
        dealt = dealt.copy()
        left, tried = self.turn[dealt[self.turn] < 0], 64
        while left.size:
            further = self._dealt(left, tried, in_place=False)[left]
            dealt[left[further >= 0]] = steps + further[further >= 0]
            steps += int(further.max()) + 1
            left, tried = left[further < 0], min(2 * tried, self.most_steps)
        return dealt, steps

    def filled(self, dealt: Int64, sizes: Int64, least: int) -> tuple[Int64, Int64]:
        """The same and how many rows each step has, where rows have moved to steps of fewer than ``least``."""
        wanting = np.flatnonzero(sizes < least)
        for first in range(0, wanting.size, self.most_steps):
            some = wanting[first : first + self.most_steps]
            queries, items = self.conflicts.queries, self.conflicts.items
            dealt = fill_conflict_free(self.turn, queries, items, self.lists, some, least, dealt)
        return dealt, np.bincount(dealt, minlength=sizes.size) if wanting.size else sizes

    def _dealt(self, order: Int64, steps: int, *, in_place: bool) -> Int64:
        queries, items = self.conflicts.queries, self.conflicts.items
        return deal_conflict_free(order, queries, items, self.lists, steps, self.capacity, in_place=in_place)


def deal_apart(
    conflicts: Conflicts, least_steps: int, capacity: int, lanes: int, *, leaves_out: bool
) -> tuple[Int64, Int64]:
    """The step of each row, -1 for one left out, and how many rows each step has.

    Rows that conflict are dealt first, those of frequent queries and items before the rest; the others fill up. Where
    steps could not all be full anyway, rows then move to make them alike as far as conflicts allow.

    Parameters
    ----------
    conflicts : Conflicts
    least_steps : int
        No fewer can do.
    capacity, lanes : int
        How many rows a step holds; and how many it should have at least, if conflicts allow it.
    leaves_out : bool
        Deal to ``least_steps``, and leave out what finds no room there.
    """
    rows = _Rows.of(conflicts, capacity)
    dealt, steps = rows.dealt(least_steps), least_steps
    if not leaves_out:
        dealt, steps = _in_few_steps(rows, dealt, least_steps)
    free = np.ones(dealt.size, dtype=np.bool_)
    free[rows.turn] = False
    sizes = np.bincount(dealt[dealt >= 0], minlength=steps)
    rest = dealt.size - capacity * np.arange(steps)
    are_full = int(rest[-1]) > 0 and (leaves_out or int(rest[-1]) >= lanes)
    room = np.maximum(np.minimum(rest, capacity) - sizes, 0) if are_full else _levelling(sizes, int(free.sum()))
    dealt[free] = np.repeat(np.arange(steps), room)[: int(free.sum())]
    sizes = np.bincount(dealt[dealt >= 0], minlength=steps)
    if not leaves_out:
        for least in (lanes,) if are_full else (lanes, dealt.size // steps // 2, dealt.size // steps):
            dealt, sizes = rows.filled(dealt, sizes, least)
    return dealt, sizes


def parts_for_memory(steps: int, numbers: int) -> int:
    """Into how many parts rows are cut so that the bits of the steps of each part take ``MOST_BYTES`` at most.

    A part has as many fewer steps as it has fewer rows, and so many fewer queries and items too.
    """
    taken = (steps + 63) // 64 * 8 * numbers
    return int(np.ceil(np.sqrt(max(1.0, taken / MOST_BYTES))))


def _in_few_steps(rows: _Rows, dealt: Int64, least_steps: int) -> tuple[Int64, int]:
    """Halve what lies between a number of steps that leaves rows over and one that does not."""
    best, most = rows.opened(dealt, least_steps)
    low, high = least_steps, 2 * rows.most_steps
    while most - low > 1 + low // WORTH_A_TRY and low < high:
        middle = min((low + most) // 2, high)
        dealt, steps = rows.opened(rows.dealt(middle), middle)
        if steps < most:
            best, most = dealt, steps
        if steps > middle:
            low = middle
    return best, most


def _levelling(sizes: Int64, more: int) -> Int64:
    """How many of ``more`` rows each step gets, so that the least of them have as many as can be."""
    ascending = np.sort(sizes)
    needed = ascending * np.arange(1, sizes.size + 1) - np.cumsum(ascending)
    below = int(np.searchsorted(needed, more, side="right"))
    level, rest = divmod(more - int(needed[below - 1]), below)
    room = np.maximum(ascending[below - 1] + level - sizes, 0)
    room[np.flatnonzero(sizes <= ascending[below - 1])[:rest]] += 1
    return room

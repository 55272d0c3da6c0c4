"""What was dealt, and when: asked of the plan, not of a log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.cursor import Cursor
from croupier.core.ledger import Ledger
from croupier.core.plain_array import whole_numbers
from croupier.core.policies import FewIds, Tail
from croupier.core.progress import with_progress
from croupier.errors import BadArgument, NoInverse, checked_kind
from croupier.run.program import Program
from croupier.run.walk import walk

__all__ = ["Skip", "checked_ids", "dealt_before", "pass_over", "place_of", "skips_before", "with_skip"]

Place = tuple[int, int, int]
"""Epoch, segment, and ids of the segment's flat order before it."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A stretch of the flat order that was passed over on request."""

    start: Place
    stop: Place

    def within(self, epoch: int, segment: int, size: int) -> slice:
        """The part of a segment's flat order that was passed over."""
        here = (epoch, segment)
        low = 0 if self.start[:2] < here else self.start[2] if self.start[:2] == here else size
        high = size if here < self.stop[:2] else self.stop[2] if self.stop[:2] == here else 0
        return slice(low, max(low, high))


def place_of(cursor: Cursor) -> Place:
    """Where in the flat order a run stands."""
    return cursor.epoch, cursor.segment, cursor.consumed


def with_skip(skips: tuple[Skip, ...], skip: Skip) -> tuple[Skip, ...]:
    """With a further stretch; one that begins where the last ended makes it longer."""
    if skips and skips[-1].stop == skip.start:
        return (*skips[:-1], Skip(skips[-1].start, skip.stop))
    return (*skips, skip)


def skips_before(skips: tuple[Skip, ...], place: Place) -> tuple[Skip, ...]:
    """Those that a pass which begins at a place leaves: what it comes to again it deals.

    Examples
    --------
    >>> skips_before((Skip((0, 0, 4), (0, 0, 8)), Skip((0, 1, 2), (0, 1, 6))), (0, 1, 0))
    (Skip(start=(0, 0, 4), stop=(0, 0, 8)),)
    """
    return tuple(skip for skip in skips if skip.start < place)


def pass_over(program: Program, cursor: Cursor, world_size: int, steps: int) -> tuple[Cursor, Ledger]:
    """Where a run stands after so many steps that it does not deal, and the entry for their ids."""
    if program.memory.learns:
        raise BadArgument(
            "plan", "not learn, for steps to be skipped", "one that learns", "deal them at learning rate 0"
        )
    after, left = cursor, steps
    for step in islice(walk(program, cursor, world_size, program.segment), steps):
        after, left = step.cursor, left - 1
    if left:
        raise BadArgument(
            "steps", f"be at most the {steps - left} left in epoch {cursor.epoch}", steps, "go on with the next epoch"
        )
    samples, tokens = after.samples - cursor.samples, after.tokens - cursor.tokens
    after = replace(after, samples=cursor.samples, tokens=cursor.tokens, steps=cursor.steps)
    return after, Ledger.of("run", "skipped on request", samples, tokens)


def checked_ids(ids: npt.ArrayLike, rows: int) -> Int64:
    """Row numbers as int64, or a refusal."""
    rule, fix = f"be a list of rows of the table, 0 to {rows - 1}", "pass row numbers"
    given = whole_numbers("ids", ids, rule=rule, fix=fix)
    if given.size and not 0 <= given.min() <= given.max() < rows:
        raise BadArgument("ids", rule, ids, fix)
    return given


def dealt_before(
    program: Program, ids: Int64, cursor: Cursor, skipped: tuple[Skip, ...], *, has_grown: bool
) -> npt.NDArray[np.bool_]:
    """Whether each id was dealt before a run stood at the cursor.

    An order with an inverse says in which segments to look, and only these are planned. For any other order all
    segments up to the cursor are planned again; where weights were learned on the way that cannot be done.
    """
    checked_kind("cursor", cursor, Cursor, fix="pass dealer.cursor")
    if program.memory.learns and place_of(cursor) > (0, 0, 0):
        raise BadArgument(
            "plan", "not learn, for what was dealt to be computed", "one that learns", "keep the ids of your deals"
        )
    if has_grown and cursor.epoch:
        raise BadArgument("table", "not have grown, for what was dealt to be computed", "a grown table", "keep a log")
    if getattr(program.split, "few_ids", None) is FewIds.DROP and cursor.epoch:
        raise BadArgument(
            "split", "not drop the last ids of epochs, for what was dealt to be computed", program.split,
            "keep the ids of your deals: which were dropped depends on the ranks of that epoch",
        )  # fmt: skip
    seen = np.zeros(ids.size, dtype=np.bool_)
    for epoch in range(cursor.epoch + 1):
        wanted = np.flatnonzero(~seen)
        if not wanted.size:
            break
        for number in _segments_to_look_in(program, ids[wanted], epoch, cursor, skipped):
            flat = _dealt_in(program, epoch, number, cursor, skipped)
            seen[wanted] |= np.isin(ids[wanted], flat)
    return seen


def _segments_to_look_in(
    program: Program, ids: Int64, epoch: int, cursor: Cursor, skipped: tuple[Skip, ...]
) -> Iterator[int]:
    last = program.epochs.segments(epoch) - 1
    until = min(last, cursor.segment) if epoch == cursor.epoch else last
    found = range(until + 1)
    # Carried ids belong to another epoch's order than the one that deals them; of an id that comes twice, the first
    # time may have been skipped.
    is_plain = program.epochs.tail is not Tail.CARRY and not any(s.start[0] <= epoch <= s.stop[0] for s in skipped)
    if is_plain:
        with suppress(NoInverse):
            positions = program.position_of(ids, epoch)
            numbers = np.minimum(positions[positions >= 0] // program.epochs.window, last)
            found = np.unique(numbers[numbers <= until]).tolist()
    return with_progress(found, len(found), f"planning epoch {epoch} again")


def _dealt_in(program: Program, epoch: int, number: int, cursor: Cursor, skipped: tuple[Skip, ...]) -> Int64:
    """The ids of a segment that were dealt before the cursor."""
    flat = program.segment(epoch, number).batches.indices
    is_dealt = np.ones(flat.size, dtype=np.bool_)
    for skip in skipped:
        is_dealt[skip.within(epoch, number, flat.size)] = False
    if (epoch, number) == (cursor.epoch, cursor.segment):
        is_dealt[cursor.consumed :] = False
    return flat[is_dealt]

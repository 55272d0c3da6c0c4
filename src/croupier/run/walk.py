"""Walk the flat order of an epoch in steps of some number of ranks, from any cursor."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from croupier.core.batches import Batches, Int64, concatenate
from croupier.core.cursor import Cursor
from croupier.core.ledger import Ledger
from croupier.core.policies import Tail, Whole
from croupier.core.split import Split
from croupier.errors import BadArgument, TooFewIds
from croupier.run.program import Program, Segment
from croupier.run.wholeness import stages_that_may_part_steps

__all__ = ["Span", "Step", "check_end", "even_end", "spans_of", "walk"]


class Span(NamedTuple):
    """A batch of the flat order: ids ``low`` to ``high`` of a segment."""

    segment: Segment
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Step:
    """What all ranks deal together: batches of the flat order, and the cursor after them."""

    batches: Batches
    cursor: Cursor
    ledger: Ledger
    """What happened to ids since the step before."""
    spans: list[Span]

    @property
    def split(self) -> Split:
        """What cuts it into shares: that of the segment in which it begins."""
        return self.spans[0].segment.split

    @property
    def places(self) -> Int64:
        """Where in its segment's flat order each id stands."""
        return np.concatenate([np.arange(span.low, span.high) for span in self.spans])

    @property
    def segment_numbers(self) -> Int64:
        """The segment of the epoch that each id belongs to: a step may begin in one and end in the next."""
        return np.repeat([span.segment.number for span in self.spans], [span.high - span.low for span in self.spans])


def walk(
    program: Program, cursor: Cursor, world_size: int, segment_at: Callable[[int, int], Segment]
) -> Generator[Step, None, Ledger]:
    """The steps of the cursor's epoch that are still to be dealt.

    With the world size of the cursor they are bit for bit those of the walk it was taken from. With another, the same
    ids follow in the same order; the first step of the new size begins where the cursor stands, and that place (the
    anchor) is remembered, because the cut of the last batches depends on it. ``segment_at`` plans a segment of an
    epoch: ``program.segment``, or that with feedback applied first. Returns the ledger of what no step followed.
    """
    if cursor.world_size != world_size:
        cursor = replace(cursor, world_size=world_size, anchor=cursor.consumed)
    epoch, last = cursor.epoch, program.epochs.segments(cursor.epoch) - 1
    per_step = program.split.batches_per_step(world_size)
    waiting: list[Span] = []
    ledger = Ledger()
    for number in range(cursor.segment, last + 1):
        segment = segment_at(epoch, number)
        if not (number == cursor.segment and cursor.consumed):
            ledger += segment.batches.ledger
        begin = cursor.anchor if number == cursor.segment else 0
        fresh = spans_of(segment, begin)
        dropped = 0
        if number == last:
            waiting, fresh, dropped = even_end(program, waiting, fresh, world_size)
        spans = waiting + [span for span in fresh if number != cursor.segment or span.high > cursor.consumed]
        full = len(spans) - len(spans) % per_step
        end = full if number < last else len(spans)
        for first in range(0, end, per_step):
            step = spans[first : first + per_step]
            cursor = _moved(cursor, step)
            if number == last and first + per_step >= end:
                cursor = cursor.at_epoch(epoch + 1)
                ledger += Ledger.of("split", "left out: fewer than ranks", dropped)
            yield Step(_joined(step), cursor, ledger, step)
            ledger = Ledger()
        waiting = spans[full:]
        if number == last and end == 0:
            ledger += Ledger.of("split", "left out: fewer than ranks", dropped)
    return ledger


def check_end(program: Program, world_size: int, cursor: Cursor | None = None) -> None:
    """Refuse now what would be refused at the end of an epoch, or by the first batches that must stay whole."""
    whole, shares_batches = program.whole, program.split.batches_per_step(2) == 1
    if (whole in (Whole.CUT_ONLY, Whole.ON_A_RANK) and shares_batches) or (
        whole is Whole.IN_A_STEP and not shares_batches and world_size > 1
    ):
        raise BadArgument(
            "split", f"keep batches whole {whole.value}, as the plan asks", type(program.split).__name__,
            "choose Lockstep()" if shares_batches else "choose Balanced()",
        )  # fmt: skip
    if whole is Whole.WITH_ITS_LANES and not shares_batches and program.lanes % world_size:
        raise BadArgument(
            "world_size", f"divide the {program.lanes} lanes, as a plan of batches that stay with their lanes asks",
            world_size, "choose such a number, Lockstep(lanes=...) when the run begins, or Balanced()",
        )  # fmt: skip
    if whole is Whole.WITH_ITS_LANES and not shares_batches and cursor is not None:
        offsets = program.segment(cursor.epoch, cursor.segment).batches.offsets
        dealt = int(np.searchsorted(offsets, cursor.consumed)) % program.lanes
        if dealt % world_size:
            raise BadArgument(
                "world_size", f"divide the {dealt} batches that were dealt of {program.lanes} lanes", world_size,
                "save where all lanes have been dealt, or go on with fewer ranks until then",
            )  # fmt: skip
    if cursor is not None and cursor.world_size != world_size:
        _check_rest(program, world_size, cursor)
    start, stop = program.epochs.bounds(0)
    if stop - start < world_size:
        program.split.recut(np.array([stop - start]), world_size, whole)
    elif program.epochs.batch_size == 1 and program.epochs.tail is Tail.SHORT:
        program.split.recut(np.ones(world_size + (stop - start) % world_size, np.int64), world_size, whole)
    elif whole is Whole.ON_A_RANK and program.epochs.batch_size:
        batches = (stop - start) // program.epochs.batch_size
        sizes = np.full(world_size + batches % world_size, program.epochs.batch_size)
        program.split.recut(sizes, world_size, whole)
    if whole in (Whole.ON_A_RANK, Whole.IN_A_STEP) or stages_that_may_part_steps(program.plan, program.lanes):
        program.segment(0, 0)  # shows whether another stage regroups what must stay whole


def _check_rest(program: Program, world_size: int, cursor: Cursor) -> None:
    """Refuse more ranks than ids are left of an epoch, where its last ids may neither be padded nor dropped."""
    start, stop = program.epochs.bounds(cursor.epoch)
    left = stop - start - cursor.segment * program.epochs.window - cursor.consumed
    if not 0 < left < world_size:
        return
    try:
        program.split.recut(np.array([left]), world_size, program.whole)
    except TooFewIds:
        raise TooFewIds(
            f"{left} ids are left of epoch {cursor.epoch}, fewer than the {world_size} ranks; go on with at most {left}"
            f" ranks until its end, or load with few_ids=FewIds.PAD in its {type(program.split).__name__} and"
            " accept=['run.split.few_ids']"
        ) from None


def even_end(
    program: Program, waiting: list[Span], fresh: list[Span], world_size: int
) -> tuple[list[Span], list[Span], int]:
    """Cut the last batches of an epoch so that the ranks get equal counts.

    The step that began in earlier segments is filled up first, so that the cut depends on what follows an anchor alone
    and a run resumed in the last segment cuts alike.
    """
    per_step = program.split.batches_per_step(world_size)
    needed = (per_step - len(waiting)) % per_step
    if len(waiting) > 0 and needed <= len(fresh):
        waiting, fresh = waiting + fresh[:needed], fresh[needed:]
    else:
        waiting, fresh = [], waiting + fresh
    fresh, dropped = _recut(program, fresh, world_size)
    return waiting, fresh, dropped


def spans_of(segment: Segment, begin: int) -> list[Span]:
    """The batches of a segment from a place on; the first is cut there if the place lies within it."""
    offsets = segment.batches.offsets
    cuts = [begin, *offsets[offsets > begin].tolist()] if begin else offsets.tolist()
    return [Span(segment, low, high) for low, high in pairwise(cuts)]


def _recut(program: Program, spans: list[Span], world_size: int) -> tuple[list[Span], int]:
    sizes = np.array([span.high - span.low for span in spans], dtype=np.int64)
    recut = program.split.recut(sizes, world_size, program.whole)
    if np.array_equal(recut.sizes, sizes):
        return spans, 0
    # New sizes keep the ids in place, so each new batch lies in one run of ids of one segment.
    pieces: list[Span] = []
    source = iter(spans)
    segment, place, end = spans[0].segment, spans[0].low, spans[0].low
    for size in recut.sizes.tolist():
        if place == end:
            span = next(source)
            segment, place, end = span.segment, span.low, span.high
        while place + size > end:
            span = next(source)
            end = span.high
        pieces.append(Span(segment, place, place + size))
        place += size
    return pieces, recut.dropped_ids


def _joined(step: list[Span]) -> Batches:
    parts: list[Batches] = []
    first = 0
    while first < len(step):
        after = first + 1
        while after < len(step) and step[after].segment is step[first].segment:
            after += 1
        planned, low, high = step[first].segment.batches, step[first].low, step[after - 1].high
        offsets = np.array([0, *(span.high - low for span in step[first:after])], dtype=np.int64)
        columns = {name: values[low:high] for name, values in planned.columns.items()}
        parts.append(Batches(planned.indices[low:high], offsets, columns, whole=planned.whole))
        first = after
    return concatenate(parts)


def _moved(cursor: Cursor, step: list[Span]) -> Cursor:
    samples = tokens = 0
    first = step[0]
    for span, following in zip(step, [*step[1:], None], strict=True):
        # Spans of one segment lie end to end, so only their first and last place matter.
        if following is None or following.segment is not span.segment:
            samples += span.high - first.low
            tokens += int(span.segment.tokens_before[span.high] - span.segment.tokens_before[first.low])
            first = following or first
    end = step[-1]
    anchor = cursor.anchor
    if end.segment.number != cursor.segment:
        # The first step boundary in the segment entered: its start, unless the step began in the one before.
        anchor = 0 if step[0].segment is end.segment else end.high
    return Cursor(
        epoch=cursor.epoch,
        segment=end.segment.number,
        consumed=end.high,
        anchor=anchor,
        world_size=cursor.world_size,
        samples=cursor.samples + samples,
        tokens=cursor.tokens + tokens,
        steps=cursor.steps + 1,
        epoch_steps=cursor.epoch_steps + 1,
    )

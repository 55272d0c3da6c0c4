"""How many steps and batches an epoch has, without dealing it."""

from __future__ import annotations

from dataclasses import replace

from croupier.core.cursor import Cursor
from croupier.core.progress import with_progress
from croupier.run.program import Program
from croupier.run.walk import Span, even_end, spans_of, walk

__all__ = ["count_batches", "count_steps"]


def count_steps(program: Program, cursor: Cursor, world_size: int) -> int:
    """Steps of the whole epoch: those dealt up to the cursor and those still to come."""
    if cursor.world_size != world_size:
        cursor = replace(cursor, world_size=world_size, anchor=cursor.consumed)
    epoch, last = cursor.epoch, program.epochs.segments(cursor.epoch) - 1
    per_step = program.split.batches_per_step(world_size)
    counts = list(with_progress(program.batch_counts(epoch), last + 1, "counting the batches of an epoch"))
    waiting: list[Span] = []
    dealt = 0
    if cursor.segment < last:
        first = spans_of(program.segment(epoch, cursor.segment), cursor.anchor)
        dealt = sum(span.high <= cursor.consumed for span in first)
        left_over = (len(first) + sum(counts[cursor.segment + 1 : last])) % per_step
        # Fewer batches in a segment than a step takes: the last segments are looked at one by one.
        number = last - 1
        while len(waiting) < left_over:
            begin = cursor.anchor if number == cursor.segment else 0
            waiting = spans_of(program.segment(epoch, number), begin) + waiting
            number -= 1
        waiting = waiting[len(waiting) - left_over :]
        before = len(first) + sum(counts[cursor.segment + 1 : last]) - left_over - dealt
        fresh = spans_of(program.segment(epoch, last), 0)
        waiting, fresh, _ = even_end(program, waiting, fresh, world_size)
        return cursor.epoch_steps + (before + len(waiting)) // per_step + -(-len(fresh) // per_step)
    fresh = spans_of(program.segment(epoch, last), cursor.anchor)
    _, fresh, _ = even_end(program, [], fresh, world_size)
    return cursor.epoch_steps + -(-sum(span.high > cursor.consumed for span in fresh) // per_step)


def count_batches(program: Program, cursor: Cursor, world_size: int) -> int:
    """Batches of one rank in the whole epoch.

    Where a memory cap decides how many micro-batches each step takes, every step is cut, as for a whole epoch on this
    number of ranks.
    """
    steady = program.split.steady_micro_batches
    if steady is not None:
        return count_steps(program, cursor, world_size) * steady
    start = replace(cursor.at_epoch(cursor.epoch), world_size=world_size)
    steps = walk(program, start, world_size, program.segment)
    return sum(len(step.split.share(step.batches, world_size, 0).mine) for step in steps)

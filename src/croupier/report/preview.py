"""What a plan would deal, and what it would cost, before a GPU hour is spent."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np

from croupier.core.batches import Int64
from croupier.core.cursor import Cursor
from croupier.core.ledger import Ledger
from croupier.core.split import Bounded, Split
from croupier.core.stage import Stage
from croupier.core.table import Table
from croupier.errors import TooFewIds
from croupier.report.figures import Preview
from croupier.report.measure import ShareCounts, adjacent_correlation, count_shares, re_pairing
from croupier.report.mixed_sources import sources_of
from croupier.run.dealer import Dealer
from croupier.run.program import Program
from croupier.run.walk import Step, walk
from croupier.split.balanced_packed import BalancedPacked

__all__ = ["preview"]

EXACT_IDS = 2**22
"""Epochs up to this many ids are planned whole; of longer ones this many ids, in evenly spaced segments."""


def preview(
    plan: Stage,
    table: Table,
    *,
    seed: int,
    world_size: int = 1,
    split: Split | None = None,
    resume: Mapping[str, Any] | None = None,
) -> Preview:
    """Say what a plan would deal in its first epoch, without dealing it.

    Parameters
    ----------
    plan, table, seed, world_size, split
        As for a Dealer or BatchSampler.
    resume : state, optional
        What ``state_dict()`` returned, on any number of ranks: preview what is left of that epoch on ``world_size``
        ranks. Nothing is loaded or changed.

    Returns
    -------
    Preview
        Prints as a table. Exact up to four million ids an epoch, else marked as a sample.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(cr.Shuffle(), cr.FixedSize(4))
    >>> figures = preview(plan, cr.Table(length=[3, 1, 4, 1, 5, 9, 2, 6]), seed=0, world_size=2)
    >>> figures.steps, figures.ids, figures.tokens_per_step
    (1, 8, (31, 31.0, 31))
    """
    start = time.perf_counter()
    dealer = Dealer(plan, table, seed=seed, world_size=world_size, split=split)
    if resume is not None:
        dealer.load_state_dict(resume)
    prepare_seconds = time.perf_counter() - start
    program, cursor, world_size = dealer.program, dealer.cursor, dealer.world_size
    first, stop = program.epochs.bounds(cursor.epoch)
    left = stop - first - cursor.segment * program.epochs.window - cursor.consumed
    is_exact = left <= EXACT_IDS
    start = time.perf_counter()
    steps = list(
        walk(program, cursor, world_size, program.segment) if is_exact else _sampled(program, cursor, world_size)
    )
    seconds = time.perf_counter() - start
    if not steps:
        raise TooFewIds(f"nothing is left to deal in epoch {cursor.epoch} on {world_size} ranks; preview the next one")
    budget_stage = next((stage for _, stage in reversed(program.plan.leaves()) if hasattr(stage, "max_tokens")), None)
    # Of packs, padding says it all.
    budget: int | None = None if hasattr(budget_stage, "packs") else getattr(budget_stage, "max_tokens", None)
    multiple_of: int = getattr(budget_stage, "multiple_of", 1)
    counts = count_shares(program, steps, world_size, multiple_of)
    dealt = np.concatenate([step.batches.indices for step in steps])
    total = len(steps) if is_exact else round(len(steps) * left / dealt.size)
    times = np.unique(dealt, return_counts=True)[1]
    has_lengths = program.length is not None
    return Preview(
        epoch=cursor.epoch,
        world_size=world_size,
        lanes=program.lanes,
        is_exact=is_exact,
        ids=dealt.size if is_exact else left,
        steps=total,
        micro_batches_per_step=counts.step.size / len(steps) / world_size,
        examples_per_step=_least_mean_most(counts.per_step(counts.examples)),
        asked_examples=None if budget_stage else _asked_examples(program, world_size),
        tokens_per_step=_least_mean_most(counts.per_step(counts.tokens)) if has_lengths else None,
        tokens_per_rank=_least_mean_most(counts.padded) if has_lengths else None,
        padding=1.0 - float(counts.tokens.sum() / max(1, counts.padded.sum())) if has_lengths else None,
        fill=None if budget is None else _fill(program, steps, counts, budget, multiple_of),
        rank_imbalance=counts.rank_imbalance(),
        rank_imbalance_bound=_imbalance_bound(steps, counts, world_size),
        shapes=counts.shapes(),
        adjacent_correlation=adjacent_correlation(
            counts.per_step(counts.tokens) / np.maximum(1, counts.per_step(counts.examples))
        )
        if has_lengths
        else None,
        re_pairing=_re_pairing(program, cursor.epoch),
        repeats=(int(times.min()), int(times.max())),
        rows_not_dealt=table.size - times.size if is_exact and resume is None and times.size < table.size else None,
        shares=_shares_of_sources(table, dealt),
        sources=sources_of(program, steps, cursor, left),
        ledger=sum((step.ledger for step in steps), _padding_of(steps, world_size)),
        prepare_seconds=prepare_seconds,
        prepare_bytes=_bytes_of(program.context(cursor.epoch).prepared),
        ids_per_second=dealt.size / seconds,
    )


def _asked_examples(program: Program, world_size: int) -> int | None:
    sizes: list[int | None] = [getattr(stage, "batch_size", None) for _, stage in program.plan.leaves()]
    size = next((size for size in reversed(sizes) if size is not None), None)
    return None if size is None else size * program.split.batches_per_step(world_size)


def _sampled(program: Program, cursor: Cursor, world_size: int) -> Iterator[Step]:
    """The steps that lie whole within evenly spaced segments."""
    last = program.epochs.segments(cursor.epoch) - 1
    wanted = max(1, EXACT_IDS // program.epochs.window)
    for number in np.unique(np.linspace(min(cursor.segment + 1, last), last, wanted).astype(int)).tolist():
        start = Cursor(epoch=cursor.epoch, segment=number, world_size=world_size)
        for step in walk(program, start, world_size, program.segment):
            if step.cursor.segment != number or step.cursor.epoch != cursor.epoch:
                break
            yield step


def _padding_of(steps: list[Step], world_size: int) -> Ledger:
    padded = sum(step.split.share(step.batches, world_size, 0).padding_ids for step in steps)
    return Ledger.of("split", "repeated as padding", padded)


def _imbalance_bound(steps: list[Step], counts: ShareCounts, world_size: int) -> float | None:
    bounds = [step.split.least_largest(step.batches, world_size) for step in steps if isinstance(step.split, Bounded)]
    return None if world_size == 1 or not bounds else counts.rank_imbalance_bound(bounds)


def _fill(program: Program, steps: list[Step], counts: ShareCounts, budget: int, multiple_of: int) -> float:
    """Padded tokens over what the budgets of the batches would hold."""
    if program.split.batches_per_step(2) == 1:
        if isinstance(program.split, BalancedPacked):
            return float(counts.per_step(counts.tokens).mean() / budget)
        padded = [
            step.batches.indices.size
            * sum(-(-int(step.batches.columns[name].max()) // multiple_of) * multiple_of for name in program.lengths)
            for step in steps
        ]
        return float(np.mean(padded) / budget)
    return float(counts.padded.mean() / budget)


def _re_pairing(program: Program, epoch: int) -> float | None:
    """Measured on whole epochs, or on those of the table's first rows where it is larger."""
    if program.table.size > EXACT_IDS // 2:
        try:
            program = program.on_table(program.table.prefix(EXACT_IDS // 2), program.epochs.past)
        except ValueError:  # an order that asks for rows beyond the sample
            return None
    return re_pairing(_batch_of_each_id(program, epoch), _batch_of_each_id(program, epoch + 1))


def _batch_of_each_id(program: Program, epoch: int) -> tuple[Int64, Int64]:
    ids: list[Int64] = []
    numbers: list[Int64] = []
    before = 0
    for segment in range(program.epochs.segments(epoch)):
        batches = program.segment(epoch, segment).batches
        ids.append(batches.indices)
        numbers.append(before + np.repeat(np.arange(len(batches)), batches.sizes))
        before += len(batches)
    together, place = np.unique(np.concatenate(ids), return_index=True)
    return together, np.concatenate(numbers)[place]


def _shares_of_sources(table: Table, dealt: Int64) -> dict[str, dict[str, float]]:
    shares: dict[str, dict[str, float]] = {}
    for column, names in table.categories.items():
        counts = np.bincount(table.column(column)[dealt], minlength=len(names))
        shares[column] = {name: float(count / dealt.size) for name, count in zip(names, counts, strict=True)}
    return shares


def _bytes_of(prepared: Any) -> int:
    if isinstance(prepared, Mapping):
        return sum(_bytes_of(value) for value in cast("Mapping[str, Any]", prepared).values())
    return int(getattr(prepared, "nbytes", 0))


def _least_mean_most(values: Int64) -> tuple[int, float, int]:
    return int(values.min()), float(values.mean()), int(values.max())

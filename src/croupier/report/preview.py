"""What a plan would deal, and what it would cost, before a GPU hour is spent."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from croupier.core.batches import Int64
from croupier.core.cursor import Cursor
from croupier.core.ledger import Ledger
from croupier.core.split import Split
from croupier.core.stage import Stage
from croupier.core.table import Table
from croupier.report.measure import ShareCounts, adjacent_correlation, count_shares, re_pairing
from croupier.run.dealer import Dealer
from croupier.run.program import Program
from croupier.run.walk import Step, walk

__all__ = ["Preview", "preview"]

EXACT_IDS = 2**22
"""Epochs up to this many ids are planned whole; of longer ones this many ids, in evenly spaced segments."""


@dataclass(frozen=True, slots=True)
class Preview:
    """Figures of one epoch, or of what is left of it. None where a figure does not apply.

    ``is_exact`` False: the figures but ``ids`` are of a sample of segments, and ``steps`` is scaled up from it.
    ``padding``, ``fill`` and shares are fractions; tokens are in the unit of the length column.
    """

    epoch: int
    world_size: int
    lanes: int
    is_exact: bool
    ids: int
    steps: int
    micro_batches_per_step: float
    examples_per_step: tuple[int, float, int]
    """Least, mean and most over the steps, all ranks together; so too the next two."""
    tokens_per_step: tuple[int, float, int] | None
    tokens_per_rank: tuple[int, float, int] | None
    padding: float | None
    fill: float | None
    rank_imbalance: float
    shapes: int
    adjacent_correlation: float | None
    re_pairing: float | None
    repeats: tuple[int, int]
    """How often the least and the most dealt row of those dealt comes."""
    rows_not_dealt: int | None
    shares: Mapping[str, Mapping[str, float]]
    ledger: Ledger
    prepare_seconds: float
    prepare_bytes: int
    ids_per_second: float

    def to_dict(self) -> dict[str, Any]:
        """The figures by name, JSON-able."""
        return {**asdict(self), "ledger": [asdict(entry) for entry in self.ledger]}

    def to_json(self) -> str:
        """The figures as JSON text."""
        return json.dumps(self.to_dict())

    def rows(self) -> list[tuple[str, str]]:
        """The figures as text, a name and a value each, without those that do not apply."""
        sample = "" if self.is_exact else " (sample)"
        of_all = "step, all ranks" if self.world_size > 1 else "step"
        rows: list[tuple[str, str | None]] = [
            ("epoch", f"{self.epoch} on {self.world_size} ranks, {self.lanes} lanes"),
            ("ids", f"{self.ids:,}"),
            ("steps", f"{self.steps:,}{sample}"),
            ("micro-batches a step", _unless(self.micro_batches_per_step, 1.0, "{:.2f}")),
            (f"examples a {of_all}", _spread(self.examples_per_step)),
            (f"tokens a {of_all}", _spread(self.tokens_per_step)),
            ("tokens a rank and micro-batch, padded", _spread(self.tokens_per_rank)),
            ("padding", _percent(self.padding)),
            ("fill of the budget", _percent(self.fill)),
            ("largest rank over mean", f"{self.rank_imbalance:.3f}"),
            ("distinct padded shapes", f"{self.shapes:,}{sample}"),
            ("correlation of neighbouring steps", _maybe(self.adjacent_correlation, "{:+.3f}")),
            ("re-pairing over random", _maybe(self.re_pairing, "{:.1f}x")),
            ("times a row is dealt", _unless(self.repeats, (1, 1), "{0[0]} to {0[1]}")),
            ("rows not dealt", _maybe(self.rows_not_dealt, "{:,}")),
            ("preparing", _unless(self.prepare_bytes, 0, f"{self.prepare_seconds:.2f} s, {{:,}} bytes")),
            ("planning", f"{self.ids_per_second / 1e6:.1f} M ids/s"),
            *((f"share of {source}", _shares(shares)) for source, shares in self.shares.items()),
            *((f"ledger: {entry.stage}", f"{entry.ids:,} ids {entry.event}") for entry in self.ledger),
        ]
        return [(name, value) for name, value in rows if value is not None]

    def __str__(self) -> str:
        rows = self.rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    def __rich__(self) -> Any:
        from rich.table import Table as RichTable

        table = RichTable("figure", "value", title="croupier preview")
        for name, value in self.rows():
            table.add_row(name, value)
        return table


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
    program, cursor = dealer.program, dealer.cursor
    first, stop = program.bounds(cursor.epoch)
    left = stop - first - cursor.segment * program.window - cursor.consumed
    is_exact = left <= EXACT_IDS
    start = time.perf_counter()
    steps = list(
        walk(program, cursor, world_size, program.segment) if is_exact else _sampled(program, cursor, world_size)
    )
    seconds = time.perf_counter() - start
    counts = count_shares(program, steps, world_size, _from_plan(program, "multiple_of") or 1)
    dealt = np.concatenate([step.batches.indices for step in steps])
    total = len(steps) if is_exact else round(len(steps) * left / dealt.size)
    times = np.unique(dealt, return_counts=True)[1]
    has_lengths = program.length is not None
    budget = _from_plan(program, "max_tokens")
    return Preview(
        epoch=cursor.epoch,
        world_size=world_size,
        lanes=program.lanes,
        is_exact=is_exact,
        ids=dealt.size if is_exact else left,
        steps=total,
        micro_batches_per_step=counts.step.size / len(steps) / world_size,
        examples_per_step=_least_mean_most(counts.per_step(counts.examples)),
        tokens_per_step=_least_mean_most(counts.per_step(counts.tokens)) if has_lengths else None,
        tokens_per_rank=_least_mean_most(counts.padded) if has_lengths else None,
        padding=1.0 - float(counts.tokens.sum() / max(1, counts.padded.sum())) if has_lengths else None,
        fill=None if budget is None else _fill(program, steps, counts, budget),
        rank_imbalance=counts.rank_imbalance(),
        shapes=np.unique(counts.examples * 2**40 + counts.longest).size,
        adjacent_correlation=adjacent_correlation(
            counts.per_step(counts.tokens) / np.maximum(1, counts.per_step(counts.examples))
        )
        if has_lengths
        else None,
        re_pairing=_re_pairing(program, cursor.epoch),
        repeats=(int(times.min()), int(times.max())),
        rows_not_dealt=table.size - times.size if is_exact and resume is None and times.size < table.size else None,
        shares=_shares_of_sources(table, dealt),
        ledger=sum((step.ledger for step in steps), Ledger()),
        prepare_seconds=prepare_seconds,
        prepare_bytes=_bytes_of(program.context(cursor.epoch).prepared),
        ids_per_second=dealt.size / seconds,
    )


def _sampled(program: Program, cursor: Cursor, world_size: int) -> Iterator[Step]:
    """The steps that lie whole within evenly spaced segments."""
    last = program.segments(cursor.epoch) - 1
    wanted = max(1, EXACT_IDS // program.window)
    for number in np.unique(np.linspace(min(cursor.segment + 1, last), last, wanted).astype(int)).tolist():
        start = Cursor(epoch=cursor.epoch, segment=number, world_size=world_size)
        for step in walk(program, start, world_size, program.segment):
            if step.cursor.segment != number or step.cursor.epoch != cursor.epoch:
                break
            yield step


def _fill(program: Program, steps: list[Step], counts: ShareCounts, budget: int) -> float:
    """Padded tokens over what the budgets of the batches would hold."""
    if program.split.batches_per_step(2) == 1:
        padded = [
            batch.size * int(step.batches.columns[cast(str, program.length)].max())
            for step in steps
            for batch in [step.batches.indices]
        ]
        return float(np.mean(padded) / budget)
    return float(counts.padded.mean() / budget)


def _re_pairing(program: Program, epoch: int) -> float | None:
    """Measured on whole epochs, or on those of the table's first rows where it is larger."""
    if program.table.size > EXACT_IDS // 2:
        try:
            program = program.on_table(program.table.prefix(EXACT_IDS // 2))
        except ValueError:  # an order that asks for rows beyond the sample
            return None
    return re_pairing(_batch_of_each_id(program, epoch), _batch_of_each_id(program, epoch + 1))


def _batch_of_each_id(program: Program, epoch: int) -> tuple[Int64, Int64]:
    ids: list[Int64] = []
    numbers: list[Int64] = []
    before = 0
    for segment in range(program.segments(epoch)):
        batches = program.segment(epoch, segment).batches
        ids.append(batches.indices)
        numbers.append(before + np.repeat(np.arange(len(batches)), batches.sizes))
        before += len(batches)
    together, place = np.unique(np.concatenate(ids), return_index=True)
    return together, np.concatenate(numbers)[place]


def _from_plan(program: Program, name: str) -> int | None:
    found = (getattr(stage, name, None) for _, stage in reversed(program.plan.leaves()))
    return next((value for value in found if value is not None), None)


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


def _spread(values: tuple[int, float, int] | None) -> str | None:
    if values is None:
        return None
    least, mean, most = values
    return f"{mean:,.0f}" if least == most else f"{mean:,.0f} ({least:,} to {most:,})"


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.2%}"


def _maybe(value: float | None, form: str) -> str | None:
    return None if value is None else form.format(value)


def _unless(value: Any, usual: Any, form: str) -> str | None:
    return None if value == usual else form.format(value)


def _shares(shares: Mapping[str, float]) -> str:
    largest = sorted(shares.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{name} {share:.1%}" for name, share in largest[:6])
    return shown + (f", and {len(largest) - 6} more" if len(largest) > 6 else "")

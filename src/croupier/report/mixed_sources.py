"""What a plan makes of the sources that its order mixes."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64, concatenate
from croupier.core.chain import Chain
from croupier.core.cursor import Cursor
from croupier.core.facts import gathered_lengths
from croupier.core.inner_order import inside, inside_view
from croupier.core.stage import Context, Stage
from croupier.core.table import Table
from croupier.order.exclude import Exclude
from croupier.order.subset import Subset
from croupier.report.figures import SourceFigures
from croupier.run.program import Program
from croupier.run.walk import Step

__all__ = ["Mixing", "sources_of"]

MEASURED_SOURCES = 100
"""Of so many sources, the largest, the shares in batches are measured."""


@runtime_checkable
class Mixing(Protocol):
    """An order that adds a column ``source``, and can say what its numbers mean."""

    @property
    def unit(self) -> str | None:
        """The column of lengths in which shares are counted; None for samples."""
        ...

    def source_names(self, table: Table) -> tuple[str, ...]:
        """The name of each source."""
        ...

    def asked_shares(self, table: Table, sample: int) -> npt.NDArray[np.float64]:
        """The shares in force after so many samples."""
        ...


def sources_of(program: Program, steps: list[Step], cursor: Cursor, left: int) -> tuple[SourceFigures, ...]:
    """The figures of each source in these steps, largest first; none where the order mixes nothing.

    ``left`` ids are still to be dealt from the cursor on, of which these steps are all or a sample.
    """
    order, context = _innermost(program, cursor.epoch)
    if not isinstance(order, Mixing):
        return ()
    table = context.table
    sizes: Int64 = context.prepared["sizes"]
    batches = concatenate([step.batches for step in steps])
    codes, names = batches.columns["source"], order.source_names(table)
    amounts = np.ones(codes.size)
    if order.unit is not None:
        amounts = gathered_lengths(program.table, order.unit, batches.indices).astype(np.float64)
    dealt = np.bincount(codes, weights=amounts, minlength=sizes.size)
    samples = np.bincount(codes, minlength=sizes.size) * (max(1.0, left / codes.size))
    last = program.epochs.ids_before(cursor.epoch + 1) - 1
    first = max(program.epochs.ids_before(cursor.epoch), last + 1 - left)
    asked_first, asked_last = order.asked_shares(table, first), order.asked_shares(table, last)
    largest: Int64 = np.argsort(-dealt, kind="stable")[: np.count_nonzero(dealt)]
    return tuple(
        SourceFigures(
            name=names[int(source)],
            unit=order.unit or "ids",
            rows=int(sizes[source]),
            asked=(float(asked_first[source]), float(asked_last[source])),
            dealt=float(dealt[source] / dealt.sum()),
            passes=float(samples[source] / sizes[source]),
            in_batches=_in_batches(batches, amounts * (codes == source), amounts) if place < MEASURED_SOURCES else None,
        )
        for place, source in enumerate(largest.tolist())
    )


def _innermost(program: Program, epoch: int) -> tuple[Stage, Context]:
    """The order at the front of the plan, inside any subset of the rows, with its context."""
    path, order = program.plan.leaves()[0]
    context = program.context(epoch)
    for part in path:
        context = context.child(part)
    while isinstance(order, (Subset, Exclude)):
        context = inside(inside_view(order.order, context), epoch)
        order = order.order
        while isinstance(order, Chain):
            order, context = order.stages[0], context.child(order.stages[0].name)
    return order, context


def _in_batches(
    batches: Batches, mine: npt.NDArray[np.float64], amounts: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """The share that one batch in twenty does not reach, and the one that one in twenty exceeds."""
    of_batch = np.repeat(np.arange(len(batches)), batches.sizes)
    shares = np.bincount(of_batch, weights=mine) / np.maximum(np.bincount(of_batch, weights=amounts), 1)
    low, high = np.quantile(shares, [0.05, 0.95]).tolist()
    return low, high

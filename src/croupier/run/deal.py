"""One batch as a rank receives it: a list of ids that knows its facts; and those of an epoch, one after another."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.cursor import Cursor
from croupier.core.ledger import Ledger
from croupier.core.split import Shares
from croupier.errors import TooFewIds
from croupier.run.program import Program, Segment
from croupier.run.walk import Step, walk

__all__ = ["Deal", "deals_of_epoch", "deals_of_step"]


class Deal(list[int]):
    """The ids of one batch of one rank, as a plain list of ints, with what else was decided about them.

    Attributes
    ----------
    ids : int64 array of shape (n,)
        The same ids.
    columns : mapping of name to array of shape (n, ...)
        Facts of these ids: length, weight, probability, negatives...
    loss_scale : float
        Multiply the mean loss over this batch's examples by it: the mean of that over the ranks, summed over the
        micro-batches of the step, is the true mean over the step's examples. (DistributedDataParallel takes the mean
        over ranks; do not divide by the number of micro-batches.)
    token_scale : float
        The same for a mean over tokens.
    is_padding : bool
        This batch repeats ids so that every rank has one; its scales are 0.
    epoch, step : int
        The epoch, and the step's place in it from 0.
    micro_batch, micro_batches : int
        Which part of the step this is, from 0, and how many there are.
    step_examples, step_tokens : int
        Examples and tokens of the whole step, over all ranks, repeated ones not counted.
    cursor : Cursor
        Where the run stands once the whole step is done.
    ledger : Ledger
        What was dropped, cut or repeated since the start of the run.
    chosen : int64 array of shape (k,), or None
        Places in ``ids`` of those that the training loop went on with, where it chose among them and said so.

    What crosses to a worker process is the list and the columns.
    """

    __slots__ = (
        "chosen",
        "columns",
        "cursor",
        "epoch",
        "ids",
        "is_padding",
        "ledger",
        "loss_scale",
        "micro_batch",
        "micro_batches",
        "origin",
        "start",
        "step",
        "step_examples",
        "step_tokens",
        "token_scale",
    )

    chosen: Int64 | None
    ids: Int64
    columns: Mapping[str, npt.NDArray[Any]]
    loss_scale: float
    token_scale: float
    is_padding: bool
    epoch: int
    step: int
    micro_batch: int
    micro_batches: int
    step_examples: int
    step_tokens: int
    cursor: Cursor
    start: Cursor
    ledger: Ledger
    origin: tuple[Step, Int64 | slice]
    """The step of all ranks, and the rows of it that these ids are."""

    def __init__(self, ids: Int64, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        super().__init__(ids.tolist())
        self.ids = ids
        self.columns = columns
        self.chosen = None

    def __reduce__(self) -> tuple[Any, ...]:
        return (Deal, (self.ids, dict(self.columns)))

    @property
    def ends_step(self) -> bool:
        """Whether the optimizer steps after this batch."""
        return self.micro_batch == self.micro_batches - 1

    @property
    def last_segment(self) -> int:
        """The segment of the epoch in which the step ends."""
        return self.origin[0].spans[-1].segment.number

    @property
    def segment(self) -> int:
        """The segment of the epoch that these ids belong to."""
        step, rows = self.origin
        return int(step.segment_numbers[rows][0])

    @property
    def places(self) -> Int64:
        """Where in that segment's flat order these ids stand."""
        step, rows = self.origin
        return step.places[rows]


def deals_of_epoch(
    program: Program,
    start: Cursor,
    ledger: Ledger,
    place: tuple[int, int],
    segment_at: Callable[[int, int], Segment],
) -> Generator[Deal, None, Ledger]:
    """What is left of an epoch for the rank at a place, (rank, world size); returns the ledger of what no deal ends."""
    rank, world_size = place
    cursor = start
    steps = walk(program, start, world_size, segment_at)
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            undealt: Ledger = end.value
            break
        shares = step.split.share(step.batches, world_size, rank)
        ledger += step.ledger + Ledger.of("split", "repeated as padding", shares.padding_ids)
        yield from deals_of_step(
            step, shares, world_size=world_size, start=cursor, length=program.length, ledger=ledger
        )
        cursor = step.cursor
    if cursor == start and start.epoch_steps == 0:
        raise TooFewIds(f"epoch {start.epoch} deals no batch: {undealt}")
    return undealt


def deals_of_step(
    step: Step, shares: Shares, *, world_size: int, start: Cursor, length: str | None, ledger: Ledger
) -> list[Deal]:
    """A rank's micro-batches of a step."""
    batch = step.batches
    flags = batch.columns.get("is_padding")
    lengths = None if length is None else batch.columns[length]
    examples, tokens = _real(batch.indices, lengths, flags, slice(None))
    deals: list[Deal] = []
    for micro_batch, share in enumerate(shares.mine):
        rows = share.rows
        deal = Deal(batch.indices[rows], {name: values[rows] for name, values in batch.columns.items()})
        mine, mine_tokens = (0, 0) if share.is_padding else _real(deal.ids, lengths, flags, rows)
        deal.is_padding = share.is_padding
        deal.loss_scale = mine * world_size / examples if examples else 0.0
        deal.token_scale = mine_tokens * world_size / tokens if tokens else 0.0
        deal.step_examples, deal.step_tokens = examples, tokens
        deal.epoch, deal.step = start.epoch, start.epoch_steps
        deal.micro_batch, deal.micro_batches = micro_batch, len(shares.mine)
        deal.cursor, deal.start, deal.ledger = step.cursor, start, ledger
        deal.origin = (step, rows)
        deals.append(deal)
    return deals


def _real(
    ids: Int64, lengths: Int64 | None, flags: npt.NDArray[np.bool_] | None, rows: Int64 | slice
) -> tuple[int, int]:
    """Examples and tokens of these rows that are no padding; without lengths an example counts as a token."""
    if flags is None:
        return ids.size, ids.size if lengths is None else int(lengths[rows].sum())
    real = ~flags[rows]
    examples = int(real.sum())
    return examples, examples if lengths is None else int(lengths[rows][real].sum())

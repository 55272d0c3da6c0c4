"""One batch as a rank receives it: a list of ids that knows its facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.cursor import Cursor
from croupier.core.ledger import Ledger
from croupier.core.split import Shares
from croupier.run.walk import Step

__all__ = ["Deal", "deals_of_step"]


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
    cursor : Cursor
        Where the run stands once the whole step is done.
    ledger : Ledger
        What was dropped, cut or repeated since the start of the run.

    What crosses to a worker process is the list and the columns.
    """

    __slots__ = (
        "columns",
        "cursor",
        "epoch",
        "ids",
        "is_padding",
        "last_ordinal",
        "ledger",
        "loss_scale",
        "micro_batch",
        "micro_batches",
        "ordinals",
        "places",
        "start",
        "step",
        "token_scale",
    )  # fmt: skip

    ids: Int64
    columns: Mapping[str, npt.NDArray[Any]]
    loss_scale: float
    token_scale: float
    is_padding: bool
    epoch: int
    step: int
    micro_batch: int
    micro_batches: int
    cursor: Cursor
    start: Cursor
    ledger: Ledger
    ordinals: Int64
    places: Int64
    last_ordinal: int

    def __init__(self, ids: Int64, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        super().__init__(ids.tolist())
        self.ids = ids
        self.columns = columns

    def __reduce__(self) -> tuple[Any, ...]:
        return (Deal, (self.ids, dict(self.columns)))

    @property
    def ends_step(self) -> bool:
        """Whether the optimizer steps after this batch."""
        return self.micro_batch == self.micro_batches - 1


def deals_of_step(
    step: Step, shares: Shares, *, world_size: int, start: Cursor, length: str | None, ledger: Ledger
) -> list[Deal]:
    """A rank's micro-batches of a step."""
    batch = step.batches
    examples = _real_rows(batch, slice(None)).sum()
    tokens = 0 if length is None else batch.columns[length][_real_rows(batch, slice(None))].sum()
    deals: list[Deal] = []
    for micro_batch, share in enumerate(shares.mine):
        rows = share.rows
        deal = Deal(batch.indices[rows], {name: values[rows] for name, values in batch.columns.items()})
        real = np.zeros(rows.size, dtype=bool) if share.is_padding else _real_rows(batch, rows)
        deal.is_padding = share.is_padding
        deal.loss_scale = float(real.sum() * world_size / examples) if examples else 0.0
        if length is None:
            deal.token_scale = deal.loss_scale
        else:
            deal.token_scale = float(deal.columns[length][real].sum() * world_size / tokens) if tokens else 0.0
        deal.epoch, deal.step = start.epoch, start.epoch_steps
        deal.micro_batch, deal.micro_batches = micro_batch, len(shares.mine)
        deal.cursor, deal.start, deal.ledger = step.cursor, start, ledger
        deal.ordinals, deal.places = step.ordinals[rows], step.places[rows]
        deal.last_ordinal = int(step.ordinals[-1])
        deals.append(deal)
    return deals


def _real_rows(batch: Batches, rows: Any) -> npt.NDArray[np.bool_]:
    flags = batch.columns.get("is_padding")
    return ~flags[rows] if flags is not None else np.ones(batch.indices[rows].size, dtype=bool)

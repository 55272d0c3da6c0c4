"""From rules and schedules to whole parts of a cycle of samples, for the sources of one table."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.facts import check_length_column
from croupier.core.table import Table
from croupier.errors import BadArgument
from croupier.order.share_schedules import ShareSchedule
from croupier.order.shares import Shares, whole_parts
from croupier.order.sources import ColumnSources, OrderSources

__all__ = ["ShareParts"]

Stages = tuple[Int64, npt.NDArray[Any]]
"""From which samples on, shape (s,), what holds, shape (s, K)."""


class ShareParts:
    """The shares of a table's sources, counted in samples or in the sum of a column of lengths."""

    def __init__(self, table: Table, sources: ColumnSources | OrderSources, unit: str | None) -> None:
        self.names = sources.names(table)
        self.sizes = sources.sizes(table)
        self._amounts = self.sizes.astype(np.float64)
        self._per_sample = np.ones(self.sizes.size)
        if unit is not None:
            check_length_column(table, unit)
            self._amounts = sources.amounts(table, unit)
            self._per_sample = np.where(self._amounts > 0, self._amounts / np.maximum(self.sizes, 1), 1.0)

    def asked(self, shares: Shares | ShareSchedule) -> Stages:
        """Shares that sum to one, in the unit that they are counted in."""
        stages = shares.stages() if isinstance(shares, ShareSchedule) else [(0, shares)]
        starts = [start for start, _ in stages]
        if not starts or starts[0] != 0 or any(late <= early for early, late in pairwise(starts)):
            raise BadArgument("stages of the shares", "begin at 0 and increase", starts, "mend the schedule")
        weights = np.stack([rule.weights(self._amounts, self.names) for _, rule in stages])
        lost = np.flatnonzero(np.any((weights > 0) & (self._amounts == 0) & (self.sizes > 0), axis=0))
        if lost.size:
            what = f"0 in all of {self.names[int(lost[0])]!r}"
            raise BadArgument(
                "unit", "be above 0 in every source that has a share", what, "give that source a share of 0"
            )
        # A share that would underflow stays above 0, so that it is refused as too small where parts are made.
        scaled = weights / weights.max(axis=1, keepdims=True)
        scaled = np.where(weights > 0, np.maximum(scaled, np.finfo(np.float64).tiny), 0.0)
        return np.array(starts, dtype=np.int64), scaled / scaled.sum(axis=1, keepdims=True)

    def parts(self, shares: Shares | ShareSchedule) -> Stages:
        """Whole parts of a cycle of samples."""
        starts, asked = self.asked(shares)
        return starts, np.stack([whole_parts(each / self._per_sample, self.names) for each in asked])

    def loss_weights(self, dealt: Stages, target: Shares | ShareSchedule) -> Stages:
        """Target over dealt share of each source, from every sample on at which either changes."""
        wanted = self.parts(target)
        starts = np.union1d(dealt[0], wanted[0])
        of_dealt, of_wanted = (
            parts[np.searchsorted(begins, starts, side="right") - 1] for begins, parts in (dealt, wanted)
        )
        lost = np.argwhere((of_dealt == 0) & (of_wanted > 0))
        if lost.size:
            raise BadArgument(
                "target", "give 0 to a source that is never dealt", f"a share for {self.names[int(lost[0][1])]!r}",
                "give that source a share above 0: no weight can make up for it",
            )  # fmt: skip
        scale = of_dealt.sum(axis=1, keepdims=True) / of_wanted.sum(axis=1, keepdims=True)
        return starts, np.where(of_dealt > 0, of_wanted / np.maximum(of_dealt, 1), 0.0) * scale

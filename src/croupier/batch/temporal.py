"""Batches of events in order of time, in which no event waits for another of its batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.facts import checked_names, gathered
from croupier.core.key import Key
from croupier.core.policies import Whole
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable, checked_flag, checked_int
from croupier.kernels.scheduling import schedule_events

__all__ = ["Temporal"]


@dataclass(frozen=True, slots=True)
class Temporal:
    """Cut a stream of events so that each comes after all it depends on: the earlier events of its nodes.

    For models with a memory for each node (temporal graph networks, sessions of a recommender): events of one batch are
    computed together, so one that shares a node with an earlier event of its batch is computed from a memory without
    it. Cut in order of time, most events of a large batch are such. Here an event waits for a later batch instead, and
    others that depend on nothing fill its place.

    Parameters
    ----------
    batch_size : int
        Events of a batch, which is the batch of a step of all ranks.
    nodes : str or tuple of str
        The columns of the nodes of an event: integers, or names.
    time : str, optional
        The column of times, by which the incoming ids are checked to be in order; None to take their order as it is.
    shared_nodes : bool
        Whether the columns number the same nodes. False for users and items.

    It begins anew with each segment; put ``Chronological`` or ``Sequential`` before it, and choose ``Balanced()`` for
    several ranks, with ``FewIds.PAD``: the last batches of a segment wait for the busiest node, and are small.

    Guarantees: every event once; none in a batch with, or before, an earlier event that shares a node; at most
    ``batch_size`` events a batch; no event could come earlier, given those before it. The batches, and so what each
    event sees, are the same on any number of ranks.

    Source: the setting of Su, Zou and Wu, "PRES: Toward scalable memory-based dynamic graph neural networks" (ICLR
    2024), where pending events limit the batch size; the schedule is our own (list scheduling of unit tasks).

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(time=[0, 1, 2, 3], source=[0, 1, 3, 0], target=[1, 2, 4, 3])
    >>> plan = cr.chain(cr.Chronological("time"), Temporal(2, nodes=("source", "target")))
    >>> [deal.ids.tolist() for deal in cr.Dealer(plan, table, seed=0)]
    [[0, 2], [1, 3]]
    """

    batch_size: int
    nodes: str | tuple[str, ...]
    time: str | None = "time"
    shared_nodes: bool = True
    name: str = "temporal"

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "shared_nodes", checked_flag("shared_nodes", self.shared_nodes, fix="pass True or False")
        )
        batch_size = checked_int("batch_size", self.batch_size, at_least=1, fix="pass the most events of a batch")
        object.__setattr__(self, "batch_size", batch_size)
        checked_names(self.nodes, "nodes")
        if self.time is not None and not isinstance(self.time, str):
            raise BadArgument("time", "be a column's name or None", self.time, 'pass "time", say')
        if not isinstance(self.shared_nodes, bool):
            raise BadArgument("shared_nodes", "be True or False", self.shared_nodes, "False for users and items")

    @property
    def whole(self) -> Whole:
        """The events of a step must not depend on one another."""
        return Whole.IN_A_STEP

    @property
    def prepared_per_epoch(self) -> bool:
        """Columns are checked once."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """Check the columns; derives nothing."""
        names = checked_names(self.nodes, "nodes")
        for name in names:
            if table.column(name).dtype.kind not in "iu" or table.column(name).ndim != 1:
                raise BadTable(name, "hold strings or whole numbers", table.column(name).dtype, "number the nodes")
        if (
            self.time is not None
            and table.column(self.time).dtype.kind == "f"
            and np.isnan(table.column(self.time)).any()
        ):
            raise BadTable(self.time, "hold times", "values that are none", "fill them first")
        named = [name for name in names if name in table.categories]
        if not named or not self.shared_nodes:
            return {}
        if len(named) < len(names):
            raise BadTable(named[0], "hold numbers like the other nodes", "strings", "name all nodes, or number all")
        # Codes count within a column: the same name has one number in all of them.
        together = sorted({node for name in names for node in table.categories[name]})
        numbers = {node: number for number, node in enumerate(together)}
        return {name: np.array([numbers[node] for node in table.categories[name]], dtype=np.int64) for name in names}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Schedule the events of each incoming batch."""
        names = checked_names(self.nodes, "nodes")
        if batches.interchangeable:
            raise BadArgument(
                "plan", "keep the order of time before Temporal", "batches in any order", "leave out what regroups ids"
            )
        if self.time is not None and batches.indices.size > 1:
            self._check_times(gathered(batches, context.table, self.time), batches)
        columns = [gathered(batches, context.table, name).astype(np.int64) for name in names]
        if context.prepared:
            columns = [context.prepared[name][codes] for name, codes in zip(names, columns, strict=True)]
        nodes = self._numbered(columns)
        rows: list[Int64] = []
        sizes: list[Int64] = []
        for begin, end in zip(batches.offsets[:-1].tolist(), batches.offsets[1:].tolist(), strict=True):
            batch = schedule_events(nodes[begin:end], self.batch_size)
            rows.append(begin + np.argsort(batch, kind="stable"))
            sizes.append(np.bincount(batch))
        ends = np.cumsum(np.concatenate([np.zeros(1, np.int64), *sizes]))
        return batches.take(np.concatenate([np.empty(0, np.int64), *rows]), ends.astype(np.int64))

    def _numbered(self, columns: list[Int64]) -> Int64:
        if self.shared_nodes:
            numbers = np.unique(np.stack(columns, axis=1), return_inverse=True)[1]
            return numbers.reshape(-1, len(columns)).astype(np.int64)
        before = 0
        numbered: list[Int64] = []
        for column in columns:
            numbers = np.unique(column, return_inverse=True)[1]
            numbered.append(before + numbers)
            before += int(numbers.max(initial=-1)) + 1
        return np.stack(numbered, axis=1).astype(np.int64)

    def _check_times(self, times: npt.NDArray[Any], batches: Batches) -> None:
        is_back = np.flatnonzero(times[1:] < times[:-1]) + 1
        if is_back.size:
            raise BadTable(
                str(self.time), "not go back from one id to the next", f"row {batches.indices[is_back[0]]} that does",
                "put Chronological(time) at the front of the plan",
            )  # fmt: skip

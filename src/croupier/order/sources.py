"""What a mixture mixes: the values of a column, or orders of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.facts import gathered_lengths
from croupier.core.inner_order import (
    check_same_columns,
    join_parts,
    may_repeat,
    plan_inner,
    position_inner,
    prepare_inner,
    prepares_per_epoch,
)
from croupier.core.key import Key
from croupier.core.mapped_rows import rows_of
from croupier.core.stage import Context, Order, Prepared
from croupier.core.table import CHUNK_ROWS, Table
from croupier.errors import BadTable, NoInverse
from croupier.kernels.group_shuffle import find_in_pass, shuffle_passes
from croupier.kernels.mixing import draws

__all__ = ["ColumnSources", "OrderSources", "Passes", "as_sources"]

Passes = tuple[Int64, Int64]
"""For each source, the first and the last of its passes that an epoch of the mixture touches."""


@dataclass(frozen=True, slots=True)
class ColumnSources:
    """One source for each value of a column; each pass over a source shuffles its rows anew."""

    column: str

    def names(self, table: Table) -> tuple[str, ...]:
        """The categories, or the codes."""
        return table.categories.get(self.column) or tuple(map(str, range(table.counts(self.column).size)))

    def sizes(self, table: Table) -> Int64:
        """Rows of each source, shape (K,)."""
        return table.counts(self.column)

    def candidates(self, ids: Int64, table: Table) -> Iterator[tuple[int, Int64]]:
        """Each source that any of the ids may come from, with the places of these ids."""
        codes = rows_of(table.column(self.column), ids).astype(np.int64)
        together = np.argsort(codes, kind="stable")
        for mine in np.split(together, np.flatnonzero(np.diff(codes[together])) + 1):
            if mine.size:
                yield int(codes[mine[0]]), mine

    def amounts(self, table: Table, unit: str) -> npt.NDArray[np.float64]:
        """Sum of a column of lengths over the rows of each source, shape (K,)."""
        codes, sums = table.column(self.column), np.zeros(table.counts(self.column).size)
        for begin in range(0, table.size, CHUNK_ROWS):
            rows = np.arange(begin, min(begin + CHUNK_ROWS, table.size))
            lengths = gathered_lengths(table, unit, rows)
            sums += np.bincount(codes[begin : begin + CHUNK_ROWS], weights=lengths, minlength=sums.size)
        return sums

    @property
    def prepared_per_epoch(self) -> bool:
        """The rows of a source hold for the run."""
        return False

    def prepare(self, table: Table, key: Key, passes: Passes) -> Prepared:
        """Where the rows of each source begin, and the rows sorted by source unless the table is so already."""
        counts = table.counts(self.column)
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        codes = table.column(self.column)
        is_sorted = all(
            np.all(np.diff(codes[begin : begin + CHUNK_ROWS + 1].astype(np.int64)) >= 0)
            for begin in range(0, table.size, CHUNK_ROWS)
        )
        if is_sorted:
            return {"starts": starts}
        narrow = codes.astype(np.uint16) if counts.size <= 2**16 else codes  # sorted by radix
        rows = np.argsort(narrow, kind="stable")
        return {"starts": starts, "rows": rows.astype(np.int32) if table.size < 2**31 else rows}

    def plan(self, batches: Batches, sources: Int64, ordinals: Int64, turns: Int64, context: Context) -> Batches:
        """The id of each draw of a source: draw ``ordinal`` since the beginning of pass ``turns[source]``."""
        sizes = context.table.counts(self.column)
        keys = draws(context.key.child("rows").bits, np.arange(sizes.size))
        places = context.prepared["starts"][sources] + shuffle_passes(sources, ordinals, sizes, keys, turns)
        rows = context.prepared.get("rows")
        return batches.with_indices(places if rows is None else rows[places].astype(np.int64))

    def places_of(self, ids: Int64, source: int, turn: int, context: Context) -> Int64:
        """At which place of a pass over a source each id comes; -1 for ids of other sources."""
        mine = rows_of(context.table.column(self.column), ids) == source
        first, last = context.prepared["starts"][source : source + 2].tolist()
        rows = context.prepared.get("rows")
        place = ids - first if rows is None else np.searchsorted(rows[first:last], ids)
        key = int(draws(context.key.child("rows").bits, np.array([source]))[0])
        return np.where(mine, find_in_pass(np.where(mine, place, 0), last - first, key, turn), -1)


@dataclass(frozen=True, slots=True)
class OrderSources:
    """One source for each order; a pass over a source is one of its epochs."""

    orders: Mapping[str, Order]

    def names(self, table: Table) -> tuple[str, ...]:
        """The names given."""
        return tuple(self.orders)

    def sizes(self, table: Table) -> Int64:
        """Positions of an epoch of each source, shape (K,)."""
        sizes = [order.epoch_size(table, 0) for order in self.orders.values()]
        for name, order, size in zip(self.orders, self.orders.values(), sizes, strict=True):
            if order.epoch_size(table, 1) != size:
                what = f"{size} and {order.epoch_size(table, 1)} rows"
                raise BadTable(name, "have the same size in every epoch", what, "mix orders of constant size")
        return np.array(sizes, dtype=np.int64)

    def candidates(self, ids: Int64, table: Table) -> Iterator[tuple[int, Int64]]:
        """Every source, for all ids: orders may share rows."""
        for source in range(len(self.orders)):
            yield source, np.arange(ids.size)

    def amounts(self, table: Table, unit: str) -> npt.NDArray[np.float64]:
        """Sum of a column of lengths over the first epoch of each source under seed 0, shape (K,)."""
        sums: list[float] = []
        for order in self.orders.values():
            context = Context(table, Key(0).child(order.name))
            context = replace(context, prepared=prepare_inner(order, context, [0]))
            size, total = order.epoch_size(table, 0), 0
            for begin in range(0, size, CHUNK_ROWS):
                ids = plan_inner(order, np.arange(begin, min(begin + CHUNK_ROWS, size)), context, 0).indices
                total += int(gathered_lengths(table, unit, ids).sum())
            sums.append(float(total))
        return np.array(sums)

    @property
    def prepared_per_epoch(self) -> bool:
        """Whether any of the orders does."""
        return prepares_per_epoch(self.orders.values())

    def prepare(self, table: Table, key: Key, passes: Passes) -> Prepared:
        """What each order prepares for the passes that an epoch touches."""
        firsts, lasts = (bounds.tolist() for bounds in passes)
        contexts: list[Context] = []
        for (name, order), first, last in zip(self.orders.items(), firsts, lasts, strict=True):
            context = Context(table, key.child(name, order.name))
            contexts.append(replace(context, prepared=prepare_inner(order, context, range(first, last + 1))))
        check_same_columns(list(self.orders.values()), contexts, firsts)
        return {name: context.prepared for name, context in zip(self.orders, contexts, strict=True)}

    def plan(self, batches: Batches, sources: Int64, ordinals: Int64, turns: Int64, context: Context) -> Batches:
        """The id of each draw of a source: draw ``ordinal`` since the beginning of pass ``turns[source]``."""
        parts: list[tuple[Int64, Batches]] = []
        passes, places = np.divmod(ordinals, self.sizes(context.table)[sources])
        passes += turns[sources]
        for number, (name, order) in enumerate(self.orders.items()):
            mine = np.flatnonzero(sources == number)
            inside = self._inside(name, context)
            mine = mine[np.argsort(passes[mine], kind="stable")]
            for here in np.split(mine, np.flatnonzero(np.diff(passes[mine])) + 1):
                if here.size:
                    parts.append((here, plan_inner(order, places[here], inside, int(passes[here[0]]))))
        return join_parts(batches, parts)

    def places_of(self, ids: Int64, source: int, turn: int, context: Context) -> Int64:
        """At which place of a pass over a source each id comes; -1 where it does not."""
        name, order = list(self.orders.items())[source]
        if may_repeat(order):  # of the times an id comes in a pass, the first may lie before the epoch's beginning
            raise NoInverse(order)
        return position_inner(order, ids, self._inside(name, context), turn)

    def _inside(self, name: str, context: Context) -> Context:
        order = self.orders[name]
        return replace(context, key=context.key.child(name, order.name), prepared=context.prepared[name])


def as_sources(given: Any) -> ColumnSources | OrderSources:
    """A column by its name, or orders by theirs."""
    return ColumnSources(given) if isinstance(given, str) else OrderSources(dict(given))

"""An order inside an order: how Subset, Concat, Mixture and their like prepare and plan the orders they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.chain import Chain
from croupier.core.keeping import Keeping, Reading
from croupier.core.key import Key
from croupier.core.policies import Whole
from croupier.core.stage import Context, Learning, Order, Prepared, Preparing, Refreshing
from croupier.core.table import Table
from croupier.errors import BadArgument, NoInverse

__all__ = [
    "check_inner_order",
    "check_same_columns",
    "checked_orders",
    "inside",
    "inside_list",
    "inside_view",
    "join_parts",
    "may_repeat",
    "plan_inner",
    "position_inner",
    "prepare_inner",
    "prepare_on_view",
    "prepare_orders",
    "prepares_per_epoch",
]


def check_inner_order(argument: str, order: Any) -> None:
    """Refuse what cannot be part of an order: no order, one that learns or is refreshed, a chain that cuts batches."""
    leaves = [leaf for _, leaf in order.leaves()] if isinstance(order, Chain) else [order]
    is_order = isinstance(leaves[0], Order) and not isinstance(order, type)
    if not is_order or any(isinstance(leaf, (Learning, Keeping, Reading)) for leaf in leaves):
        raise BadArgument(argument, "be an order of its own, that does not learn", order, "pass Shuffle(), say")
    if any(isinstance(leaf, Refreshing) for leaf in leaves):
        raise BadArgument(
            argument, "not be refreshed in the course of the run", order,
            "put it into the outer chain, where Dealer.adopt reaches it",
        )  # fmt: skip
    keeps_whole = any(getattr(leaf, "whole", Whole.NO) is not Whole.NO for leaf in leaves)
    if keeps_whole or any(hasattr(leaf, "max_tokens") or hasattr(leaf, "batch_size") for leaf in leaves[1:]):
        raise BadArgument(argument, "not cut batches", order, "cut them after the order, in the outer chain")
    if isinstance(order, Chain) and order.segment_ids is not None:
        raise BadArgument("segment_ids", "be given to the outermost chain alone", order.segment_ids, "move it outwards")


def prepares_per_epoch(orders: Iterable[Order]) -> bool:
    """Whether any of these orders prepares anew for each epoch."""
    return any(isinstance(order, Preparing) and order.prepared_per_epoch for order in orders)


def prepare_inner(order: Order, context: Context, epochs: Iterable[int]) -> Prepared:
    """What the order prepares for these epochs of its own, on the context's table, under the context's key."""
    if not isinstance(order, Preparing):
        return {}
    if not order.prepared_per_epoch:
        return {"run": order.prepare(context.table, context.key, 0)}
    return {str(epoch): order.prepare(context.table, context.key, epoch) for epoch in epochs}


def inside(context: Context, epoch: int) -> Context:
    """The context in which an order plans one of its epochs, from its own as :func:`prepare_inner` left it."""
    prepared = context.prepared.get("run", context.prepared.get(str(epoch), {}))
    return replace(context, epoch=epoch, prepared=prepared)


def plan_inner(order: Order, positions: Int64, context: Context, epoch: int) -> Batches:
    """The order's ids at these positions of one of its epochs.

    ``context`` is the order's own: its table, its key, and what :func:`prepare_inner` returned.
    """
    within, batches = inside(context, epoch), Batches.of(positions)
    first = order.order(batches, within) if isinstance(order, Chain) else order.plan(batches, within)
    planned = order.regroup(first, within) if isinstance(order, Chain) else first
    is_kept = len(planned) == 1 and np.array_equal(planned.indices, first.indices)
    if not is_kept or planned.indices.size != positions.size or planned.interchangeable:
        raise BadArgument(
            "an order inside another", "give one id for each position, uncut", f"{order.name!r} that does not",
            "cut, sort and drop after the outermost order",
        )  # fmt: skip
    return planned


def check_same_columns(orders: Sequence[Order], contexts: Sequence[Context], epochs: Sequence[int]) -> None:
    """Refuse orders of different columns before the run: their first ids are planned for a look."""
    columns: list[dict[str, Any]] = []
    for order, context, epoch in zip(orders, contexts, epochs, strict=True):
        first = plan_inner(order, np.zeros(1, dtype=np.int64), context, epoch)
        columns.append({name: (values.dtype, values.shape[1:]) for name, values in first.columns.items()})
    for order, its in zip(orders, columns, strict=True):
        if its != columns[0]:
            raise BadArgument(
                "orders joined in one", "add the same columns",
                f"{sorted(columns[0])} of {orders[0].name!r} and {sorted(its)} of {order.name!r}",
                "or their batches cannot mix",
            )  # fmt: skip


def may_repeat(order: Order) -> bool:
    """Whether an epoch of this order may deal an id more than once, though it has an inverse (to the first time)."""
    leaf = order.leaves()[0][1] if isinstance(order, Chain) else order
    return bool(getattr(leaf, "may_repeat", False))


def position_inner(order: Order, ids: Int64, context: Context, epoch: int) -> Int64:
    """Where each id comes in one of the order's epochs, -1 where it does not; for orders that can tell."""
    inverse = getattr(order.stages[0] if isinstance(order, Chain) else order, "position_of", None)
    if inverse is None:
        raise NoInverse(order)
    within = inside(context, epoch)
    return inverse(ids, within.child(order.stages[0].name) if isinstance(order, Chain) else within)


def join_parts(batches: Batches, parts: list[tuple[Int64, Batches]]) -> Batches:
    """Put planned parts in their places among the positions of ``batches``; all must carry the same columns."""
    ids = np.empty(batches.indices.size, dtype=np.int64)
    columns: dict[str, Any] = {}
    names = {frozenset(part.columns) for _, part in parts}
    if len(names) > 1:
        raise BadArgument(
            "orders joined in one", "add the same columns", sorted(map(sorted, names)), "or their batches cannot mix"
        )
    for places, part in parts:
        ids[places] = part.indices
        for name, values in part.columns.items():
            if name not in columns:
                columns[name] = np.empty((ids.size, *values.shape[1:]), dtype=values.dtype)
            columns[name][places] = values
    ledgers = [part.ledger for _, part in parts]
    return batches.with_indices(ids, **columns).with_ledger(*ledgers)


# Orders in a list: Concat, Interleave.


def checked_orders(orders: Any, name: str) -> tuple[Order, ...]:
    """A list of orders as a tuple, each one that can be part of an order."""
    listed = cast("Sequence[Order]", orders)
    if not isinstance(orders, (list, tuple)) or not listed:
        raise BadArgument("orders", "be a list of orders", listed, f"write {name}([first, second])")
    for place, order in enumerate(listed):
        check_inner_order(f"orders[{place}]", order)
    return tuple(listed)


def prepare_orders(orders: Sequence[Order], table: Table, key: Key, epoch: int) -> Prepared:
    """What each order of a list prepares for an epoch, by its place; all must give the same columns."""
    contexts: list[Context] = []
    for place, order in enumerate(orders):
        context = Context(table, key.child(place, order.name))
        contexts.append(replace(context, prepared=prepare_inner(order, context, [epoch])))
    check_same_columns(orders, contexts, [epoch] * len(contexts))
    return {str(place): context.prepared for place, context in enumerate(contexts)}


def inside_list(orders: Sequence[Order], place: int, context: Context) -> Context:
    """The context of one order of a list, for :func:`plan_inner` and :func:`position_inner`."""
    key = context.key.child(place, orders[place].name)
    return replace(context, key=key, prepared=context.prepared[str(place)])


# One order on a view of the table: Subset, Exclude.


def prepare_on_view(order: Order, view: Table, key: Key, epoch: int) -> Prepared:
    """The view, and what the order prepares on it."""
    return {"table": view, "order": prepare_inner(order, Context(view, key.child(order.name)), [epoch])}


def inside_view(order: Order, context: Context) -> Context:
    """The context of the order on its view."""
    prepared = context.prepared
    return replace(context, table=prepared["table"], key=context.key.child(order.name), prepared=prepared["order"])

"""Which entries of a matrix of similarities may contrast, as a mask for the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from croupier.core.batches import Int64
from croupier.core.plain_array import plain_array
from croupier.errors import BadArgument, checked_int, checked_kind
from croupier.negatives.known_positives import KnownPositives
from croupier.torch.devices import checked_device

__all__ = ["host_ids", "in_batch_mask", "masked_logits", "with_false_at"]


def in_batch_mask(
    query_ids: Any, item_ids: Any, known: KnownPositives, *, first_column: int = 0, device: Any = None
) -> torch.Tensor:
    """The mask of a softmax over in-batch items: each query's own item, and what may serve as its negative.

    Parameters
    ----------
    query_ids : integers of shape (B,)
        The queries of this rank's rows; array, tensor or list.
    item_ids : integers of shape (M,)
        The items of the columns, with M at least first_column + B: this rank's, or those gathered from all ranks, then
        explicit negatives if there are any. -1 is no item.
    known : KnownPositives
    first_column : int
        The column of this rank's first item: the number of rows on the ranks before it.
    device : torch.device, optional
        Where the mask is made; by default on the device of ``query_ids`` if that is a tensor, else on the host.

    Returns a bool tensor of shape (B, M).

    Guarantees: row i is True in its own column, first_column + i, so no softmax is empty, also in a row of padding. It
    is False at every other column with an item that is known to be right for the query, that equals its own item,
    whether ``known`` has the pair or not, or that is -1. Takes O(n log n) of ids and what is found on the host; of the
    mask, only the places that are False cross to the device.

    Raises
    ------
    BadArgument
        Ids that are no whole numbers, or own items beyond the columns.

    Examples
    --------
    Queries 0 and 1 ask for the same item; item 7 is right for query 2 too:

    >>> known = KnownPositives.of(queries=[0, 1, 2, 2], items=[5, 5, 6, 7])
    >>> in_batch_mask([0, 1, 2], [5, 5, 6, 7], known).int().tolist()
    [[1, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 0]]
    """
    if not isinstance(known, KnownPositives):
        raise BadArgument("known", "be KnownPositives", known, "pass KnownPositives.of(queries, items)")
    queries, items = host_ids("query_ids", query_ids), host_ids("item_ids", item_ids)
    start = checked_int("first_column", first_column, at_least=0, fix="pass the rows on the ranks before this one")
    own = items[start : start + queries.size]
    if own.size < queries.size:
        raise BadArgument(
            "item_ids", f"have the {queries.size} items of the queries from column {start} on", items.size,
            "pass the items of all ranks in rank order, and the rows before this rank's as first_column",
        )  # fmt: skip
    is_there = device is None and isinstance(query_ids, torch.Tensor)
    where = query_ids.device if is_there else checked_device(device)
    # Each row its own query here: the item it is paired with is right for it.
    paired = np.flatnonzero(own >= 0)
    beside = KnownPositives.of(paired, own[paired]).pairs_among(np.arange(queries.size), items)
    mask = with_false_at(items >= 0, queries.size, known.pairs_among(queries, items), beside, device=where)
    mask.diagonal(start)[: queries.size] = True
    return mask


def masked_logits(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The logits, with minus infinity where the mask is False: exactly no probability, and no gradient.

    Parameters
    ----------
    logits : float tensor of shape (B, M)
    mask : bool tensor of shape (B, M)
        Of :func:`in_batch_mask`, of a queue, or both side by side. True in at least one entry of each row, as the
        column of the row's own item is; the softmax of a row without one is not a number.

    Label smoothing gives every column a share of the right answer, and would make the loss infinite.

    Raises
    ------
    BadArgument
        A mask that is not bool, or of another shape.

    Examples
    --------
    >>> masked_logits(torch.tensor([[2.0, 9.0]]), torch.tensor([[True, False]])).softmax(1).tolist()
    [[1.0, 0.0]]
    """
    checked_kind("logits", logits, torch.Tensor, fix="pass a tensor")
    checked_kind("mask", mask, torch.Tensor, fix="pass a tensor")
    if mask.dtype != torch.bool or mask.shape != logits.shape:
        raise BadArgument(
            "mask", f"be bool of shape {tuple(logits.shape)}", f"{mask.dtype} of shape {tuple(mask.shape)}",
            "pass in_batch_mask(...) for in-batch columns, and torch.cat masks as their logits",
        )  # fmt: skip
    return logits.masked_fill(~mask, -torch.inf)


def host_ids(argument: str, ids: Any) -> Int64:
    """Ids as a 1-D int64 array on the host, -1 allowed, or the error that says why they are none."""
    is_here = isinstance(ids, torch.Tensor) and not ids.is_meta
    values = plain_array(argument, ids.detach().cpu() if is_here else ids)
    if values.ndim != 1 or (values.size and (values.dtype.kind not in "iu" or int(values.min()) < -1)):
        what = f"dtype {values.dtype} of shape {values.shape}"
        raise BadArgument(argument, "be a 1-D list of whole numbers >= -1", what, "pass ids; content_ids makes some")
    if values.size and int(values.max()) >= 2**62:
        raise BadArgument(argument, "be below 2**62", int(values.max()), "number them from 0; content_ids does")
    return values.astype(np.int64)


def with_false_at(columns: Any, rows: int, *places: tuple[Int64, Int64], device: Any) -> torch.Tensor:
    """These columns as every row of a bool tensor, False at (row, column) places as well."""
    mask = torch.as_tensor(columns, device=device).repeat(rows, 1)
    found = torch.as_tensor(np.concatenate([np.stack(pair) for pair in places], axis=1), device=device)
    mask[found[0], found[1]] = False
    return mask

"""What a batch of any loader contrasts: its queries, their items, and the negatives that came with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.plain_array import plain_array
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int, checked_real, keep_plain_numbers
from croupier.negatives.pairs import Pairs
from croupier.run.deal import Deal

__all__ = ["AuditScope", "Contrast", "ContrastRows", "read_rows", "rows_of_deals"]

Float64 = npt.NDArray[np.float64]

LARGEST_ID = 2**28 - 1
"""Items and rows are counted by id: 8 bytes each."""
LARGEST_QUERY = 2**53
HOW = 'give {"queries": ..., "items": ...} and what else there is, by rows_of=lambda batch: ...'


class Contrast(Enum):
    """What a loss contrasts a query with: ``OWN``, ``IN_BATCH`` or ``ALL``."""

    OWN = "own negatives"
    """The negatives of its own row."""
    IN_BATCH = "in-batch and own negatives"
    """The items of the other rows, and the negatives of its own row."""
    ALL = "in-batch negatives, and those of all rows"
    """The items of the other rows, and the negatives of all rows: sentence-transformers' ranking losses, STAR."""


@dataclass(frozen=True, slots=True)
class AuditScope:
    """What is audited: which negatives a loss contrasts, of how many.

    Parameters
    ----------
    contrast : Contrast
    items, rows : int, optional
        How many items and rows there are, numbered from 0. Without ``items``, those served or known to be right for
        some query; without ``rows``, rows never dealt are not counted.
    margin : float
        A negative is suspected to be right where its score exceeds the positive's less this margin.
    """

    contrast: Contrast = Contrast.IN_BATCH
    items: int | None = None
    rows: int | None = None
    margin: float = 0.0

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        if not isinstance(self.contrast, Contrast):
            raise BadArgument("contrast", "be a Contrast", self.contrast, "pass Contrast.IN_BATCH, say")
        for name, value in (("items", self.items), ("rows", self.rows)):
            if value is not None:
                checked_int(name, value, at_least=1, at_most=LARGEST_ID, fix="pass how many there are")
        fix = "pass a difference of scores, like 0.05"
        object.__setattr__(self, "margin", checked_real("margin", self.margin, "be a finite number", fix=fix))


@dataclass(frozen=True, slots=True)
class ContrastRows:
    """One batch, checked; B rows without those of padding, k own negatives a row."""

    queries: Int64
    """Shape (B,)."""
    items: Int64
    """Shape (B,): the item that is right."""
    negatives: Int64
    """Shape (B, k), -1 for none."""
    scores: Float64 | None
    """Shape (B, 1 + k): the item's, then the negatives'."""
    mined_at: Int64 | None
    """Shape (B, k): the step or version of the index that found a negative."""
    now: int | None
    """The present step or version."""
    rows: Int64 | None
    """Shape (B,): the rows of the dataset."""


def rows_of_deals(table: Table, pairs: Pairs) -> Callable[[Deal], Mapping[str, Any]]:
    """What deals contrast, for ``rows_of``: their rows' query and item, and the column ``negatives`` if there is one.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(query=[0, 0, 1], item=[5, 6, 7])
    >>> rows_of = rows_of_deals(table, Pairs())
    >>> {name: ids.tolist() for name, ids in rows_of(Deal(np.array([2, 0]), {})).items()}
    {'queries': [1, 0], 'items': [7, 5], 'rows': [2, 0]}
    """
    if not isinstance(table, Table) or not isinstance(pairs, Pairs):
        raise BadArgument("rows_of_deals", "be given a Table and Pairs", (table, pairs), "pass those of the plan")

    def rows_of(deal: Deal) -> Mapping[str, Any]:
        names = {"queries": pairs.query, "items": pairs.item}
        rows = {of: deal.columns[n] if n in deal.columns else table.column(n)[deal.ids] for of, n in names.items()}
        if "is_padding" in deal.columns:
            rows["queries"] = np.where(deal.columns["is_padding"], -1, rows["queries"])
        if "negatives" in deal.columns:
            rows["negatives"] = deal.columns["negatives"]
        return {**rows, "rows": deal.ids}

    return rows_of


def read_rows(batch: Any, number: int) -> ContrastRows:
    """A batch as checked arrays, rows with the query -1 left out; or the error that says what is wrong with it."""
    given = _by_name(batch, number)
    queries = _ids(given, "queries", number, 1)
    is_real = queries >= 0
    size = queries.size
    items = _ids(given, "items", number, 1, size)
    negatives = np.empty((size, 0), np.int64)
    if given.get("negatives") is not None:
        negatives = _ids(given, "negatives", number, None, size)
        negatives = negatives[:, None] if negatives.ndim == 1 else negatives
    count = negatives.shape[1]
    if bool((items[is_real] < 0).any()):
        raise BadArgument(f"items of batch {number}", "be >= 0", -1, "rows of padding have the query -1")
    scores = mined_at = rows = now = None
    if given.get("scores") is not None:
        scores = _array(given["scores"]).astype(np.float64)
        if scores.shape != (size, 1 + count):
            rule = f"have shape {(size, 1 + count)}: the item's, then those of {count} negatives"
            raise BadArgument(f"scores of batch {number}", rule, scores.shape, "leave out those of other rows")
        scores = scores[is_real]
    if given.get("mined_at") is not None:
        mined_at = _array(given["mined_at"])
        if mined_at.dtype.kind not in "iu" or mined_at.shape not in ((), (size,), (size, count)):
            what = f"dtype {mined_at.dtype} of shape {mined_at.shape}"
            rule = f"be whole numbers of shape (), {(size,)} or {(size, count)}"
            raise BadArgument(f"mined_at of batch {number}", rule, what, "give the step or version of the index")
        column = mined_at[:, None] if mined_at.ndim == 1 else mined_at
        mined_at = np.broadcast_to(column.astype(np.int64), (size, count))[is_real]
    if given.get("rows") is not None:
        rows = _ids(given, "rows", number, 1, size)[is_real]
    if given.get("now") is not None:
        now = checked_int(f"now of batch {number}", given["now"], at_least=0, fix="give the present step or version")
    return ContrastRows(queries[is_real], items[is_real], negatives[is_real], scores, mined_at, now, rows)


def _by_name(batch: Any, number: int) -> Mapping[str, Any]:
    names = ("queries", "items", "negatives", "scores", "mined_at", "now", "rows")
    if isinstance(batch, Mapping):
        given = cast("Mapping[str, Any]", batch)
        unknown = [str(name) for name in given if name not in names]
        missing = [name for name in names[:2] if name not in given]
        if unknown or missing:
            what = f"unknown {unknown}" if unknown else f"no {missing}"
            raise BadArgument(f"batch {number}", f"have entries among {', '.join(names)}", what, HOW)
        return given
    if isinstance(batch, (tuple, list)) and not isinstance(batch, Deal):
        parts = tuple(cast("tuple[Any, ...]", batch))
        if len(parts) in (2, 3):
            return dict(zip(names, parts, strict=False))
    for_deals = "audit a Dealer with its Pairs, or pass rows_of=rows_of_deals(table, pairs)"
    raise BadArgument(
        f"batch {number}", "be a mapping or a tuple (queries, items[, negatives])", type(cast(object, batch)).__name__,
        for_deals if isinstance(batch, Deal) else HOW,
    )  # fmt: skip


def _array(values: Any) -> npt.NDArray[Any]:
    # Tensors of any library that has them; none is imported here.
    if getattr(values, "device", None) is not None and str(values.device) == "meta":
        raise BadArgument("batch", "have its numbers", "a tensor without data", "pass one that is on a device")
    if hasattr(values, "detach"):
        here = values.detach().cpu()
        values = here.float() if str(here.dtype) == "torch.bfloat16" else here
    return plain_array("batch", values)


def _ids(given: Mapping[str, Any], name: str, number: int, dimensions: int | None, size: int | None = None) -> Int64:
    try:
        ids = _array(given[name])
    except ValueError:
        ids = np.empty((0, 0, 0))  # ragged lists
    of_dimensions = ids.ndim == dimensions if dimensions else ids.ndim in (1, 2)
    if not of_dimensions or (ids.size and ids.dtype.kind not in "iu"):
        shape = "(B,)" if dimensions else "(B, k)"
        what = f"dtype {ids.dtype} of shape {ids.shape}"
        raise BadArgument(
            f"{name} of batch {number}", f"be whole numbers of shape {shape}", what, "content_ids makes ids of texts"
        )
    largest = LARGEST_QUERY if name == "queries" else LARGEST_ID
    if ids.size and (int(ids.min()) < -1 or int(ids.max()) > largest):
        what = f"{ids.min()} .. {ids.max()}"
        raise BadArgument(
            f"{name} of batch {number}", f"be from -1 to {largest}", what, "number them from 0; content_ids does"
        )
    if size is not None and len(ids) != size:
        raise BadArgument(f"{name} of batch {number}", f"have the {size} rows of its queries", len(ids), "align them")
    return ids.astype(np.int64)

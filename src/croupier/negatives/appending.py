"""Sources of negatives, one stage each: every stage adds its own to those of the stages before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.facts import check_free
from croupier.core.table import Table
from croupier.errors import BadArgument

__all__ = ["COLUMNS", "Negatives", "append_negatives", "check_negatives_free"]

Float64 = npt.NDArray[np.float64]

COLUMNS = (
    "negatives",
    "negative_source",
    "negative_score",
    "negative_log_q",
    "negative_weight",
    "negative_version",
)


@dataclass(frozen=True, slots=True)
class Negatives:
    """What one source found for each row, all of shape (n, k); item -1 where it found too few.

    ``scores`` are the source's own (NaN where it has none), ``version`` is that of what it was mined from (0 for what
    the run began with, -1 for sources that have none).
    """

    items: Int64
    log_q: Float64
    scores: npt.NDArray[np.float32] | None = None
    weights: npt.NDArray[np.float32] | None = None
    version: int = -1


def append_negatives(batches: Batches, found: Negatives) -> Batches:
    """Add a source's columns to those there are.

    ``negatives`` (int64), ``negative_source`` (int8: 0 for the first such stage of the plan, 1 for the next),
    ``negative_score`` (float32), ``negative_log_q`` (float64), ``negative_weight`` (float32: 0 for item -1) and
    ``negative_version`` (int32), each of shape (n, all of them).
    """
    shape, missing = _checked(found, batches.indices.size), found.items < 0
    source = 1 + int(batches.columns["negative_source"].max(initial=-1)) if "negatives" in batches.columns else 0
    scores = np.full(shape, np.nan, np.float32) if found.scores is None else found.scores.astype(np.float32)
    weights = np.ones(shape, np.float32) if found.weights is None else found.weights.astype(np.float32)
    added = (
        found.items,
        np.full(shape, source, np.int8),
        np.where(missing, np.float32(np.nan), scores),
        np.where(missing, -np.inf, found.log_q),
        np.where(missing, np.float32(0), weights),
        np.full(shape, found.version, np.int32),
    )
    before = [batches.columns.get(name) for name in COLUMNS]
    joined = [
        new if old is None else np.concatenate([old, new], axis=1) for old, new in zip(before, added, strict=True)
    ]
    return batches.with_columns(**dict(zip(COLUMNS, joined, strict=True)))


def check_negatives_free(table: Table, stage: str) -> None:
    """Refuse a table with a column of one of these names."""
    for name in COLUMNS:
        check_free(table, name, stage)


def _checked(found: Negatives, rows: int) -> tuple[int, ...]:
    shape: tuple[int, ...] = getattr(found.items, "shape", ())
    if len(shape) != 2 or shape[0] != rows or found.items.dtype != np.int64:
        raise BadArgument("items", f"be int64 of shape ({rows}, k)", found.items, "give each row as many, -1 for none")
    more: dict[str, Any] = {"log_q": found.log_q, "scores": found.scores, "weights": found.weights}
    for argument, values in more.items():
        is_left_out = values is None and argument != "log_q"
        if not is_left_out and (getattr(values, "shape", None) != shape or np.asarray(values).dtype.kind != "f"):
            raise BadArgument(argument, f"be floats of shape {shape}, as items", values, "give one an item")
    return shape

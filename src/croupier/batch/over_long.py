"""What becomes of examples that are longer than a batch may hold."""

from __future__ import annotations

from typing import assert_never

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.ledger import Ledger
from croupier.core.policies import TooLong
from croupier.core.table import Table
from croupier.errors import BadTable

__all__ = ["refuse_longer", "settle_over_long"]

CHECKED_ROWS = 2**24


def refuse_longer(table: Table, length: str, limit: int, budget: str) -> None:
    """Refuse a table with a longer example before the run; one too large for a look is checked as it is dealt."""
    if table.size <= CHECKED_ROWS:
        _refuse(np.asarray(table.column(length)), np.arange(table.size), length, limit, budget)


def settle_over_long(batches: Batches, length: str, limit: int, policy: TooLong, *, budget: str, stage: str) -> Batches:
    """Apply the policy to examples longer than ``limit``, and write down what was done.

    ``batches`` carry the column ``length``; under ``SPLIT`` they get the column ``start`` too, whether or not there is
    anything to split, so that every window has the same columns.
    """
    lengths: Int64 = batches.columns[length]
    over = lengths > limit
    count = int(np.count_nonzero(over))
    if policy is TooLong.SPLIT:
        return _split(batches, length, limit, stage)
    if not count:
        return batches
    tokens = int(lengths[over].sum())
    match policy:
        case TooLong.REFUSE:
            _refuse(lengths, batches.indices, length, limit, budget)
            return batches
        case TooLong.ALONE:
            return batches.with_ledger(Ledger.of(stage, "dealt alone over the budget", count, tokens))
        case TooLong.TRUNCATE:
            cut = batches.with_columns(**{length: np.minimum(lengths, limit)})
            return cut.with_ledger(Ledger.of(stage, "truncated", count, tokens - count * limit))
        case TooLong.DROP:
            kept = np.concatenate([np.zeros(1, np.int64), np.cumsum(~over, dtype=np.int64)])
            left = batches.take(np.flatnonzero(~over), kept[batches.offsets])
            return left.with_ledger(Ledger.of(stage, "dropped as too long", count, tokens))
        case _:
            assert_never(policy)


def _split(batches: Batches, length: str, limit: int, stage: str) -> Batches:
    lengths: Int64 = batches.columns[length]
    pieces = np.maximum(1, -(-lengths // limit))
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(pieces)])
    rows = np.repeat(np.arange(lengths.size), pieces)
    starts = (np.arange(rows.size) - ends[:-1][rows]) * limit
    split = batches.take(rows, ends[batches.offsets])
    split = split.with_columns(**{length: np.minimum(lengths[rows] - starts, limit), "start": starts})
    over = lengths > limit
    return split.with_ledger(Ledger.of(stage, "dealt in pieces", int(over.sum()), int(lengths[over].sum())))


def _refuse(lengths: npt.NDArray[np.generic], ids: Int64, length: str, limit: int, budget: str) -> None:
    longest = int(np.argmax(lengths))
    if lengths[longest] > limit:
        raise BadTable(
            length,
            f"be <= {limit}, the longest that fits {budget}",
            f"{lengths[longest]} in row {ids[longest]}",
            "raise that, or pass too_long=TooLong.SPLIT, TooLong.TRUNCATE or TooLong.DROP",
        )

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

__all__ = ["padded_size", "refuse_longer", "settle_over_long"]

CHECKED_ROWS = 2**24


def padded_size(lengths: npt.NDArray[np.generic], multiple_of: int) -> Int64:
    """Tokens of each row of lengths, shape (n, d), alone in a batch: each length rounded up, and their sum."""
    return (-(-lengths.astype(np.int64) // multiple_of) * multiple_of).sum(axis=1)


def refuse_longer(table: Table, names: tuple[str, ...], limit: int, budget: str, *, multiple_of: int = 1) -> None:
    """Refuse a table with a longer example before the run; one too large for a look is checked as it is dealt."""
    if table.size > CHECKED_ROWS:
        return
    if len(names) == 1:
        _refuse(np.asarray(table.column(names[0])), np.arange(table.size), names[0], limit, budget)
    else:
        sizes = padded_size(np.stack([table.column(name) for name in names], axis=1), multiple_of)
        _refuse(sizes, np.arange(table.size), " + ".join(names), limit, budget)


def settle_over_long(
    batches: Batches, sizes: Int64, limit: int, policy: TooLong, *, length: str, budget: str, stage: str
) -> Batches:
    """Apply the policy to examples of a size above ``limit``, and write down what was done.

    ``TRUNCATE`` and ``SPLIT`` change the column ``length``, and need ``sizes`` to be it; under ``SPLIT`` the batches
    get the column ``start`` too, even where there is nothing to split, so that every window has the same columns.
    """
    if policy is TooLong.SPLIT:
        return _split(batches, sizes, length, limit, stage)
    over = sizes > limit
    count = int(np.count_nonzero(over))
    if not count:
        return batches
    tokens = int(sizes[over].sum())
    match policy:
        case TooLong.REFUSE:
            _refuse(sizes, batches.indices, length, limit, budget)
            return batches
        case TooLong.ALONE:
            return batches.with_ledger(Ledger.of(stage, "dealt alone over the budget", count, tokens))
        case TooLong.TRUNCATE:
            cut = batches.with_columns(**{length: np.minimum(sizes, limit)})
            return cut.with_ledger(Ledger.of(stage, "truncated", count, tokens - count * limit))
        case TooLong.DROP:
            return batches.without(over).with_ledger(Ledger.of(stage, "dropped as too long", count, tokens))
        case _:
            assert_never(policy)


def _split(batches: Batches, lengths: Int64, length: str, limit: int, stage: str) -> Batches:
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
            "raise that, or pass too_long=TooLong.DROP"
            + ("" if " + " in length else ", TooLong.TRUNCATE or TooLong.SPLIT"),
        )

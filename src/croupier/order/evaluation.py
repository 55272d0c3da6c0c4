"""Every row once over all ranks, in equal counts, and the way back to the table's order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.ledger import Ledger
from croupier.core.plain_array import plain_array, whole_numbers
from croupier.core.stage import Context
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int

__all__ = ["Evaluation", "in_table_order"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Deal each row once, then flagged padding until the count is a multiple.

    Parameters
    ----------
    multiple_of : int
        With ``batch_size * world_size`` every rank gets the same number of full batches; with ``world_size`` the same
        number of ids. Padding repeats the first rows, flagged in column ``is_padding``, counted in the ledger.

    Guarantees: each id once with ``is_padding`` False; counts are a multiple of ``multiple_of``.
    What DistributedSampler does instead is to repeat rows without a flag, which shifts every metric
    (pytorch issue 25162).

    Examples
    --------
    >>> import croupier as cr
    >>> dealer = cr.Dealer(cr.chain(Evaluation(multiple_of=4), cr.FixedSize(2)), cr.Table(size=5), seed=0)
    >>> deals = list(dealer)
    >>> [deal.ids.tolist() for deal in deals]
    [[0, 1], [2, 3], [4, 0], [1, 2]]
    >>> ids = np.concatenate([deal.ids for deal in deals])
    >>> flags = np.concatenate([deal.columns["is_padding"] for deal in deals])
    >>> cr.in_table_order(ids, ids * 10, is_padding=flags).tolist()
    [0, 10, 20, 30, 40]
    """

    multiple_of: int = 1
    name: str = "evaluation"

    def __post_init__(self) -> None:
        multiple_of = checked_int("multiple_of", self.multiple_of, at_least=1, fix="pass batch_size * world_size")
        object.__setattr__(self, "multiple_of", multiple_of)

    @property
    def may_repeat(self) -> bool:
        """As padding."""
        return True

    def epoch_size(self, table: Table, epoch: int) -> int:
        """The rows, rounded up to a multiple."""
        return -(-table.size // self.multiple_of) * self.multiple_of

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions are ids; those past the table are padding."""
        rows = context.table.size
        is_padding = batches.indices >= rows
        padded = batches.with_indices(batches.indices % rows, is_padding=is_padding)
        return padded.with_ledger(Ledger.of(self.name, "repeated as padding", int(is_padding.sum())))

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in an epoch each id comes first."""
        return ids


def in_table_order(
    ids: npt.ArrayLike, results: npt.ArrayLike, *, rows: int | None = None, is_padding: npt.ArrayLike | None = None
) -> npt.NDArray[Any]:
    """Put gathered results back in the order of the table.

    Parameters
    ----------
    ids : int array of shape (n,)
        The ids of all ranks, in any order, as gathered.
    results : array of shape (n, ...)
        What was computed for each.
    rows : int, optional
        How many rows the table has: with it, results that are missing at its end are noticed too.
    is_padding : bool array of shape (n,), optional
        Rows to leave out.

    Returns
    -------
    array of shape (rows, ...)

    Raises
    ------
    BadArgument
        An id is missing or comes twice without being padding: the metric would be wrong.
    """
    dealt = whole_numbers("ids", ids, fix="pass the ids of the deals")
    values = plain_array("results", results)
    flags = np.zeros(dealt.shape, np.bool_) if is_padding is None else plain_array("is_padding", is_padding)
    if flags.size and flags.dtype != np.bool_:
        raise BadArgument("is_padding", "be True or False for each id", is_padding, "pass the deals' columns")
    flags = flags.astype(np.bool_)
    if values.shape[:1] != dealt.shape or flags.shape != dealt.shape:
        shapes = f"shapes {dealt.shape}, {values.shape} and {flags.shape}"
        raise BadArgument("ids, results and is_padding", "have one entry for each id dealt", shapes, "gather all three")
    dealt, values = dealt[~flags], values[~flags]
    order = np.argsort(dealt, kind="stable")
    wanted = dealt.size if rows is None else checked_int("rows", rows, at_least=0, fix="pass len(dataset)")
    common = min(dealt.size, wanted)
    wrong = np.flatnonzero(dealt[order][:common] != np.arange(common))
    if wrong.size or dealt.size != wanted:
        first = int(wrong[0]) if wrong.size else common
        raise BadArgument(
            "ids", f"hold every row once (row {first} is missing or repeated)", dealt,
            "gather the ids of all ranks, and pass is_padding",
        )  # fmt: skip
    return values[order]

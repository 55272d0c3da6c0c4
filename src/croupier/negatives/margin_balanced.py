"""One pair of a positive and a negative for each query, drawn evenly over how hard a teacher finds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.facts import check_free
from croupier.core.key import Key
from croupier.core.plain_array import plain_array
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable, checked_int
from croupier.kernels.elementary import natural_log
from croupier.kernels.grouping import group_rows
from croupier.kernels.mixing import draws_below

__all__ = ["MarginBalanced"]

LARGEST_MARGIN = 1e300
"""Their differences are finite too."""


@dataclass(frozen=True, slots=True)
class MarginBalanced:
    """Draw a bin of margins alike among those a row has pairs in, then a pair of that bin alike.

    Parameters
    ----------
    offsets : int64 array of shape (rows + 1,)
        Pairs ``offsets[i] .. offsets[i + 1] - 1`` are those of row i; every row has one at least.
    margins : float array of shape (pairs,)
        The teacher's score of the positive less that of the negative, finite.
    bins : int
        A row's bins are equally wide, from its least margin to its greatest; where all are equal, there is one.

    Adds columns ``pair`` (int64: a place in ``margins``) and ``pair_log_q`` (float64, its log probability), shape (n,).

    Guarantees: every pair of every row may come; the draw belongs to the place in the flow of ids.

    Source: Hofstaetter and others, "Efficiently teaching an effective dense retriever with balanced topic aware
    sampling", SIGIR 2021, balanced margins. Their code takes bins from least to greatest in steps and fails where all
    margins are equal; it leaves out queries of a single pair.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(cr.Sequential(), MarginBalanced([0, 1, 3], [0.5, 2.0, 2.0]), cr.FixedSize(2))
    >>> deal = cr.Dealer(plan, cr.Table(size=2), seed=0).first()
    >>> int(deal.columns["pair"][0]), deal.columns["pair_log_q"].round(3).tolist()
    (0, [0.0, -0.693])
    """

    offsets: npt.NDArray[np.integer]
    margins: npt.NDArray[np.floating]
    bins: int = 10
    name: str = "margin_balanced"

    def __post_init__(self) -> None:
        object.__setattr__(self, "bins", checked_int("bins", self.bins, at_least=1, fix="pass 10, say"))
        offsets, margins = plain_array("offsets", self.offsets), plain_array("margins", self.margins)
        if margins.size and margins.dtype.kind not in "iuf":
            raise BadArgument("margins", "be numbers", f"dtype {margins.dtype}", "mend the teacher's scores")
        margins = margins.astype(np.float64)
        if margins.ndim != 1 or not bool((np.abs(margins) < LARGEST_MARGIN).all()):  # of NaN neither
            wanted = f"be finite numbers below {LARGEST_MARGIN:g} of shape (pairs,)"
            raise BadArgument("margins", wanted, margins, "mend the teacher's scores")
        is_ragged = offsets.ndim == 1 and offsets.dtype.kind in "iu" and offsets.size > 1 and int(offsets[0]) == 0
        if not is_ragged or int(offsets[-1]) != margins.size or bool((np.diff(offsets.astype(np.int64)) < 1).any()):
            raise BadArgument(
                "offsets", f"go from 0 to the {margins.size} margins and rise by a pair a row at least", offsets,
                "leave rows without a pair out of the table",
            )  # fmt: skip
        object.__setattr__(self, "offsets", offsets.astype(np.int64))
        object.__setattr__(self, "margins", margins)

    @property
    def prepared_per_epoch(self) -> bool:
        """Bins hold for the run."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The pairs in order of row and bin, and where each bin that has any begins: 16 bytes a pair, 8 a row."""
        for column in ("pair", "pair_log_q"):
            check_free(table, column, self.name)
        if table.size != self.offsets.size - 1:
            raise BadTable("offsets", f"have the {table.size} rows of the table", self.offsets.size - 1, "mend them")
        counts = np.diff(self.offsets)
        row = np.repeat(np.arange(counts.size), counts)
        least, most = (np.repeat(f.reduceat(self.margins, self.offsets[:-1]), counts) for f in (np.minimum, np.maximum))
        width = np.where(most > least, most - least, 1.0)
        bins = np.minimum(((self.margins - least) / width * self.bins).astype(np.int64), self.bins - 1)
        pairs, begins = group_rows(row * self.bins + bins, counts.size * self.bins)
        bins_of_row = np.bincount(row[pairs[begins[:-1]]], minlength=counts.size)
        return {"pairs": pairs, "begins": begins, "first_bin": np.concatenate([[0], np.cumsum(bins_of_row)])}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Add the two columns."""
        pairs, begins, first_bin = (context.prepared[name] for name in ("pairs", "begins", "first_bin"))
        rows = batches.indices
        counters: Int64 = np.arange(rows.size, dtype=np.int64)
        bins = first_bin[rows + 1] - first_bin[rows]
        chosen = first_bin[rows] + draws_below(context.segment_key.child("bin").bits, counters, bins)
        size = begins[chosen + 1] - begins[chosen]
        place = begins[chosen] + draws_below(context.segment_key.child("pair").bits, counters, size)
        log_q = 0.0 - natural_log((bins * size).astype(np.float64))
        return batches.with_new_columns(self.name, pair=pairs[place], pair_log_q=log_q)

"""Random negatives for each example, known positives left out exactly."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches
from croupier.core.facts import gathered
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable, checked_int, keep_plain_numbers
from croupier.negatives.appending import Negatives, append_negatives, check_negatives_free
from croupier.negatives.candidates import Candidates
from croupier.negatives.negative_sampler import NegativeSampler
from croupier.negatives.pairs import Pairs

__all__ = ["NoNegative", "RandomNegatives"]


class NoNegative(Enum):
    """A row for which no negative exists. ``REFUSE``: raise. ``MARK``: item -1, log probability -inf, counted."""

    REFUSE = "refuse"
    """Raise before the run, naming the row."""
    MARK = "mark"
    """Give it the item -1 and the log probability -inf; the ledger counts it."""


@dataclass(frozen=True, slots=True)
class RandomNegatives:
    """Draw ``per_example`` negatives for each id, from all candidates that are no known positive of its query.

    Parameters
    ----------
    per_example : int
        Negatives an example; drawn independently, so one may come twice.
    candidates : int or Candidates
        How many items there are; or by which weights, and which of them suit a row (``Before``, ``SameGroup``).
    pairs : Pairs
        The columns of the query and of the item of each row; all items of a query's rows are its known positives.
    no_negative : NoNegative

    Adds the columns that :func:`append_negatives` names, after those of earlier sources: ``negatives`` (int64),
    ``negative_log_q`` (float64, the log probability) and others, shape (n, per_example) if it is the only source.

    Guarantees: those of :class:`NegativeSampler`. The draw belongs to the place in the flow of ids, not to the batch
    around it.

    Raises
    ------
    BadTable
        A row without any negative, before the run; an item that is no candidate; a column that is taken.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(user=[0, 0, 1], item=[0, 2, 1])
    >>> plan = cr.chain(cr.Sequential(), RandomNegatives(2, 4, Pairs("user", "item")), cr.FixedSize(3))
    >>> cr.Dealer(plan, table, seed=0).first().columns["negatives"].shape
    (3, 2)
    """

    per_example: int
    candidates: int | Candidates
    pairs: Pairs = field(default_factory=Pairs)
    no_negative: NoNegative = NoNegative.REFUSE
    name: str = "random_negatives"

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        per_example = checked_int(
            "per_example", self.per_example, at_least=1, fix="pass the number of negatives an example"
        )
        object.__setattr__(self, "per_example", per_example)
        if not isinstance(self.candidates, Candidates):
            Candidates(self.candidates)
        if not isinstance(self.pairs, Pairs):
            raise BadArgument("pairs", "be Pairs", self.pairs, 'pass Pairs("user", "item")')
        if not isinstance(self.no_negative, NoNegative):
            raise BadArgument("no_negative", "be a NoNegative", self.no_negative, "pass NoNegative.MARK, say")

    @property
    def prepared_per_epoch(self) -> bool:
        """Positives hold for the run."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The sampler: all queries' positives, sorted."""
        check_negatives_free(table, self.name)
        sampler = NegativeSampler(self.candidates, self.pairs.known_in(table))
        if self.no_negative is NoNegative.REFUSE and self.pairs.query in table:
            facts = {name: table.column(name) for name in sampler.candidates.columns if name in table}
            if len(facts) == len(sampler.candidates.columns):
                self._check(sampler.has_negative(table.column(self.pairs.query), facts), np.arange(table.size))
        return {"sampler": sampler}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Add a source."""
        sampler: NegativeSampler = context.prepared["sampler"]
        facts = {name: gathered(batches, context.table, name) for name in sampler.candidates.columns}
        queries = gathered(batches, context.table, self.pairs.query)
        drawn = sampler.draw(queries, self.per_example, key=context.segment_key, facts=facts)
        has_one = drawn.items[:, 0] >= 0
        if self.no_negative is NoNegative.REFUSE:
            self._check(has_one, batches.indices)
        without = Ledger.of(self.name, "dealt without a negative", int(np.count_nonzero(~has_one)))
        return append_negatives(batches, Negatives(drawn.items, drawn.log_q)).with_ledger(without)

    def _check(self, has_one: npt.NDArray[np.bool_], rows: npt.NDArray[Any]) -> None:
        if not bool(has_one.all()):
            row = int(rows[np.flatnonzero(~has_one)[0]])
            count = int(np.count_nonzero(~has_one))
            raise BadTable(
                self.pairs.query, "leave each row an item that may be drawn", f"none for row {row} ({count} such rows)",
                "add candidates, drop these rows, or pass no_negative=NoNegative.MARK",
            )  # fmt: skip

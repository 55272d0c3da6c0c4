"""Negatives of a knowledge graph: a triple with another head or another tail, known triples left out exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.facts import check_free, gathered
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, BadTable, checked_int, keep_plain_numbers
from croupier.kernels.mixing import draws
from croupier.negatives.known_positives import KnownPositives
from croupier.negatives.negative_sampler import Drawn, NegativeSampler
from croupier.negatives.numbering import whole_ids

__all__ = ["CorruptedTriples"]

COLUMNS = ("corrupted", "corrupted_is_head", "corrupted_log_q")


@dataclass(frozen=True, slots=True)
class CorruptedTriples:
    """Replace the head or the tail of each triple, by a fair coin, by an entity that makes no known triple.

    Parameters
    ----------
    per_example : int
    entities : int
        Heads and tails are the entities 0 .. entities - 1.
    columns : (str, str, str)
        The columns of head, relation and tail, whole numbers >= 0.
    known : int64 array of shape (m, 3), optional
        Triples known beyond the table, of the other splits say: "filtered" draws.

    Adds columns ``corrupted`` (int64, the entity that takes the place), ``corrupted_is_head`` (bool, whose place) and
    ``corrupted_log_q`` (float64, the log probability given the side), shape (n, per_example). Where no entity is left
    on a side, the other side is taken; where none is left on both, the entity is -1, counted in the ledger.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(head=[0, 0], relation=[0, 0], tail=[1, 2])
    >>> plan = cr.chain(cr.Sequential(), CorruptedTriples(20, 3), cr.FixedSize(2))
    >>> columns = cr.Dealer(plan, table, seed=0).first().columns
    >>> sorted(set(columns["corrupted"][~columns["corrupted_is_head"]].tolist()))  # (0, 0, 0) alone is not known
    [0]
    """

    per_example: int
    entities: int
    columns: tuple[str, str, str] = ("head", "relation", "tail")
    known: npt.NDArray[np.integer] | None = None
    name: str = "corrupted_triples"

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        per_example = checked_int(
            "per_example", self.per_example, at_least=1, fix="pass the number of negatives an example"
        )
        object.__setattr__(self, "per_example", per_example)
        entities = checked_int("entities", self.entities, at_least=1, at_most=2**31, fix="pass the number of entities")
        object.__setattr__(self, "entities", entities)
        if not isinstance(self.columns, tuple) or len(self.columns) != 3:
            raise BadArgument(
                "columns", "name head, relation and tail", self.columns, 'pass ("head", "relation", "tail")'
            )
        if self.known is not None:
            triples = whole_ids("known", self.known, dimensions=2)
            if triples.shape[1] != 3:
                raise BadArgument("known", "be of shape (m, 3)", triples.shape, "pass head, relation, tail of each")
            object.__setattr__(self, "known", triples)

    @property
    def prepared_per_epoch(self) -> bool:
        """Triples hold for the run."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """A sampler for each side: known tails of (head, relation), known heads of (tail, relation)."""
        for column in COLUMNS:
            check_free(table, column, self.name)
        for column in self.columns:
            if column in table.categories:
                fix = "number heads and tails alike: content_ids(heads, tails) does"
                raise BadTable(column, "hold whole numbers", "strings, which are categories of their own", fix)
        triples = np.stack([whole_ids(name, table.column(name)) for name in self.columns], axis=1)
        if self.known is not None:
            triples = np.concatenate([triples, self.known])
        heads, relations, tails = triples.T
        if max(int(heads.max()), int(tails.max())) >= self.entities or int(relations.max()) >= 2**30:
            most = max(int(heads.max()), int(tails.max()))
            raise BadTable(self.columns[0], f"hold entities below {self.entities}", most, "raise entities")
        kinds = int(relations.max()) + 1
        of_tail = KnownPositives.of(heads * kinds + relations, tails)
        of_head = KnownPositives.of(tails * kinds + relations, heads)
        return {
            "tail": NegativeSampler(self.entities, of_tail), "head": NegativeSampler(self.entities, of_head),
            "kinds": np.array(kinds),
        }  # fmt: skip

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Add the columns."""
        heads, relations, tails = (gathered(batches, context.table, name).astype(np.int64) for name in self.columns)
        kinds, key = int(context.prepared["kinds"]), context.segment_key
        head: Drawn = context.prepared["head"].draw(tails * kinds + relations, self.per_example, key=key.child("head"))
        tail: Drawn = context.prepared["tail"].draw(heads * kinds + relations, self.per_example, key=key.child("tail"))
        counters: Int64 = np.arange(head.items.size, dtype=np.int64)
        coin = (draws(key.child("side").bits, counters) >> np.uint64(63)).astype(np.bool_).reshape(head.items.shape)
        is_head = (head.items >= 0) & (coin | (tail.items < 0))
        items: Int64 = np.where(is_head, head.items, tail.items)
        without = Ledger.of(self.name, "dealt without a negative", int(np.count_nonzero(items[:, 0] < 0)))
        added = (items, is_head, np.where(is_head, head.log_q, tail.log_q))
        return batches.with_new_columns(self.name, **dict(zip(COLUMNS, added, strict=True))).with_ledger(without)

"""Negatives from a mined index that training refreshes: static hard ones, or dynamic."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.facts import gathered
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.saved_arrays import SavedArrays
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, keep_plain_numbers
from croupier.negatives.appending import Negatives, append_negatives, check_negatives_free
from croupier.negatives.mined import KIND, Mined
from croupier.negatives.pairs import Pairs
from croupier.negatives.picking import Pick, check_picking, compacted, first_of_each, picked_ranks

__all__ = ["MinedNegatives"]

CHUNK_ROWS = 2**16


@dataclass(frozen=True, slots=True)
class MinedNegatives:
    """Take ``per_example`` negatives from what was mined for each row's query; refreshed in the course of the run.

    Static (STAR): ``MinedNegatives(1, mine(queries, corpus, known))`` beside ``RandomNegatives(1, items)``. Dynamic
    (ANCE, ADORE, AR2): every so many steps mine anew with the model as it is, on one rank, ``mined.save(folder)``, and
    on every rank ``dealer.adopt("mined_negatives", folder)``; it holds from the segment after next on, and from the
    next epoch if that comes sooner.

    Parameters
    ----------
    per_example : int
    mined : Mined, optional
        What the run begins with; by default nothing, and rows have item -1 at weight 0 until the first version.
    pick : Pick
    pairs : Pairs
        What is known now is left out, whatever it was mined with.

    Adds the columns that :func:`append_negatives` names: ``negative_score`` is that of the mining, ``negative_version``
    0 for what the run began with, 1 for the first version adopted. The log probability is that of one draw from the
    query's list, 0 for ``Pick.TOP``. A row whose list is too short gets item -1 at weight 0, counted in the ledger.

    Raises
    ------
    BadArgument
        More negatives an example than the longest list has.

    Guarantees: resumes in the middle of a refresh interval; folder and checksum of each version are in the state, and
    a folder that changed is refused.

    Source: Zhan and others, "Optimizing dense retrieval model training with hard negatives", SIGIR 2021 (STAR, ADORE).

    Examples
    --------
    >>> import croupier as cr
    >>> found = cr.Mined([0, 1], [[2, 3], [3, 0]], [[0.9, 0.8], [0.7, 0.6]], [1.0, 1.0], item_count=4)
    >>> plan = cr.chain(cr.Sequential(), MinedNegatives(1, found, cr.Pick.TOP), cr.FixedSize(2))
    >>> columns = cr.Dealer(plan, cr.Table(query=[0, 1], item=[0, 3]), seed=0).first().columns
    >>> columns["negatives"].tolist(), columns["negative_score"].round(1).tolist()
    ([[2], [0]], [[0.8999999761581421], [0.6000000238418579]])
    """

    per_example: int
    mined: Mined | None = None
    pick: Pick = Pick.AT_RANDOM
    pairs: Pairs = field(default_factory=Pairs)
    name: str = "mined_negatives"

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        check_picking(self.per_example, self.pick, self.pairs)
        if self.mined is not None and not isinstance(self.mined, Mined):
            raise BadArgument("mined", "be Mined", self.mined, "pass what mine() or Mined.load() returned")
        width = self.per_example if self.mined is None else self.mined.items.shape[1]
        if self.per_example > width:
            fix = f"mine more, MiningRules(per_query={self.per_example}), or take fewer"
            raise BadArgument("per_example", f"be at most {width}, the length of the lists", self.per_example, fix)

    @property
    def refreshed_per_epoch(self) -> bool:
        """A version holds from any segment."""
        return False

    def load_version(self, folder: str, checksum: str | None, table: Table) -> tuple[_Lists, str]:
        """The lists of a folder, without known positives."""
        saved = SavedArrays.read(folder, KIND, checksum)
        return _Lists.of(Mined.of_saved(saved), self.pairs, table), saved.checksum

    @property
    def prepared_per_epoch(self) -> bool:
        """What the run begins with holds for the run."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The lists that the run begins with."""
        check_negatives_free(table, self.name)
        return {} if self.mined is None else {"lists": _Lists.of(self.mined, self.pairs, table)}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Add a source."""
        queries = gathered(batches, context.table, self.pairs.query).astype(np.int64)
        lists: _Lists | None = context.refreshed.content if context.refreshed else context.prepared.get("lists")
        version = context.refreshed.number if context.refreshed else 0
        if lists is None:
            items = np.full((queries.size, self.per_example), -1, dtype=np.int64)
            found = Negatives(items, np.full(items.shape, -np.inf), version=version)
        else:
            row, have = lists.rows_of(queries)
            ranks, log_q = picked_ranks(have, self.per_example, self.pick, batches.indices, context)
            items, scores = lists.at(row, ranks)
            found = Negatives(items, log_q, scores, version=version)
        short = Ledger.of(self.name, "dealt with fewer negatives", int((found.items < 0).any(axis=1).sum()))
        return append_negatives(batches, found).with_ledger(short)


@dataclass(frozen=True, slots=True)
class _Lists:
    """Usable candidates of each query, by ascending query id: places in what was mined, and how many.

    Places take a byte each where lists have at most 256 entries; items and scores stay where they are, mapped.
    """

    query_ids: Int64
    order: Int64
    places: npt.NDArray[np.unsignedinteger]
    have: Int64
    items: Int64
    scores: npt.NDArray[np.float32]

    @classmethod
    def of(cls, mined: Mined, pairs: Pairs, table: Table) -> _Lists:
        known = pairs.known_in(table)
        items = np.asarray(mined.items)
        count, width = items.shape
        places = np.empty(items.shape, dtype=np.min_scalar_type(max(0, width - 1)))
        have = np.empty(count, dtype=np.int64)
        for begin in range(0, count, CHUNK_ROWS):
            rows = slice(begin, begin + CHUNK_ROWS)
            asked, found = np.repeat(np.asarray(mined.query_ids[rows]), width), items[rows]
            usable = (found >= 0) & first_of_each(found) & ~known.contains(asked, found.ravel()).reshape(found.shape)
            places[rows], have[rows] = compacted(usable)
        order = np.argsort(mined.query_ids, kind="stable")
        return cls(np.asarray(mined.query_ids)[order], order, places, have, items, np.asarray(mined.scores))

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(values.nbytes for values in (self.query_ids, self.order, self.places, self.have))

    def rows_of(self, queries: Int64) -> tuple[Int64, Int64]:
        """Which list each query has, and how many candidates there are in it; 0 for queries not mined for."""
        if self.query_ids.size == 0:
            return np.zeros(queries.size, np.int64), np.zeros(queries.size, np.int64)
        at = np.minimum(np.searchsorted(self.query_ids, queries), self.query_ids.size - 1)
        row = self.order[at]
        return row, np.where(self.query_ids[at] == queries, self.have[row], 0)

    def at(self, row: Int64, ranks: Int64) -> tuple[Int64, npt.NDArray[np.float32]]:
        """Items and scores of these ranks of these lists; -1 and NaN for rank -1."""
        if self.places.size == 0:
            return ranks, np.full(ranks.shape, np.nan, np.float32)
        place = self.places[row[:, None], np.maximum(ranks, 0)]
        items = np.where(ranks >= 0, self.items[row[:, None], place], -1)
        return items, np.where(ranks >= 0, self.scores[row[:, None], place], np.float32(np.nan))

"""So many items of the other rows of the batch for each row, its known positives left out exactly."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from croupier.core.batches import Batches, Int64
from croupier.core.facts import gathered
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int
from croupier.kernels.elementary import natural_log
from croupier.kernels.excluding import draw_outside, guided_lists
from croupier.negatives.appending import Negatives, append_negatives, check_negatives_free
from croupier.negatives.known_positives import KnownPositives
from croupier.negatives.pairs import Pairs

__all__ = ["InBatchNegatives"]


@dataclass(frozen=True, slots=True)
class InBatchNegatives:
    """Draw ``per_example`` items of the other rows of the batch for each row; put it after the stage that cuts.

    A loss over all of the batch needs no such stage but a mask (``croupier.torch.in_batch_mask``), or
    :class:`ConflictFree`. This one is for a fixed number a row, with its log probability.

    Parameters
    ----------
    per_example : int
    pairs : Pairs

    A place of the batch is drawn, so an item that several rows bring comes as often; its log probability says so. Rows
    whose query and item travel with the batch, unknown to ``pairs``, are each other's positives as the table's are.

    Adds the columns that :func:`append_negatives` names. A row all of whose batch is known positives gets item -1 at
    weight 0, counted in the ledger.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(query=[0, 1, 2], item=[5, 5, 6])
    >>> plan = cr.chain(cr.Sequential(), cr.FixedSize(3), InBatchNegatives(1))
    >>> cr.Dealer(plan, table, seed=0).first().columns["negatives"].ravel().tolist()
    [6, 6, 5]
    """

    per_example: int
    pairs: Pairs = field(default_factory=Pairs)
    name: str = "in_batch_negatives"

    def __post_init__(self) -> None:
        per_example = checked_int(
            "per_example", self.per_example, at_least=1, fix="pass the number of negatives an example"
        )
        object.__setattr__(self, "per_example", per_example)
        if not isinstance(self.pairs, Pairs):
            raise BadArgument("pairs", "be Pairs", self.pairs, 'pass Pairs("user", "item")')

    @property
    def prepared_per_epoch(self) -> bool:
        """Positives hold for the run."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The known positives."""
        check_negatives_free(table, self.name)
        return {"known": self.pairs.known_in(table)}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Add a source."""
        known: KnownPositives = context.prepared["known"]
        queries = gathered(batches, context.table, self.pairs.query).astype(np.int64)
        items = gathered(batches, context.table, self.pairs.item).astype(np.int64)
        found = np.full((items.size, self.per_example), -1, dtype=np.int64)
        log_q = np.full(found.shape, -np.inf)
        for begin, end in zip(batches.offsets[:-1].tolist(), batches.offsets[1:].tolist(), strict=True):
            size: int = end - begin
            own_items = items[begin:end]
            rows, columns = _not_to_be_drawn(known, queries[begin:end], own_items)
            counts: Int64 = np.bincount(rows, minlength=size).astype(np.int64)
            offsets: Int64 = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
            free: Int64 = np.append(size - counts, size)
            before: Int64 = columns - (np.arange(columns.size, dtype=np.int64) - offsets[rows])
            outside = guided_lists(offsets, before, np.empty(0, np.int64), free[:-1])
            log_free = natural_log(np.maximum(free, 1).astype(np.float64))
            first, rows = begin * self.per_example, np.arange(size, dtype=np.int64)
            places, log_q[begin:end] = draw_outside(
                context.segment_key.bits, first, self.per_example, rows, outside, None, None, free, log_free
            )
            found[begin:end] = np.where(places >= 0, own_items[places], -1)
            # An item that several rows bring is drawn as often: places of one item are free together, or none is.
            _, name, times = np.unique(own_items, return_inverse=True, return_counts=True)
            log_q[begin:end] += np.where(places >= 0, natural_log(times.astype(np.float64))[name][places], 0.0)
        without = Ledger.of(self.name, "dealt without a negative", int(np.count_nonzero(found[:, 0] < 0)))
        return append_negatives(batches, Negatives(found, log_q)).with_ledger(without)


def _not_to_be_drawn(known: KnownPositives, queries: Int64, items: Int64) -> tuple[Int64, Int64]:
    """Places (i, j), ascending, where item j is right for query i, or is none."""
    rows, columns = known.pairs_among(queries, items)
    is_item = items >= 0
    is_new = is_item & (queries >= 0) & ~known.contains(queries, items)
    more = [(rows, columns)]
    if bool(is_new.any()):
        more.append(KnownPositives.of(queries[is_new], items[is_new]).pairs_among(queries, items))
    if not bool(is_item.all()):
        none = np.flatnonzero(~is_item)
        more.append((np.repeat(np.arange(items.size), none.size), np.tile(none, items.size)))
    if len(more) == 1:
        return rows, columns
    places = np.unique(np.concatenate([i * items.size + j for i, j in more]))
    return places // items.size, places % items.size

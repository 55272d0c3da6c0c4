"""Fill batches of one capacity with whole examples, end to end and without padding."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from croupier.batch.over_long import refuse_longer, settle_over_long
from croupier.core.batches import Batches, Int64
from croupier.core.facts import check_free, check_length_column, lengths_of
from croupier.core.key import Key
from croupier.core.policies import TooLong
from croupier.core.shuffling import shuffled
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_flag, checked_int
from croupier.kernels.packing import LARGEST_CAPACITY, pack_best_fit

__all__ = ["Pack"]


@dataclass(frozen=True, slots=True)
class Pack:
    """Lay examples end to end in packs of at most ``max_tokens``: nearly no padding, no example cut unless it must be.

    Attention must not cross the examples of a pack: ``croupier.torch.packed`` makes the positions, the bounds of the
    sequences and the mask.

    Parameters
    ----------
    max_tokens : int
        Capacity of a pack, up to 2**24.
    packs : int
        Packs of a batch: its rows, where a model wants rows of one length. Column ``pack`` says which row an id is in.
        With kernels for sequences of any lengths, one pack of all tokens is better.
    too_long : TooLong
        What to do with an example longer than a pack: ``REFUSE`` (default), ``SPLIT`` into pieces, ``TRUNCATE`` or
        ``DROP``.
    equal_cost : bool
        Deal packs of similar attention cost (sum of squared lengths) in one step, so that no rank waits; packs of one
        step then hold documents of similar lengths. Worth it for long contexts.
    length : str
        The column of lengths, in the unit of ``max_tokens``.

    Packs are made of the ids of a segment, or of an incoming batch, such as a bucket: the larger, the fuller. With
    ``chain(..., segment_ids=rows)`` that is the whole epoch.

    Guarantees: no pack above the capacity; each example whole in one pack, or in pieces under ``SPLIT`` that together
    are the example; packs within 11/9 of the fewest there can be, and within about one in a thousand of the bound (the
    sum of lengths over the capacity) on real lengths of text. The column ``length`` travels with the ids.

    Source: best fit decreasing, see ``kernels/packing.py``; for language models Ding et al., "Fewer truncations improve
    language modeling" (ICML 2024).

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(length=[5, 7, 3, 5])
    >>> deals = list(cr.Dealer(cr.chain(cr.Sequential(), Pack(10)), table, seed=0))
    >>> sorted(sorted(deal) for deal in deals)
    [[0, 3], [1, 2]]
    """

    max_tokens: int
    packs: int = 1
    too_long: TooLong = TooLong.REFUSE
    equal_cost: bool = False
    length: str = "length"
    name: str = "pack"

    def __post_init__(self) -> None:
        object.__setattr__(self, "equal_cost", checked_flag("equal_cost", self.equal_cost, fix="pass True or False"))
        max_tokens = checked_int(
            "max_tokens", self.max_tokens, at_least=1, at_most=LARGEST_CAPACITY, fix="pass the tokens of a pack"
        )
        object.__setattr__(self, "max_tokens", max_tokens)
        object.__setattr__(self, "packs", checked_int("packs", self.packs, at_least=1, fix="pass the rows of a batch"))
        if not isinstance(self.too_long, TooLong) or self.too_long is TooLong.ALONE:
            raise BadArgument(
                "too_long", "be a TooLong other than ALONE", self.too_long, "a pack holds what it can hold: SPLIT, say"
            )

    @property
    def prepared_per_epoch(self) -> bool:
        """Lengths are checked once."""
        return False

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """Check the length column before the run; derives nothing."""
        check_length_column(table, self.length)
        if self.too_long is TooLong.SPLIT:
            check_free(table, "start", self.name)
        if self.too_long is TooLong.REFUSE:
            refuse_longer(table, (self.length,), self.max_tokens, f"a pack of max_tokens={self.max_tokens}")
        return {}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Pack the ids of each incoming batch."""
        lengths = lengths_of(batches, context.table, self.length)
        batches = settle_over_long(
            batches.with_columns(**{self.length: lengths}),
            lengths,
            self.max_tokens,
            self.too_long,
            length=self.length,
            budget=f"a pack of max_tokens={self.max_tokens}",
            stage=self.name,
        )
        lengths = batches.columns[self.length]
        pack_of = pack_best_fit(lengths, batches.offsets, self.max_tokens)
        packs = int(pack_of.max()) + 1 if pack_of.size else 0
        if not packs:
            return replace(batches, interchangeable=True)
        # By incoming batch, then by the pack's place; within a pack the ids keep their random order.
        walls = np.empty(packs, dtype=np.int64)
        walls[pack_of] = np.repeat(np.arange(len(batches)), batches.sizes)
        order = np.lexsort((self._places(lengths, pack_of, packs, context.segment_key), walls))
        turns = np.empty(packs, dtype=np.int64)
        turns[order] = np.arange(packs)
        rows = np.argsort(turns[pack_of], kind="stable")
        ends = np.cumsum(np.bincount(pack_of, minlength=packs)[order])
        starts = np.append(0, ends[:-1])
        numbers = _numbers_within(walls[order])
        offsets = np.append(starts[numbers % self.packs == 0], rows.size)
        packed = replace(batches.take(rows, offsets), interchangeable=True)
        if self.packs == 1:
            return packed
        return packed.with_columns(pack=np.repeat(numbers % self.packs, ends - starts).astype(np.int32))

    def _places(self, lengths: Int64, pack_of: Int64, packs: int, key: Key) -> Int64:
        """In which order the packs are dealt: at random, or by their cost."""
        if not self.equal_cost:
            return shuffled(np.arange(packs), packs, key)
        costs = np.zeros(packs, dtype=np.int64)
        np.add.at(costs, pack_of, lengths * lengths)
        places = np.empty(packs, dtype=np.int64)
        places[np.argsort(costs, kind="stable")] = np.arange(packs)
        return places


def _numbers_within(walls: Int64) -> Int64:
    """0, 1, 2... within each run of equal values."""
    begins = np.flatnonzero(np.diff(walls, prepend=-1))
    return np.arange(walls.size) - np.repeat(begins, np.diff(np.append(begins, walls.size)))

"""Which items are known to be right for which query: the one source that samplers, miners, masks and audits share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.errors import BadArgument, checked_int
from croupier.kernels.excluding import count_at_most
from croupier.kernels.grouping import group_rows
from croupier.kernels.intersecting import pairs_in_lists
from croupier.negatives.numbering import Numbering, whole_ids

__all__ = ["KnownPositives"]


@dataclass(frozen=True, slots=True)
class KnownPositives:
    """Pairs of a query and an item that is right for it; make one with :meth:`of`.

    Parameters
    ----------
    queries, items : Numbering
    offsets : int64 array of shape (queries + 1,)
    positives : int64 array of shape (pairs,)
        Numbers of the items of each query in turn, ascending and distinct.

    Equal content should have one id: two ids of the same text are two items, and one would serve as a negative of the
    other. :func:`content_ids` gives equal content one id.

    Examples
    --------
    >>> known = KnownPositives.of(queries=[0, 0, 1], items=[2, 0, 1])
    >>> known.contains([0, 1], [2, 2]).tolist()
    [True, False]
    >>> known.may_contrast([0, 1], [2, 1]).tolist()
    [[False, True], [True, False]]
    """

    queries: Numbering
    items: Numbering
    offsets: Int64
    positives: Int64

    def __post_init__(self) -> None:
        for argument, numbering in (("queries", self.queries), ("items", self.items)):
            if not isinstance(numbering, Numbering):
                raise BadArgument(argument, "be a Numbering", numbering, "write KnownPositives.of(queries, items)")
        for argument, values in (("offsets", self.offsets), ("positives", self.positives)):
            if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype != np.int64:
                raise BadArgument(argument, "be a 1-D int64 array", values, "write KnownPositives.of(queries, items)")
        ends = (self.offsets.size, *self.offsets[[0, -1]].tolist()) if self.offsets.size else (0,)
        does_fall = bool((self.offsets[1:] < self.offsets[:-1]).any())
        if ends != (self.queries.count + 1, 0, self.positives.size) or does_fall:
            wanted = f"begin {self.queries.count} lists, from 0 to {self.positives.size}"
            raise BadArgument("offsets", wanted, self.offsets, "write KnownPositives.of(queries, items)")
        if self.positives.min(initial=0) < 0 or self.positives.max(initial=-1) >= self.items.count:
            rule = f"be numbers of items, below {self.items.count}"
            raise BadArgument("positives", rule, self.positives, "write KnownPositives.of(queries, items)")

    @classmethod
    def of(cls, queries: npt.ArrayLike, items: npt.ArrayLike) -> Self:
        """The distinct ones of these pairs, in time and memory linear in them where ids lie close together.

        Parameters
        ----------
        queries, items : array-like of shape (pairs,)
            Whole numbers >= 0.

        Raises
        ------
        BadArgument
            Not whole numbers >= 0, or of unequal lengths.
        """
        query_ids, item_ids = whole_ids("queries", queries), whole_ids("items", items)
        if query_ids.size != item_ids.size:
            what = f"{query_ids.size} queries, {item_ids.size} items"
            raise BadArgument("items", "be as many as queries", what, "give one item for each query, pair by pair")
        asked, right = Numbering.of(query_ids), Numbering.of(item_ids)
        query_numbers, item_numbers = asked.numbers(query_ids), right.numbers(item_ids)
        rows, _ = group_rows(item_numbers, right.count)
        rows = rows[group_rows(query_numbers[rows], asked.count)[0]]
        query_numbers, item_numbers = query_numbers[rows], item_numbers[rows]
        is_new = np.ones(rows.size, dtype=np.bool_)
        is_new[1:] = (np.diff(query_numbers) != 0) | (np.diff(item_numbers) != 0)
        offsets = np.zeros(asked.count + 1, dtype=np.int64)
        np.cumsum(np.bincount(query_numbers[is_new], minlength=asked.count), out=offsets[1:])
        return cls(asked, right, offsets, item_numbers[is_new])

    def __len__(self) -> int:
        return self.positives.size

    @property
    def nbytes(self) -> int:
        """Bytes held: 8 a pair and 8 a query, and the names of ids that lie far apart."""
        arrays = (self.offsets, self.positives, self.queries.names, self.items.names)
        return sum(array.nbytes for array in arrays)

    @property
    def counts(self) -> Int64:
        """How many positives each query number has."""
        return np.diff(self.offsets)

    @property
    def pairs(self) -> tuple[Int64, Int64]:
        """The query and the item of every pair, in ascending order."""
        of_pair = np.repeat(np.arange(self.queries.count), self.counts)
        return self.queries.ids(of_pair), self.items.ids(self.positives)

    def of_query(self, query: int) -> Int64:
        """The positive items of one query, ascending."""
        asked = checked_int("query", query, at_least=-1, fix="pass the id of a query")
        number = int(self.queries.numbers(np.array([asked], np.int64))[0])
        if number < 0:
            return np.empty(0, np.int64)
        return self.items.ids(self.positives[self.offsets[number] : self.offsets[number + 1]])

    def contains(self, queries: npt.ArrayLike, items: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether each pair is a known positive, shape (n,): one binary search a pair."""
        lists = self.queries.numbers(whole_ids("queries", queries, at_least=-1))
        points = self.items.numbers(whole_ids("items", items, at_least=-1))
        if lists.size != points.size:
            what = f"{lists.size} queries, {points.size} items"
            raise BadArgument("items", "be as many as queries", what, "give one item for each query, pair by pair")
        upto = count_at_most(lists, self.offsets, self.positives, points)
        before = count_at_most(lists, self.offsets, self.positives, points - 1)
        return (upto > before) & (points >= 0)

    def pairs_among(self, queries: npt.ArrayLike, items: npt.ArrayLike) -> tuple[Int64, Int64]:
        """Places (i, j) where ``items[j]`` is a known positive of ``queries[i]``, in ascending order.

        Takes O(n log n) and what is found: each query's positives are looked up among the items, or the items among
        its positives where these are fewer. Items of -1 are none.
        """
        lists = self.queries.numbers(whole_ids("queries", queries, at_least=-1))
        wanted = self.items.numbers(whole_ids("items", items, at_least=-1))
        return pairs_in_lists(lists, self.offsets, self.positives, wanted)

    def may_contrast(self, queries: npt.ArrayLike, items: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """The mask of in-batch negatives, shape (queries, items): False at known positives and at items of -1.

        The items may be those of all ranks, or of a queue. Where a row's own positive stands in the same batch, its
        entry is False too: add the diagonal to what the loss takes as the right answer.
        """
        asked = whole_ids("queries", queries, at_least=-1)
        mask = np.repeat(whole_ids("items", items, at_least=-1)[None, :] >= 0, asked.size, axis=0)
        mask[self.pairs_among(queries, items)] = False
        return mask

    def transposed(self) -> KnownPositives:
        """The same pairs seen from the items: queries that each item is right for."""
        of_pair = np.repeat(np.arange(self.queries.count), self.counts)
        rows, _ = group_rows(self.positives, self.items.count)
        offsets = np.zeros(self.items.count + 1, dtype=np.int64)
        np.cumsum(np.bincount(self.positives, minlength=self.items.count), out=offsets[1:])
        return KnownPositives(self.items, self.queries, offsets, of_pair[rows])

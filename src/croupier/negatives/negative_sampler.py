"""Draw negatives for queries: exact, without retries, all known positives left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.cumulative_weights import cumulative_weights
from croupier.core.key import Key, checked_key
from croupier.core.plain_array import plain_array
from croupier.errors import BadArgument, checked_int
from croupier.kernels.cumulative import guide_table
from croupier.kernels.elementary import natural_log
from croupier.kernels.excluding import Weights, count_at_most, draw_outside, guided_lists
from croupier.kernels.grouping import group_rows
from croupier.negatives.candidates import Arranged, Candidates
from croupier.negatives.known_positives import KnownPositives
from croupier.negatives.numbering import whole_ids

__all__ = ["Drawn", "NegativeSampler"]

Float64 = npt.NDArray[np.float64]
FINER_BITS = 4
"""16 to 64 bytes an item for the guide of weights: a draw then seldom looks at a second item."""


class Drawn(NamedTuple):
    """Negatives of each query, shape (n, per_query): the items, and the log of the probability each was drawn with.

    Where a query has none, the item is -1 and the log probability -inf.
    """

    items: Int64
    log_q: Float64


class NegativeSampler:
    """Draws from all candidates that are no known positive of the query: for a training loop of your own.

    In a plan, use :class:`RandomNegatives`, which resumes and is the same on any number of ranks.

    Parameters
    ----------
    candidates : int or Candidates
        How many items there are, or more about them.
    known : KnownPositives

    Guarantees: never a known positive; in exact proportion to the weights of the rest (quantised once to 62 bits),
    in one draw, correct down to a single free item; O(positives + items) memory, O(positives) without weights or
    conditions. A draw is a hash of the key and its number: nothing is stored, any order gives the same.

    Source: rank shift (docs/negatives.md). With sorted positives p_0 < p_1 < ... of a query and a uniform r below the
    weight that is left, the drawn item is found at r + the weight of the p_j with less than or equal to r left before.

    Examples
    --------
    >>> known = KnownPositives.of(queries=[0, 0, 1], items=[0, 2, 1])
    >>> drawn = NegativeSampler(4, known).draw([0, 1], per_query=3, key=Key(7))
    >>> drawn.items.shape, bool(np.isin(drawn.items[0], [0, 2]).any()), drawn.log_q[:, 0].round(3).tolist()
    ((2, 3), False, [-0.693, -1.099])
    """

    def __init__(self, candidates: int | Candidates, known: KnownPositives) -> None:
        if not isinstance(known, KnownPositives):
            raise BadArgument("known", "be KnownPositives", known, "pass KnownPositives.of(queries, items)")
        self.candidates = candidates if isinstance(candidates, Candidates) else Candidates(candidates)
        self.known = known
        self._arranged = Arranged(self.candidates)
        items = known.items.ids(known.positives)
        if items.size and int(items.max()) >= self.candidates.items:
            raise BadArgument(
                "known", f"have items below the {self.candidates.items} candidates", int(items.max()),
                "raise candidates, the number of items: RandomNegatives(4, candidates=1682, ...), say",
            )  # fmt: skip
        self._places = self._sorted_places(items)
        self._weights = self._weights_in_order()
        self._list_points()

    @property
    def nbytes(self) -> int:
        """Bytes held, the known positives included."""
        weights = () if self._weights is None else (self._weights.running, self._weights.guide, self._weights.log)
        own = (*self._outside, *weights, self._free, self._log_free, self._arranged.order)
        places = self._places.nbytes if self.candidates.columns else 0
        return sum(array.nbytes for array in own) + places + self.known.nbytes

    def draw(
        self,
        queries: npt.ArrayLike,
        per_query: int = 1,
        *,
        key: Key,
        first: int = 0,
        facts: Mapping[str, npt.ArrayLike] | None = None,
    ) -> Drawn:
        """Draw for each query, independently, so one item may come twice.

        Parameters
        ----------
        queries : int64 array of shape (n,)
            A query without known positives draws from all candidates.
        per_query : int
        key : Key
            The random stream.
        first : int
            Number of the first draw within the stream: count on from call to call, or give each call its own key.
        facts : mapping of column to array of shape (n,)
            What the conditions of the candidates ask of each query.

        Raises
        ------
        BadArgument
            Queries that are no ids; facts that are missing, or not one a query.
        """
        per_query = checked_int("per_query", per_query, at_least=1, fix="pass the number of negatives a query")
        start = checked_int("first", first, at_least=0, fix="pass how many draws of this key came before")
        lists = self.known.queries.numbers(whole_ids("queries", queries, at_least=None))
        begin, free, log_free = None, self._free, self._log_free
        if self.candidates.columns:
            begin, free = self._stretch(lists, facts)
            log_free = natural_log(np.maximum(free, 1).astype(np.float64))
        places, log_q = draw_outside(
            checked_key(key).bits, start, per_query, lists, self._outside, self._weights, begin, free, log_free
        )
        order = self._arranged.order
        return Drawn(np.where(places < 0, -1, order[places]) if order.size else places, log_q)

    def has_negative(
        self, queries: npt.ArrayLike, facts: Mapping[str, npt.ArrayLike] | None = None
    ) -> npt.NDArray[np.bool_]:
        """Whether each query has any item that may be drawn for it."""
        lists = self.known.queries.numbers(whole_ids("queries", queries, at_least=None))
        return (self._stretch(lists, facts)[1] if self.candidates.columns else self._free[lists]) > 0

    def _sorted_places(self, items: Int64) -> Int64:
        if not self.candidates.columns:
            return items
        places = self._arranged.places_of(items)
        of_pair = np.repeat(np.arange(self.known.queries.count), self.known.counts)
        rows = np.argsort(places, kind="stable")
        return places[rows[group_rows(of_pair[rows], self.known.queries.count)[0]]]

    def _weights_in_order(self) -> Weights | None:
        if self.candidates.weights is None:
            return None
        order = self._arranged.order
        in_order = self.candidates.weights[order] if order.size else self.candidates.weights
        summed = cumulative_weights(in_order, "weights")
        weights = np.diff(summed.running, prepend=0)
        logs = np.full(weights.size, -np.inf)
        logs[weights > 0] = natural_log(weights[weights > 0].astype(np.float64))
        return Weights(summed.running, *guide_table(summed.running, FINER_BITS), logs)

    def _list_points(self) -> None:
        offsets, counts = self.known.offsets, self.known.counts
        if self._weights is None:
            total, taken, taken_in_all = self.candidates.items, np.empty(0, np.int64), counts
            free_before = self._places - np.arange(self._places.size) + np.repeat(offsets[:-1], counts)
            if total < 2**31:
                free_before = free_before.astype(np.int32)
        else:
            running = self._weights.running
            total = int(running[-1])
            weights = np.diff(running, prepend=0)[self._places]
            upto = np.concatenate([np.zeros(1, np.int64), np.cumsum(weights)])
            taken_in_all = upto[offsets[1:]] - upto[offsets[:-1]]
            taken = upto[1:] - np.repeat(upto[offsets[:-1]], counts)
            free_before = running[self._places] - taken
        # The last entry is that of a query without known positives, number -1.
        self._free = np.append(total - taken_in_all, total)
        self._log_free = natural_log(np.maximum(self._free, 1).astype(np.float64))
        self._outside = guided_lists(offsets, free_before, taken, self._free[:-1])

    def _stretch(self, lists: Int64, facts: Mapping[str, npt.ArrayLike] | None) -> tuple[Int64, Int64]:
        """Where in what each query's positives leave free its own stretch begins, and how long it is."""
        given: Mapping[str, npt.ArrayLike] = {} if facts is None else facts
        if not isinstance(given, Mapping):
            raise BadArgument("facts", "be a mapping of columns to values", given, 'pass {"time": times}, say')
        missing = [column for column in self.candidates.columns if column not in given]
        if missing:
            raise BadArgument(
                "facts", f"hold {missing[0]!r}, which a condition of the candidates asks for", sorted(given), "pass it"
            )
        asked = {name: plain_array(name, given[name]) for name in self.candidates.columns}
        for name, values in asked.items():
            if values.shape[:1] != lists.shape:
                what = f"shape {values.shape} in {name!r}"
                raise BadArgument("facts", f"have one value for each of {lists.size} queries", what, "pass one a query")
        begin, end = self._arranged.stretch_of(asked)
        before, upto = self._free_at(lists, begin), self._free_at(lists, end)
        return before, upto - before

    def _free_at(self, lists: Int64, place: Int64) -> Int64:
        """What is left free before a place, for each query."""
        passed = count_at_most(lists, self.known.offsets, self._places, place - 1)
        if self._weights is None:
            return place - passed
        upto = np.where(place > 0, self._weights.running[place - 1], 0)
        last = np.where(lists >= 0, self.known.offsets[lists], 0) + passed - 1
        return upto - np.where(passed > 0, np.append(self._outside.taken, 0)[np.maximum(last, 0)], 0)

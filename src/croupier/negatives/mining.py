"""Mine hard negatives: of what a model finds most similar to a query, what is not right for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.ledger import Ledger
from croupier.core.plain_array import plain_array
from croupier.core.progress import with_progress
from croupier.errors import BadArgument, check_function
from croupier.negatives.embeddings import (
    Float32,
    check_unit_length,
    checked_embeddings,
    fix_of,
    pair_scores,
    rows_as_float32,
)
from croupier.negatives.exact_search import ExactSearch
from croupier.negatives.known_positives import KnownPositives
from croupier.negatives.mined import Mined
from croupier.negatives.mining_rules import MiningRules
from croupier.negatives.numbering import whole_ids
from croupier.negatives.search import Search, check_same_width

__all__ = ["Queries", "Rescore", "mine"]

STAGE = "mining"

Rescore = Callable[[Int64, Int64], npt.ArrayLike]
"""Scores of pairs, from query ids and items, each of shape (n,): a cross-encoder, say, or a guide model."""


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """The queries to mine for.

    Parameters
    ----------
    ids : int array of shape (queries,)
        Each once. Queries of equal content should be one; :func:`content_ids` numbers them.
    embeddings : float32 or float16 array of shape (queries, d)
        In memory or mapped.
    """

    ids: Int64
    embeddings: npt.NDArray[Any]

    def __post_init__(self) -> None:
        ids = whole_ids("ids", self.ids)
        object.__setattr__(self, "ids", ids)
        if not isinstance(self.embeddings, np.ndarray) or self.embeddings.ndim != 2:
            what = type(self.embeddings).__name__
            raise BadArgument("embeddings", "be a 2-D array, or one mapped from a file", what, fix_of(self.embeddings))
        if len(self.embeddings) != ids.size:
            what = f"{len(self.embeddings)} rows for {ids.size} ids"
            raise BadArgument("embeddings", "have a row for each id", what, "pass both in the same order")
        ordered = np.sort(ids)
        again = ordered[1:][ordered[1:] == ordered[:-1]]
        if again.size:
            raise BadArgument(
                "ids", "hold each query once", f"query {again[0]} again", "mine for it once: its positives are known"
            )


def mine(
    queries: Queries,
    corpus: npt.NDArray[Any],
    known: KnownPositives,
    rules: MiningRules | None = None,
    search: Search | None = None,
    rescore: Rescore | None = None,
) -> Mined:
    """Hard negatives of each query, from the items most similar to it, known positives left out.

    Parameters
    ----------
    queries : Queries
    corpus : float32 or float16 array of shape (items, d)
        Embeddings of the items 0 .. items - 1, in memory or mapped from a file; never copied as a whole.
    known : KnownPositives
        What is right for a query, by ids. Margins are measured from the positive that scores lowest. One query with
        thousands of positives widens the search of all by as many: mine for such queries in a call of their own.
    rules : MiningRules
        Default: the three hardest.
    search : Search
        Default: ``ExactSearch()``. Its memory bound, the result, and the positives are all that is held beside the
        embeddings.
    rescore : callable, optional
        Scores that replace those of the search, for candidates and positives alike, before any filter: see ``Rescore``.
        Scores are then ranked anew, of equal ones the lower item first.

    Guarantees: no known positive; a pure function of its arguments, the same to the last bit with ``ExactSearch`` and
    ``FlatIndex``, any memory bound and any number of threads.

    The answers are those of sentence-transformers' ``mine_hard_negatives`` (6.2) on the same options and embeddings of
    length 1, up to the last bits of scores and the order of equal ones. As there, ``range_max`` + the largest number of
    positives of any query are looked at, filters come first and ranks are counted among what they leave. Where it has
    quirks:

    - positives are told by id, not by text: what is right for a query but embedded twice needs one id
      (:func:`content_ids`), and rows that come twice do not count as two positives when ``range_max`` is derived;
    - nothing is normalised silently, see ``MiningRules(cosine=)``;
    - ``rescore`` is used whenever it is given, and widens the window; there a cross-encoder without limits is ignored;
    - the ledger's count of ``min_score`` holds what that filter took; theirs counts again what was gone before;
    - a query for which fewer are found keeps these, as in their triplets; n-tuples drop it;
    - a random choice is a hash of the query, not the state of a generator.

    Raises
    ------
    BadArgument
        Embeddings that cannot be compared; a positive that is no item; a margin for a query without a positive; scores
        of ``rescore`` that are none.

    Examples
    --------
    >>> corpus = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]], np.float32)
    >>> found = mine(Queries([7], corpus[:1]), corpus, KnownPositives.of([7], [1]), MiningRules(per_query=3))
    >>> found.items.tolist(), found.positive_scores.round(2).tolist()
    ([[0, 2, 3]], [0.800000011920929])
    """
    rules = MiningRules() if rules is None else rules
    search = ExactSearch() if search is None else search
    if rescore is not None:
        rule = "be a function of query ids and items, or None"
        check_function("rescore", rescore, rule, fix="pass a model's scores")
    _check(queries, corpus, known, rules, search)
    numbers = known.queries.numbers(queries.ids)
    counts = np.where(numbers >= 0, np.append(known.counts, 0)[numbers], 0)
    most_positives = int(counts.max(initial=0))
    if rules.limits.has_margin and not bool(counts.all()):
        first = int(queries.ids[np.flatnonzero(counts == 0)[0]])
        what = f"none for query {first} ({np.count_nonzero(counts == 0)} such queries)"
        raise BadArgument("known", "have a positive to measure a margin from", what, "leave these queries out")
    searcher = search.over(corpus)
    last_rank = rules.ranks(most_positives=most_positives, is_rescored=rescore is not None)
    width = last_rank + most_positives
    count = queries.ids.size
    items = np.full((count, rules.per_query), -1, np.int64)
    scores = np.full((count, rules.per_query), np.nan, np.float32)
    positive_scores = np.full(count, np.nan, np.float32)
    ledger = Ledger()
    at_once = searcher.queries_at_once(width)
    begins = range(0, count, at_once)
    for begin in with_progress(
        begins, len(begins), f"mining negatives of {count:,} queries among {len(corpus):,} items"
    ):
        some = slice(begin, begin + at_once)
        ids, vectors = queries.ids[some], rows_as_float32(queries.embeddings, begin, begin + at_once)
        positive_scores[some] = _least_positive(ids, vectors, corpus, known, rescore)
        found_items, found_scores = searcher.nearest(vectors, width)
        is_left = found_items >= 0
        is_known = known.contains(np.repeat(ids, width), found_items.ravel()).reshape(found_items.shape)
        ledger += _lost("left out: known positive", is_left & is_known)
        is_left &= ~is_known
        if rescore is not None:
            found_items, found_scores, is_left = _rescored(ids, found_items, is_left, rescore)
        with np.errstate(invalid="ignore"):
            for name, is_taken in rules.limits.left_out(found_scores, positive_scores[some]).items():
                ledger += _lost(f"left out: {name}", is_left & is_taken)
                is_left &= ~is_taken
        rank = np.cumsum(is_left, axis=1) - 1
        ledger += _lost("passed over: below range_min", is_left & (rank < rules.window.range_min))
        in_window = is_left & (rank >= rules.window.range_min) & (rank < last_rank)
        is_chosen = rules.choice.chosen(in_window, ids, found_items, rules.per_query)
        rows, columns = np.nonzero(is_chosen)
        places = (np.cumsum(is_chosen, axis=1) - 1)[rows, columns]
        items[begin + rows, places] = found_items[rows, columns]
        scores[begin + rows, places] = found_scores[rows, columns]
    short = np.count_nonzero(items[:, -1] < 0)
    ledger += Ledger.of(STAGE, "queries with fewer negatives than asked for", int(short))
    return Mined(queries.ids, items, scores, positive_scores, len(corpus), ledger)


def _check(
    queries: Queries, corpus: npt.NDArray[Any], known: KnownPositives, rules: MiningRules, search: Search
) -> None:
    kinds = {"queries": Queries, "known": KnownPositives, "rules": MiningRules, "search": Search}
    given = {"queries": queries, "known": known, "rules": rules, "search": search}
    for argument, kind in kinds.items():
        if not isinstance(given[argument], kind):
            raise BadArgument(argument, f"be {kind.__name__}", given[argument], "see the example of mine")
    lengths = {
        "queries": checked_embeddings("queries", queries.embeddings),
        "corpus": checked_embeddings("corpus", corpus),
    }
    check_same_width(queries.embeddings, corpus)
    if rules.cosine:
        for argument, found in lengths.items():
            check_unit_length(argument, found)
    highest = int(known.items.ids(known.positives).max(initial=-1))
    if highest >= len(corpus):
        what = f"item {highest}"
        raise BadArgument("known", f"have items below the {len(corpus)} of the corpus", what, "embed every positive")


def _least_positive(
    ids: Int64, vectors: Float32, corpus: npt.NDArray[Any], known: KnownPositives, rescore: Rescore | None
) -> Float32:
    """The lowest score among the known positives of each query; NaN where it has none."""
    numbers = known.queries.numbers(ids)
    counts = np.where(numbers >= 0, np.append(known.counts, 0)[numbers], 0)
    ends = np.cumsum(counts)
    rows = np.repeat(np.arange(ids.size), counts)
    within = np.arange(rows.size) - np.repeat(ends - counts, counts)
    positives = known.items.ids(known.positives[known.offsets[numbers[rows]] + within])
    if rescore is None:
        scores = pair_scores(vectors, rows, corpus, positives)
    else:
        scores = _scores_of(rescore, ids[rows], positives)
    least = np.full(ids.size, np.nan, np.float32)
    if rows.size:
        least[counts > 0] = np.minimum.reduceat(scores, (ends - counts)[counts > 0])
    return least


def _rescored(
    ids: Int64, items: Int64, is_left: npt.NDArray[np.bool_], rescore: Rescore
) -> tuple[Int64, Float32, npt.NDArray[np.bool_]]:
    """Candidates in the order of other scores, those that are left first."""
    rows, columns = np.nonzero(is_left)
    scores = np.full(items.shape, -np.inf, np.float32)
    scores[rows, columns] = _scores_of(rescore, ids[rows], items[rows, columns])
    order = np.lexsort((items, -scores, ~is_left), axis=-1)
    return tuple(np.take_along_axis(values, order, axis=1) for values in (items, scores, is_left))  # pyright: ignore


def _scores_of(rescore: Rescore, ids: Int64, items: Int64) -> Float32:
    scores = plain_array("rescore", rescore(ids, items))
    if scores.dtype.kind not in "iuf":
        raise BadArgument("rescore", "return numbers", f"dtype {scores.dtype}", "mend the model's output")
    with np.errstate(over="ignore"):
        scores = scores.astype(np.float32)
    if scores.shape != ids.shape or not bool(np.isfinite(scores).all()):
        what = f"shape {scores.shape}, {np.count_nonzero(~np.isfinite(scores))} not finite, for {ids.size} pairs"
        raise BadArgument("rescore", "return a finite score for each pair", what, "mend the model's output")
    return scores


def _lost(event: str, is_lost: npt.NDArray[np.bool_]) -> Ledger:
    return Ledger.of(STAGE, event, int(np.count_nonzero(is_lost)))

"""Odd arrays for every argument that is one: what says the same gives the same, all else is refused in our words."""

from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument, BadTable

KNOWN = cr.KnownPositives.of([0, 0, 1], [2, 0, 1])
PARTITION = cr.Partition.by_weight([4, 3, 2, 1], 2)
LINKS = cr.LinkNeighbours(cr.Graph.from_edges([0, 1, 2], [1, 2, 3], times=[1, 2, 3]), [2, 2])
TIMED = cr.NegativeSampler(cr.Candidates(4, before=cr.Before("at", [0, 1, 2, 3])), KNOWN)
ONES = np.ones((2, 2), np.float32)


def mined(query_ids, items):
    return cr.Mined(query_ids, items, ONES, ONES[0], item_count=4)


def reported(ids, embeddings):
    bank = cr.EmbeddingBank(4, 2)
    bank.report(ids, embeddings)
    return bank.embeddings


CALLS = {
    "Graph": (lambda o, t: cr.Graph(o, t).targets, [0, 1, 3], [1, 0, 1]),
    "Graph.from_edges": (lambda s, t, w: cr.Graph.from_edges(s, t, weights=w).aliases, [0, 1], [1, 2], [1, 2]),
    "Partition": (lambda part_of: cr.Partition(part_of, 2).part_of, [0, 1, 1]),
    "Partition.by_weight": (lambda weights: cr.Partition.by_weight(weights, 2).part_of, [4, 3, 2]),
    "BlockPairs.of": (lambda h, t: cr.BlockPairs.of(h, t, PARTITION).offsets, [0, 1, 3], [1, 2, 2]),
    "BlockPairs": (lambda h, t, o: cr.BlockPairs(h, t, o, 1).offsets, [0, 1], [1, 2], [0, 2]),
    "LinkNeighbours": (lambda h, t, u: LINKS.draw(h, t, key=cr.Key(0), times=u).nodes, [0, 1], [1, 2], [3, 3]),
    "KnownPositives.of": (lambda q, i: cr.KnownPositives.of(q, i).positives, [0, 0, 1], [2, 0, 1]),
    "contains": (KNOWN.contains, [0, 1], [2, 2]),
    "may_contrast": (KNOWN.may_contrast, [0, 1], [2, 2]),
    "draw": (lambda q, at: TIMED.draw(q, 2, key=cr.Key(0), facts={"at": at}).items, [0, 1], [3, 2]),
    "Candidates": (lambda w: cr.Candidates(3, w).weights, [1, 2, 3]),
    "SameGroup": (lambda groups: cr.SameGroup("kind", groups).groups, [1, 2, 3]),
    "Mined": (lambda q, i: mined(q, i).items, [0, 1], [[2, 3], [3, 1]]),
    "Clusters": (lambda members, offsets: cr.Clusters(members, offsets).of_row, [2, 0, 1], [0, 1, 3]),
    "balanced_clusters": (lambda e: cr.balanced_clusters(e, 1, key=cr.Key(0)).members, [[0.5, 1.0], [9.0, 1.0]]),
    "EmbeddingBank.report": (reported, [2, 0], [[1.0, 2.0], [3.0, 4.0]]),
    "MarginBalanced": (lambda o, m: cr.MarginBalanced(o, m).margins, [0, 1, 3], [0.5, 2.0, 2.0]),
}
SAME = {
    "big-endian": lambda values: values.astype(values.dtype.newbyteorder(">")),
    "strided": lambda values: np.repeat(values, 2, axis=0)[::2],
    "read-only": lambda values: np.frombuffer(values.tobytes(), values.dtype).reshape(values.shape),
    "list": lambda values: values.tolist(),
}
OTHER = {
    "none": lambda _: None,
    "text": lambda _: "text",
    "texts": lambda values: values.astype(str),
    "complex": lambda values: values.astype(complex),
    "dates": lambda values: values.astype("datetime64[s]"),
    "objects": lambda values: np.full(values.shape, None),
    "flags": lambda values: np.ones(values.shape, bool),
    "ragged": lambda values: [values.tolist(), [values.tolist()]],
    "deeper": lambda values: values[None],
    "a number": lambda values: values.ravel()[0],
    "masked": lambda values: np.ma.masked_array(values, np.ones(values.shape, bool)),
    "not a number": lambda values: np.full(values.shape, np.nan),
    "infinite": lambda values: np.full(values.shape, np.inf),
    "huge": lambda values: [10**30] * len(values),
    "too many bits": lambda values: np.full(values.shape, 2**64 - 1, np.uint64),
}
TAKEN = {
    "Graph.from_edges": {2: ["none", "flags", "too many bits"]},
    "BlockPairs": {0: ["too many bits"], 1: ["too many bits"]},
    "LinkNeighbours": {2: ["none"]},
    "draw": {0: ["too many bits"], 1: ["flags"]},
    "Candidates": {0: ["none", "flags"]},
    "SameGroup": {0: ["flags"]},
    "MarginBalanced": {1: ["too many bits"]},
}
"""By the place of the argument: left out; 0 or 1; any integers; a query that nothing is known of; a large margin."""


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", SAME)
def test_what_says_the_same_gives_the_same(name, kind):
    call, *given = CALLS[name]
    arrays = [np.array(values) for values in given]
    expected = call(*arrays)
    for place in range(len(arrays)):
        assert np.array_equal(call(*with_odd(arrays, place, SAME[kind])), expected)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", OTHER)
def test_what_says_something_else_is_refused_in_our_words(name, kind):
    call, *given = CALLS[name]
    arrays = [np.array(values) for values in given]
    for place in range(len(arrays)):
        odd = with_odd(arrays, place, OTHER[kind])
        if kind in TAKEN.get(name, {}).get(place, []):
            call(*odd)
        else:
            with pytest.raises((BadArgument, BadTable), match=r"(?s) must .*, got .*; "):
                call(*odd)


def with_odd(arrays, place, kind):
    return [kind(values) if turn == place else values for turn, values in enumerate(arrays)]

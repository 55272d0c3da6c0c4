from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import conflicts
from croupier.kernels.conflicts import conflicts_among, largest_clique
from croupier.negatives.known_positives import KnownPositives


def conflict(one, two, known):
    """Whether an item of one row is right for the other's query: the definition."""
    return any((one[0], item) in known for item in two[1:]) or any((two[0], item) in known for item in one[1:])


@st.composite
def rows_and_known(draw):
    width = draw(st.integers(1, 2))
    rows = draw(st.lists(st.tuples(*[st.integers(0, 7)] * (width + 1)), min_size=1, max_size=25))
    more = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=8))
    return rows, {*((row[0], row[1]) for row in rows), *more}


def found_among(rows, known):
    pairs = KnownPositives.of([query for query, _ in sorted(known)], [item for _, item in sorted(known)])
    askers = pairs.transposed()
    queries, items = np.array(rows)[:, 0].copy(), pairs.items.numbers(np.array(rows)[:, 1:].copy())
    lists = (pairs.offsets, pairs.positives), (askers.offsets, askers.positives)
    return conflicts_among(queries, items, *lists), queries, items, lists


@given(rows_and_known())
def test_rows_without_a_number_have_no_conflict_and_lists_rule_out_every_conflict(drawn):
    rows, known = drawn
    found, _, _, _ = found_among(rows, known)
    blocks, met = [], []
    for row in range(len(rows)):
        own = [number for number in (found.queries[row], *found.items[row]) if number >= 0]
        met.append(set(own))
        lists = [found.others[found.offsets[number] : found.offsets[number + 1]] for number in own]
        blocks.append({other for others in lists for other in others.tolist()})
    for one in range(len(rows)):
        for two in range(len(rows)):
            if one != two:
                assert bool(blocks[one] & met[two]) == conflict(rows[one], rows[two], known)


@given(rows_and_known())
def test_the_loop_and_the_twin_give_the_same_numbers(drawn):
    _, queries, items, (positives, askers) = found_among(*drawn)
    results = []
    for mark in (conflicts._mark, conflicts._mark_numpy):
        of_query, of_item = np.zeros((positives[0].size, 3), np.int32), np.zeros((askers[0].size, 3), np.int32)
        of_query[:, 2] = of_item[:, 2] = -1
        numbers = mark(queries, items, *positives, of_query, of_item)
        listed = [values.tolist() for values in
                  conflicts._list_loop(queries, items, positives, askers, of_query, of_item, numbers)]  # fmt: skip
        results.append((numbers, of_query.tolist(), of_item.tolist(), listed))
    assert results[0] == results[1]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=20))
def test_the_clique_is_the_most_rows_that_share_the_query_or_item_of_one(rows):
    found, _, _, _ = found_among(rows, set(rows))
    most = max(sum(q == query or i == item for q, i in rows) for query, item in rows)
    assert largest_clique(found) == (most if most > 1 else 0)

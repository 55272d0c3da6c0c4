from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from conflicting_rows import arguments, conflict, rows_and_known
from croupier.kernels.cliques import least_batches
from croupier.kernels.conflicts import conflicts_among


def fewest(rows, known, capacity):
    """By trying every way to put the rows, one after another, into the batches there are or a new one."""
    conflicts = [[conflict(one, two, known) for two in rows] for one in rows]

    def best(row, batches, most):
        if len(batches) >= most:
            return most
        if row == len(rows):
            return len(batches)
        for batch in batches:
            if len(batch) < capacity and not any(conflicts[row][other] for other in batch):
                batch.append(row)
                most = best(row + 1, batches, most)
                batch.pop()
        return best(row + 1, [*batches, [row]], most)

    return best(0, [], len(rows) + 1)


@given(rows_and_known(), st.integers(1, 5))
def test_no_way_to_deal_the_rows_needs_fewer_batches_than_the_bound(drawn, capacity):
    rows, known = drawn[0][:8], drawn[1]
    known = {pair for pair in known if pair not in {row[:2] for row in drawn[0][8:]}} | {row[:2] for row in rows}
    bound = least_batches(conflicts_among(*arguments(rows, known)), capacity)
    assert -(-len(rows) // capacity) <= bound <= fewest(rows, known, capacity)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=20))
def test_the_bound_is_at_least_the_most_rows_that_share_the_query_or_item_of_one(rows):
    most = max(sum(q == query or i == item for q, i in rows) for query, item in rows)
    assert least_batches(conflicts_among(*arguments(rows, set(rows))), len(rows)) >= most


def test_rows_at_odds_with_all_rows_of_an_item_need_batches_besides():
    """Ten rows of item 0; each of their queries has another row, of an item of its own: four to a batch."""
    rows = [(query, 0) for query in range(10)] + [(query, query + 1) for query in range(10)]
    assert least_batches(conflicts_among(*arguments(rows, set(rows))), 4) == 13
    # Of the rows at odds, 8 now have an item in common, with which 8 others are at odds.
    rows += [(query, 20) for query in range(8)]
    assert least_batches(conflicts_among(*arguments(rows, set(rows))), 4) == 10 + 8 + 2


def test_rows_with_a_frequent_item_as_a_further_one_need_batches_besides():
    rows = [(query, 0, 20 + query) for query in range(10)] + [(query, query, 0) for query in range(10, 18)]
    bound = least_batches(conflicts_among(*arguments(rows, {row[:2] for row in rows})), 4)
    assert bound == 12 == fewest(rows[:10], set(), 1) + 2


def test_nothing_needs_no_batch():
    found = conflicts_among(np.zeros(0, np.int64), np.zeros((0, 1), np.int64), (np.zeros(1, int), np.zeros(0, int)), 0)
    assert least_batches(found, 4) == 0

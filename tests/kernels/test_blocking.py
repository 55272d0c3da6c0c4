from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from conflicting_rows import arguments, conflict, rows_and_known
from croupier.kernels import blocking
from croupier.kernels.blocking import blocking_lists
from croupier.kernels.conflicts import conflicts_among


def sets_and_reads(found, lists, row):
    numbers = [number for number in (found.queries[row], *found.items[row]) if number >= 0]
    sets = {bit for number in numbers for bit in lists.sets(number)}
    return sets, {*numbers, *(bit for number in numbers for bit in lists.reads(number))}


@given(rows_and_known())
@pytest.mark.parametrize("times", [0, 1, 32])
def test_a_row_reads_a_bit_that_another_sets_exactly_where_they_conflict(times, drawn):
    """Whether the frequent side sets the bits of the rare, or the rare reads those of the frequent."""
    rows, known = drawn
    found = conflicts_among(*arguments(rows, known))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocking, "TIMES_AS_FREQUENT", times)
        patch.setenv("CROUPIER_NUMBA", "0")  # compiled, the constant stays what it was
        lists = blocking_lists(found)
    both = [sets_and_reads(found, lists, row) for row in range(len(rows))]
    for one in range(len(rows)):
        for two in range(len(rows)):
            if one != two:
                assert bool(both[one][0] & both[two][1]) == conflict(rows[one], rows[two], known)
    assert lists.most_reads == max([0, *(len(lists.reads(number)) for number in range(found.counts.size))])


def test_the_lists_of_a_frequent_item_are_linear_in_its_rows():
    """Each of 3,000 queries has the item in one of two rows: none of them is told each time that the item comes."""
    queries = np.repeat(np.arange(3_000), 2)
    items = np.where(np.arange(6_000) % 2 == 0, 0, np.arange(6_000) + 1)
    rows = list(zip(queries.tolist(), items.tolist(), strict=True))
    found = conflicts_among(*arguments(rows, set(rows)))
    lists = blocking_lists(found)
    numbers = np.concatenate([found.queries, found.items[:, 0]])
    assert sum(len(lists.sets(number)) for number in numbers[numbers >= 0]) <= 6 * 6_000
    assert lists.values.size <= 4 * 6_000

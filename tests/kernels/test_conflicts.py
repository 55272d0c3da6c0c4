from __future__ import annotations

import numpy as np
from hypothesis import given

from conflicting_rows import arguments, conflict, rows_and_known
from croupier.kernels import conflicts
from croupier.kernels.conflicts import conflicts_among


@given(rows_and_known())
def test_numbers_and_lists_tell_every_conflict_and_no_other(drawn):
    rows, known = drawn
    found = conflicts_among(*arguments(rows, known))
    right = [set(found.right[low:high].tolist()) for low, high in zip(found.offsets, found.offsets[1:], strict=False)]
    for one in range(len(rows)):
        for two in range(len(rows)):
            if one != two:
                asks = [right[found.queries[row]] if found.queries[row] >= 0 else set() for row in (one, two)]
                met = bool(asks[0] & set(found.items[two].tolist()) or asks[1] & set(found.items[one].tolist()))
                assert met == conflict(rows[one], rows[two], known)


@given(rows_and_known(widest=1))
def test_every_number_is_of_a_conflict_and_counted(drawn):
    rows, known = drawn
    found = conflicts_among(*arguments(rows, known))
    flat = np.concatenate([found.queries, found.items.ravel()])
    assert np.bincount(flat[flat >= 0], minlength=found.counts.size).tolist() == found.counts.tolist()
    assert (found.counts > 0).all()
    for place, row in enumerate(rows):
        if not any(conflict(row, other, known) for other in rows[:place] + rows[place + 1 :]):
            assert (found.queries[place], *found.items[place]) == (-1, -1)


@given(rows_and_known())
def test_the_loop_and_the_twin_give_the_same_numbers(drawn):
    queries, items, (offsets, positives), kinds = arguments(*drawn)
    results = []
    for mark in (conflicts._mark, conflicts._mark_numpy):
        of_query, of_item = np.zeros((offsets.size, 3), np.int32), np.zeros((kinds + 1, 3), np.int32)
        numbers = mark(queries, items, offsets, positives, of_query, of_item)
        results.append((numbers, of_query.tolist(), of_item.tolist()))
    assert results[0] == results[1]

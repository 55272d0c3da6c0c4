from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from conflicting_rows import arguments, check_apart, rows_and_known
from croupier.kernels import levelling
from croupier.kernels.blocking import blocking_lists
from croupier.kernels.conflict_free import deal_conflict_free
from croupier.kernels.conflicts import conflicts_among
from croupier.kernels.levelling import fill_conflict_free


@given(rows_and_known(), st.integers(1, 6))
def test_filled_up_batches_have_no_conflict_and_givers_keep_enough(drawn, least):
    rows, known = drawn
    found = conflicts_among(*arguments(rows, known))
    lists = blocking_lists(found)
    order = np.flatnonzero((found.queries >= 0) | (found.items >= 0).any(axis=1))
    dealt = deal_conflict_free(order, found.queries, found.items, lists, len(rows), len(rows), in_place=False)
    dealt[dealt < 0] = 0
    batches = len(rows)
    sizes = np.bincount(dealt, minlength=batches)
    wanting = np.flatnonzero(sizes < least)
    first = order, found.queries, found.items, lists, wanting, least
    filled = fill_conflict_free(*first, dealt)
    assert filled.tolist() == levelling._fill_plain(*first, sizes.copy(), dealt.copy()).tolist()
    check_apart(rows, known, filled)
    after = np.bincount(filled, minlength=batches)
    assert (after[wanting] >= sizes[wanting]).all()
    assert (after[wanting] <= least).all()
    assert (after[sizes >= least] >= least).all()

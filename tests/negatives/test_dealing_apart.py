from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflicting_rows import arguments, conflict, rows_and_known
from croupier.kernels.conflicts import conflicts_among
from croupier.negatives import dealing_apart
from croupier.negatives.dealing_apart import deal_apart, parts_for_memory


@given(rows_and_known(), st.integers(1, 9), st.integers(1, 3), st.booleans())
def test_rows_of_a_step_do_not_conflict_and_all_are_dealt_unless_left_out(drawn, capacity, lanes, leaves_out):
    rows, known = drawn
    found = conflicts_among(*arguments(rows, known))
    fewest = -(-len(rows) // capacity)
    dealt, sizes = deal_apart(found, fewest, capacity, lanes, leaves_out=leaves_out)
    assert np.bincount(dealt[dealt >= 0], minlength=sizes.size).tolist() == sizes.tolist()
    assert sizes.max() <= capacity
    for step in range(sizes.size):
        own = np.flatnonzero(dealt == step).tolist()
        assert not any(conflict(rows[one], rows[two], known) for one in own for two in own if one < two)
    if leaves_out:
        assert sizes.size == fewest
    else:
        assert (dealt >= 0).all()
        assert (sizes > 0).all()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.integers(0, 40))
def test_levelling_gives_each_row_to_a_step_that_has_least(sizes, more):
    room = dealing_apart._levelling(np.array(sizes), more)
    one_by_one = list(sizes)
    for _ in range(more):
        one_by_one[one_by_one.index(min(one_by_one))] += 1
    assert room.sum() == more
    assert sorted((np.array(sizes) + room).tolist()) == sorted(one_by_one)


def test_bits_of_the_steps_take_no_more_than_twice_what_is_said(monkeypatch):
    """In later tries too, and in the steps that are opened for what finds no room."""
    taken, deal = [], dealing_apart.deal_conflict_free

    def noted(order, queries, items, lists, batches, capacity, *, in_place):
        taken.append(-(-batches // 64) * 8 * lists.bits)
        return deal(order, queries, items, lists, batches, capacity, in_place=in_place)

    monkeypatch.setattr(dealing_apart, "deal_conflict_free", noted)
    rng = np.random.default_rng(0)
    # Every query has items of many: few queries and items, which need many more steps than the bound knows of.
    rows = list(zip(rng.integers(0, 60, 2_000).tolist(), rng.integers(0, 60, 2_000).tolist(), strict=True))
    found = conflicts_among(*arguments(rows, set(rows)))
    most = 8 * found.counts.size
    monkeypatch.setattr(dealing_apart, "MOST_BYTES", most)
    dealt, sizes = deal_apart(found, 100, 64, 1, leaves_out=False)
    assert (dealt >= 0).all()
    assert sizes.size > 4 * 64
    assert max(taken) <= 2 * most
    assert len(taken) > 3


@pytest.mark.parametrize(
    ("steps", "numbers", "parts"), [(1, 0, 1), (1024, 2**20, 1), (1025, 2**20, 2), (2**14, 2**20, 4)]
)
def test_parts_take_little_memory_each(steps, numbers, parts):
    assert parts_for_memory(steps, numbers) == parts
    assert -(-steps // parts // 64) * 8 * numbers // parts <= 1.1 * dealing_apart.MOST_BYTES

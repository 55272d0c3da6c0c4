from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.negatives.picking import compacted, first_of_each, picked_ranks
from statistics_of_draws import standardised_chi_square


def ranks_of(have, count, pick, epoch=0):
    context = cr.Context(table=cr.Table(size=1), key=cr.Key(4), epoch=epoch)
    return picked_ranks(np.array(have), count, pick, np.arange(len(have)), context)


@pytest.mark.parametrize("pick", list(cr.Pick))
def test_ranks_lie_below_what_there_is_and_none_comes_twice(pick):
    have = np.random.default_rng(0).integers(0, 9, 500)
    ranks, log_q = ranks_of(have, 5, pick)
    for row, own in enumerate(ranks.tolist()):
        there = [rank for rank in own if rank >= 0]
        assert len(there) == len(set(there)) == min(5, have[row])
        assert all(rank < have[row] for rank in there)
        assert own[len(there) :] == [-1] * (5 - len(there))
        wanted = 0.0 if pick is cr.Pick.TOP else -np.log(max(have[row], 1))
        assert log_q[row].tolist() == pytest.approx([wanted] * len(there) + [-np.inf] * (5 - len(there)))


def test_every_ordered_draw_of_two_of_four_comes_alike():
    """Standardised chi-square over 12 pairs; 6 is passed with a probability below 1e-4."""
    ranks, _ = ranks_of([4] * 60_000, 2, cr.Pick.AT_RANDOM)
    counts = np.bincount(ranks[:, 0] * 4 + ranks[:, 1], minlength=16)
    expected = np.where(np.arange(16) % 5 == 0, 0, 60_000 / 12)
    assert abs(standardised_chi_square(counts, expected)) < 6


def test_usable_entries_come_first_in_their_order():
    places, have = compacted(np.array([[False, True, False, True], [True, True, True, True]]))
    assert have.tolist() == [2, 4]
    assert places[0, :2].tolist() == [1, 3]
    assert places[1].tolist() == [0, 1, 2, 3]


@given(st.lists(st.lists(st.integers(-1, 4), min_size=6, max_size=6), max_size=6))
def test_the_first_of_each_item_in_a_list(lists):
    found = first_of_each(np.array(lists, np.int64).reshape(-1, 6))
    for own, is_first in zip(lists, found.tolist(), strict=True):
        assert [x for x, kept in zip(own, is_first, strict=True) if kept and x >= 0] == list(
            dict.fromkeys(x for x in own if x >= 0)
        )

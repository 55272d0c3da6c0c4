from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument
from statistics_of_draws import standardised_chi_square

limit = st.none() | st.floats(-1, 1, width=32)


@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=20),
    st.floats(-1, 1, width=32),
    limit,
    limit,
    limit,
    limit,
)
def test_each_filter_takes_what_its_sentence_says(scores, positive, highest, lowest, absolute, relative):
    limits = cr.ScoreLimits(highest, lowest, absolute, relative)
    given_scores = np.array([scores], np.float32)
    found = limits.left_out(given_scores, np.array([positive], np.float32))
    s, p = np.array(scores, np.float32), np.float32(positive)
    oracle = {
        "absolute_margin": absolute is not None and s + np.float32(absolute) > p,
        "relative_margin": relative is not None and s > p - abs(p) * np.float32(relative),
        "max_score": highest is not None and s > np.float32(highest),
        "min_score": lowest is not None and s < np.float32(lowest),
    }
    assert {name: one[0].tolist() for name, one in found.items()} == {
        name: one.tolist() for name, one in oracle.items() if one is not False
    }


def test_ranks_of_the_window():
    for window, limits, is_rescored, wanted in (
        ((2, 9), {}, False, 9),
        ((0, None), {}, False, 3 + 4),
        ((5, None), {"min_score": 0.1}, False, 5 + 3 + 4),
        ((5, None), {"max_score": 0.1}, False, 5 + 30 + 4),
        ((0, None), {"absolute_margin": 0.0}, False, 30 + 4),
        ((0, None), {"relative_margin": 0.05}, False, 30 + 4),
        ((0, None), {}, True, 30 + 4),
    ):
        rules = cr.MiningRules(3, cr.RankWindow(*window), cr.ScoreLimits(**limits))
        assert rules.ranks(most_positives=4, is_rescored=is_rescored) == wanted


def chosen(choice, in_window, count, query_ids=None, items=None):
    in_window = np.asarray(in_window, bool)
    rows, width = in_window.shape
    ids = np.arange(rows) if query_ids is None else np.asarray(query_ids)
    found = np.tile(np.arange(width), (rows, 1)) if items is None else items
    return choice.chosen(in_window, ids, found, count)


@given(st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=9), st.integers(1, 9))
def test_choices_take_so_many_of_the_window(in_window, count):
    for choice in (cr.Hardest(), cr.RandomOfWindow(3)):
        taken = chosen(choice, in_window, count)
        assert not (taken & ~np.array(in_window)).any()
        assert taken.sum(axis=1).tolist() == [min(count, sum(row)) for row in in_window]
    hardest = chosen(cr.Hardest(), in_window, count)
    assert [np.flatnonzero(row).tolist() for row in hardest] == [
        [place for place, inside in enumerate(row) if inside][:count] for row in in_window
    ]


def test_a_random_choice_belongs_to_the_query_and_the_seed():
    window = np.ones((3, 30), bool)
    whole = chosen(cr.RandomOfWindow(5), window, 4)
    assert chosen(cr.RandomOfWindow(5), window[:1], 4, query_ids=[2]).tolist() == [whole[2].tolist()]
    assert whole[0].tolist() != whole[1].tolist()
    assert chosen(cr.RandomOfWindow(6), window, 4).tolist() != whole.tolist()


class ByItemAlone(cr.RandomOfWindow):
    """A mutant: the same lots for every query."""

    def chosen(self, in_window, query_ids, items, count):
        return super().chosen(in_window, np.zeros_like(query_ids), items, count)


class FirstMoreOften(cr.RandomOfWindow):
    """A mutant: each place by a coin, so that early ones come more often than late ones."""

    def chosen(self, in_window, query_ids, items, count):
        coins = cr.draws(self.seed, (query_ids[:, None] * 64 + items).ravel()).reshape(items.shape) % np.uint64(5) < 2
        return (coins & in_window) & (np.cumsum(coins & in_window, axis=1) <= count)


def deviation_of_pairs(choice):
    """Of 2 out of 5: how often each of the 10 pairs comes, over 20,000 queries."""
    taken = chosen(choice, np.ones((20_000, 5), bool), 2)
    codes = taken @ (2 ** np.arange(5))
    pairs = [2**a + 2**b for a in range(5) for b in range(a)]
    return standardised_chi_square([np.count_nonzero(codes == pair) for pair in pairs], np.full(10, 2000.0))


def test_every_choice_is_as_likely_as_any_other():
    """False alarm below 1e-6 a seed; the mutants lie far above."""
    for seed in range(3):
        assert abs(deviation_of_pairs(cr.RandomOfWindow(seed))) < 6
    assert deviation_of_pairs(ByItemAlone(0)) > 100
    assert deviation_of_pairs(FirstMoreOften(0)) > 100


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: cr.RankWindow(-1), r"range_min must be an integer >= 0, got -1; pass 0 to begin with the hardest"),
        (lambda: cr.RankWindow(5, 5), r"range_max must be an integer >= 6, got 5; it is the rank after the last one"),
        (
            lambda: cr.ScoreLimits(max_score=np.nan),
            r"max_score must be a finite number, or None, got nan; leave it out",
        ),
        (
            lambda: cr.ScoreLimits(max_score=10**40),
            r"max_score must be a finite number, or None, got 1000000000000000000",
        ),
        (lambda: cr.ScoreLimits(relative_margin=True), r"relative_margin must be a finite number, or None, got True"),
        (lambda: cr.ScoreLimits(min_score="0"), r"min_score must be a finite number, or None, got '0'"),
        (lambda: cr.RandomOfWindow(-1), r"seed must be an integer >= 0, got -1; pass 0, say"),
        (lambda: cr.MiningRules(0), r"per_query must be an integer >= 1, got 0; pass the number of negatives a query"),
        (
            lambda: cr.MiningRules(window=(0, 5)),
            r"window must be RankWindow, got \(0, 5\); pass RankWindow\(\.\.\.\), say",
        ),
        (lambda: cr.MiningRules(limits=0.5), r"limits must be ScoreLimits, got 0.5"),
        (lambda: cr.MiningRules(choice="top"), r"choice must be Hardest or RandomOfWindow, got 'top'; pass Hardest\("),
        (lambda: cr.MiningRules(cosine=1), r"cosine must be bool, got 1"),
        (
            lambda: cr.MiningRules(4, cr.RankWindow(2, 5)),
            r"window must have a rank for each negative, got 2 .. 5 for 4; raise range_max or want fewer",
        ),
    ],
)
def test_rules_that_contradict_themselves_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()

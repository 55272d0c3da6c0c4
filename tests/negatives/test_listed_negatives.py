from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument, BadTable

LISTS = [[3, 4, 5, 6], [4, 3, -1, -1], [5, 7, 8, 9], [-1, -1, -1, -1]]


def dealer_of(pick, per_example=2, lists=LISTS, **columns):
    table = cr.Table(**{"query": [0, 0, 1, 2], "item": [3, 4, 5, 6], "bm25": lists, **columns})
    plan = cr.chain(cr.Sequential(), cr.ListedNegatives(per_example, "bm25", pick), cr.FixedSize(4))
    return cr.Dealer(plan, table, seed=0)


def test_the_top_of_a_list_without_known_positives():
    deal = dealer_of(cr.Pick.TOP).first()
    assert deal.columns["negatives"].tolist() == [[5, 6], [-1, -1], [7, 8], [-1, -1]]
    assert deal.columns["negative_weight"].tolist() == [[1, 1], [0, 0], [1, 1], [0, 0]]
    assert deal.columns["negative_log_q"].tolist() == [[0, 0], [-np.inf] * 2, [0, 0], [-np.inf] * 2]
    assert deal.ledger.ids("dealt with fewer negatives") == 2


def test_at_random_none_twice_and_each_as_often():
    """Each of three comes in two of three draws: 4 sd of the binomial over 600 epochs are passed once in 5,000."""
    dealer, counts = dealer_of(cr.Pick.AT_RANDOM), np.zeros(10)
    for _ in range(600):
        for deal in dealer:
            own = deal.columns["negatives"][2]
            assert own[0] != own[1]
            counts[own] += 1
            assert deal.columns["negative_log_q"][2].tolist() == pytest.approx([-np.log(3)] * 2)
    assert set(np.flatnonzero(counts).tolist()) == {7, 8, 9}
    assert np.abs(counts[[7, 8, 9]] - 400).max() < 4 * np.sqrt(600 * 2 / 9)


def test_in_turn_every_one_comes_before_any_comes_again():
    lists = [[10, 11, 12, 13, 14, 15]] * 4
    dealer = dealer_of(cr.Pick.IN_TURN, lists=lists)
    turns = [deal.columns["negatives"].tolist() for _ in range(6) for deal in dealer]
    for row in range(4):
        first, second = [sorted(item for turn in half for item in turn[row]) for half in (turns[:3], turns[3:])]
        assert first == second == [10, 11, 12, 13, 14, 15]


def test_sources_add_up_and_say_which_is_which():
    table = cr.Table(query=[0, 1], item=[0, 1], bm25=[[5, 6], [6, -1]])
    plan = cr.chain(
        cr.Sequential(), cr.ListedNegatives(2, "bm25", cr.Pick.TOP), cr.RandomNegatives(3, 9), cr.FixedSize(2)
    )
    columns = cr.Dealer(plan, table, seed=0).first().columns
    assert columns["negatives"].shape == (2, 5)
    assert columns["negatives"][:, :2].tolist() == [[5, 6], [6, -1]]
    assert columns["negative_source"].tolist() == [[0, 0, 1, 1, 1]] * 2
    assert columns["negative_version"].tolist() == [[-1] * 5] * 2
    assert columns["negative_log_q"][:, 2:] == pytest.approx(-np.log(8))
    assert columns["negative_weight"].tolist() == [[1] * 5, [1, 0, 1, 1, 1]]


def test_bad_arguments_and_columns_are_refused():
    with pytest.raises(BadArgument, match=r"pick must be a Pick, got 'top'; pass Pick.TOP"):
        cr.ListedNegatives(1, "bm25", "top")
    with pytest.raises(BadTable, match=r"'bm25' must hold whole numbers, of shape \(rows, m\)"):
        dealer_of(cr.Pick.TOP, lists=[1, 2, 3, 4])
    with pytest.raises(BadTable, match="'negative_weight' must not be there"):
        dealer_of(cr.Pick.TOP, negative_weight=[1, 2, 3, 4])


@pytest.mark.parametrize("pick", list(cr.Pick))
def test_an_item_that_a_list_has_again_counts_once(pick):
    """With the second 7 and 8 as candidates of their own, 3 of 10 pairs would hold an item twice."""
    dealer = dealer_of(pick, lists=[[7, 8, 7, 8, 9]] * 4)
    for epoch in range(20):
        for deal in dealer:
            assert all(len(set(own)) == 2 for own in deal.columns["negatives"].tolist())
            assert deal.ledger.ids("passed over: again in its list") == 8 * (epoch + 1)
            if pick is not cr.Pick.TOP:
                assert deal.columns["negative_log_q"][0].tolist() == pytest.approx([-np.log(3)] * 2)


@pytest.mark.parametrize(
    ("lists", "text"),
    [
        (
            [[7, -100]] * 4,
            r"'bm25' must hold items from 0, below 2\*\*62, and -1 for none, got -100 in row 0; fill short",
        ),
        (
            [[7, 8]] * 3 + [[7, 2**62]],
            r"'bm25' must hold items from 0, .*, got 4611686018427387904 in row 3; fill short",
        ),
        (
            [["a", "b"]] * 4,
            r"'bm25' must hold items, got strings, which are categories of their own; number them as the",
        ),
        ([[0.5, 1]] * 4, r"'bm25' must hold whole numbers, of shape \(rows, m\), got dtype float64 of shape \(4, 2\)"),
    ],
)
def test_lists_of_other_things_are_refused_before_the_run(lists, text):
    with pytest.raises(BadTable, match=text):
        dealer_of(cr.Pick.TOP, lists=lists)


def test_a_list_may_be_shorter_than_what_is_asked_for():
    assert dealer_of(cr.Pick.TOP, 3, [[7, 8]] * 4).first().columns["negatives"].tolist() == [[7, 8, -1]] * 4


def test_the_column_is_a_name():
    with pytest.raises(BadArgument, match=r"column must be a column's name, got 3; pass"):
        cr.ListedNegatives(1, 3)

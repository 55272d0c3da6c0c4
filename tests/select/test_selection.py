from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


@given(ids=st.lists(st.integers(0, 99), min_size=1, max_size=40, unique=True), shuffle=st.booleans())
def test_each_chosen_id_once_with_its_weight(ids, shuffle):
    weights = {row: row / 7 for row in ids}
    stage = cr.Selection(ids, weights=[weights[row] for row in ids], shuffle=shuffle)
    dealer = cr.Dealer(cr.chain(stage, cr.FixedSize(3)), cr.Table(size=100), seed=0)
    deals = list(dealer)
    dealt = [row for deal in deals for row in deal]
    assert sorted(dealt) == sorted(ids)
    assert [w for deal in deals for w in deal.columns["weight"]] == [weights[row] for row in dealt]
    assert dealer.position_of(dealt, epoch=0).tolist() == list(range(len(ids)))
    if not shuffle:
        assert dealt == ids


def test_it_keeps_a_copy_of_what_it_was_given():
    ids = np.array([1, 2, 3])
    stage = cr.Selection(ids)
    ids[0] = 99
    assert np.asarray(stage.ids).tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(stage.ids)[0] = 5


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: cr.Selection([]), "ids must be a list of at least one row number"),
        (lambda: cr.Selection([1.5]), "ids must be a list of at least one row number"),
        (lambda: cr.Selection([[1]]), "ids must be a list of at least one row number"),
        (lambda: cr.Selection([3, 4, 3]), "ids must hold each row at most once, got row 3 2 times; use weights"),
        (lambda: cr.Selection([-1]), "ids must be >= 0, got -1"),
        (lambda: cr.Selection([1], weights=[1, 2]), "weights must be 1 finite numbers >= 0"),
        (lambda: cr.Selection([1], weights=[np.nan]), "weights must be 1 finite numbers >= 0"),
        (lambda: cr.Selection([1], weights=[-1]), "weights must be 1 finite numbers >= 0"),
        (
            lambda: cr.Dealer(cr.chain(cr.Selection([7]), cr.FixedSize(1)), cr.Table(size=7), seed=0),
            "ids must be below the table's 7 rows, got 7; is it another table",
        ),
    ],
)
def test_bad_selections_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()


def test_rows_that_were_not_chosen_have_no_position():
    dealer = cr.Dealer(cr.chain(cr.Selection([3, 5], shuffle=False), cr.FixedSize(1)), cr.Table(size=7), seed=0)
    assert dealer.position_of([4, 5, 3, 0]).tolist() == [-1, 1, 0, -1]

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.core.batches import Batches
from croupier.core.key import Key
from croupier.core.stage import Context
from croupier.errors import BadArgument
from statistics_of_draws import standardised_chi_square


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25), st.integers(1, 8))
def test_items_are_those_of_the_batch_that_are_no_known_positives(rows, size):
    query, item = np.array(rows).T
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(size), cr.InBatchNegatives(3))
    for deal in cr.Dealer(plan, cr.Table(query=query, item=item), seed=0):
        for place, row in enumerate(deal.ids):
            free = [int(item[other]) for other in deal.ids if (query[row], item[other]) not in rows]
            drawn = deal.columns["negatives"][place].tolist()
            assert set(drawn) <= (set(free) or {-1})
            wanted = [np.log(free.count(one) / len(free)) if free else -np.inf for one in drawn]
            assert deal.columns["negative_log_q"][place].tolist() == pytest.approx(wanted)


def test_all_others_come_alike_however_often_they_stand_in_the_batch():
    """Standardised chi-square over 5 items; 6 is passed with a probability below 1e-4."""
    item = np.array([0, 1, 2, 3, 4, 4, 5])
    plan = cr.chain(cr.Sequential(), cr.FixedSize(7), cr.InBatchNegatives(20_000))
    columns = cr.Dealer(plan, cr.Table(query=np.arange(7), item=item), seed=0).first().columns
    drawn, log_q = columns["negatives"][0], columns["negative_log_q"][0]
    counts = np.bincount(drawn, minlength=6)
    assert abs(standardised_chi_square(counts, np.array([0, 1, 1, 1, 2, 1]) * 20_000 / 6)) < 6
    assert np.exp(log_q) * 6 == pytest.approx(np.array([0, 1, 1, 1, 2, 1])[drawn])


def test_pairs_that_travel_unknown_are_positives_of_the_rows_they_belong_to():
    stage = cr.InBatchNegatives(50, cr.Pairs("head", "tail", known=cr.KnownPositives.of([0], [1])))
    table = cr.Table(size=5)
    batches = Batches.of(np.arange(5)).with_columns(
        head=np.array([0, 7, 7, 8, 9]), tail=np.array([1, 1, 5, 5, -1]), nothing=np.zeros(5)
    )
    context = Context(table, Key(0), prepared=stage.prepare(table, Key(0), 0))
    drawn = stage.plan(batches, context).columns["negatives"]
    # Query 7 has 1 and 5; 8 has 5; what is not there is nobody's negative.
    assert [set(row.tolist()) for row in drawn] == [{5}, {-1}, {-1}, {1}, {1, 5}]


def test_bad_arguments_are_refused():
    with pytest.raises(BadArgument, match="per_example must be an integer >= 1"):
        cr.InBatchNegatives(0)
    with pytest.raises(BadArgument, match="pairs must be Pairs"):
        cr.InBatchNegatives(1, "query")

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadTable


def columns_of(triples, entities, per_example=30, known=None):
    head, relation, tail = np.array(triples).T
    table = cr.Table(head=head, relation=relation, tail=tail)
    plan = cr.chain(
        cr.Sequential(), cr.CorruptedTriples(per_example, entities, known=known), cr.FixedSize(len(triples))
    )
    return cr.Dealer(plan, table, seed=0).first()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=40),
       st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 3)), max_size=9))  # fmt: skip
def test_no_corrupted_triple_is_known_and_both_sides_come(triples, more):
    deal = columns_of(triples, 4, known=np.array(more).reshape(-1, 3))
    everything = {*triples, *more}
    for (head, relation, tail), items, is_head in zip(
        triples, deal.columns["corrupted"], deal.columns["corrupted_is_head"], strict=True
    ):
        heads = {entity for entity in range(4) if (entity, relation, tail) not in everything}
        tails = {entity for entity in range(4) if (head, relation, entity) not in everything}
        assert set(items[is_head].tolist()) <= heads
        assert set(items[~is_head].tolist()) <= (tails or {-1})
        assert is_head.any() == bool(heads)
        assert (~is_head).any() == bool(tails or not heads)


def test_probabilities_are_those_of_the_side_drawn():
    deal = columns_of([(0, 0, 1), (0, 0, 2)], 5)
    is_head, log_q = deal.columns["corrupted_is_head"], deal.columns["corrupted_log_q"]
    assert log_q[is_head] == pytest.approx(-np.log(4))
    assert log_q[~is_head] == pytest.approx(-np.log(3))
    assert abs(int(is_head.sum()) - 30) < 20


def test_a_triple_that_nothing_can_replace_is_marked_and_counted():
    deal = columns_of([(h, 0, t) for h in range(2) for t in range(2)], 2)
    assert set(deal.columns["corrupted"].ravel().tolist()) == {-1}
    assert deal.ledger.ids("dealt without a negative") == 4


def test_bad_arguments_and_tables_are_refused():
    with pytest.raises(BadArgument, match=r"known must be of shape \(m, 3\), got \(1, 2\)"):
        cr.CorruptedTriples(1, 5, known=np.array([[0, 1]]))
    with pytest.raises(BadArgument, match="columns must name head, relation and tail"):
        cr.CorruptedTriples(1, 5, ("head", "tail"))
    with pytest.raises(BadTable, match="'head' must hold entities below 2, got 4; raise entities"):
        columns_of([(0, 0, 4)], 2)
    named = cr.Table(head=["a", "b"], relation=[0, 0], tail=["b", "c"])  # b would be 1 as a head and 0 as a tail
    with pytest.raises(
        BadTable, match=r"'head' must hold whole numbers, got strings, which are categories of their own"
    ):
        cr.CorruptedTriples(1, 5).prepare(named, cr.Key(0), 0)

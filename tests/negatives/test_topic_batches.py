from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadTable


def deals_of(stage, topics, **options):
    return list(cr.Dealer(cr.chain(cr.Shuffle(), stage, **options), cr.Table(topic=topics), seed=0))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=80), st.integers(1, 3), st.integers(1, 3))
def test_every_id_once_every_batch_full_but_one_and_as_many_of_one_topic_as_there_can_be(topics, part, per_batch):
    size = part * per_batch
    deals = deals_of(cr.TopicBatches(size, topics_per_batch=per_batch), topics)
    assert sorted(row for deal in deals for row in deal.ids.tolist()) == list(range(len(topics)))
    assert sorted(len(deal) for deal in deals)[1:] == [size] * (len(deals) - 1)
    of_one = sum(len({topics[row] for row in deal.ids.tolist()}) == 1 for deal in deals)
    if per_batch == 1:
        assert of_one >= sum(count // size for count in Counter(topics).values())


def test_topics_share_a_batch_in_equal_parts_and_in_another_way_each_time():
    topics = np.repeat(np.arange(8), 40)
    deals = deals_of(cr.TopicBatches(20, topics_per_batch=2), topics)
    counts = [sorted(Counter(topics[deal.ids].tolist()).values()) for deal in deals]
    assert set(map(tuple, counts)) <= {(10, 10), (20,)}
    assert len({frozenset(topics[deal.ids].tolist()) for deal in deals}) > 4


def test_large_topics_come_as_often_as_they_have_rows():
    topics = np.array([0] * 90 + [1] * 10)
    deals = deals_of(cr.TopicBatches(10), topics)
    assert Counter(int(topics[deal.ids[0]]) for deal in deals) == {0: 9, 1: 1}


def test_a_budget_of_tokens_may_follow():
    rng = np.random.default_rng(0)
    table = cr.Table(topic=rng.integers(0, 4, 200), length=rng.integers(1, 30, 200))
    plan = cr.chain(cr.Shuffle(), cr.TopicBatches(32), cr.TokenBudget(200))
    deals = list(cr.Dealer(plan, table, seed=0))
    assert sorted(row for deal in deals for row in deal.ids.tolist()) == list(range(200))


def test_bad_arguments_and_columns_are_refused():
    with pytest.raises(BadArgument, match="topics_per_batch must divide batch_size=8, got 3; choose a divisor"):
        cr.TopicBatches(8, topics_per_batch=3)
    with pytest.raises(BadArgument, match="tail must be a Tail"):
        cr.TopicBatches(8, tail="drop")
    assert type(cr.TopicBatches(np.int64(8)).batch_size) is int  # a list times NumPy's numbers is none
    with pytest.raises(BadTable, match="'topic' must hold strings or whole numbers >= 0"):
        deals_of(cr.TopicBatches(2), [0.5, 1.0])

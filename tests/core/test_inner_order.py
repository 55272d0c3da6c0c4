from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.core.inner_order import check_inner_order, join_parts, plan_inner, position_inner, prepare_inner
from croupier.errors import BadArgument, NoInverse


def context_of(order, table, epochs=(0,)):
    context = cr.Context(table, cr.Key(3))
    return cr.Context(table, cr.Key(3), prepared=prepare_inner(order, context, epochs))


def test_orders_prepare_once_or_for_each_epoch_they_are_asked_for():
    table = cr.Table.from_shards([2, 2], w=np.ones(4))
    assert prepare_inner(cr.Shuffle(), cr.Context(table, cr.Key(0)), [0, 1]) == {}
    assert set(prepare_inner(cr.Weighted("w"), cr.Context(table, cr.Key(0)), [4, 5])) == {"run"}
    assert set(prepare_inner(cr.ShardShuffle(1), cr.Context(table, cr.Key(0)), [4, 5])) == {"4", "5"}
    context = context_of(cr.ShardShuffle(1), table, [4, 5])
    for epoch in (4, 5):
        ids = plan_inner(cr.ShardShuffle(1), np.arange(4), context, epoch).indices
        assert position_inner(cr.ShardShuffle(1), ids, context, epoch).tolist() == [0, 1, 2, 3]


def test_chains_are_orders_too():
    order = cr.chain(cr.Shuffle(), cr.RandomNegatives(2, 50), name="with_negatives")
    table = cr.Table(query=np.arange(20), item=np.arange(20))
    context = context_of(order, table)
    planned = plan_inner(order, np.arange(20), context, 0)
    assert planned.columns["negatives"].shape == (20, 2)
    assert position_inner(order, planned.indices, context, 0).tolist() == list(range(20))


def test_what_has_no_inverse_says_so():
    with pytest.raises(NoInverse, match=r"order must have an inverse, got Weighted\(.*; Sequential, Shuffle, Mixture"):
        position_inner(cr.Weighted("w"), np.arange(2), cr.Context(cr.Table(size=2), cr.Key(0)), 0)


def test_parts_are_joined_in_their_places():
    whole = cr.Batches.of(np.arange(4))
    parts = [(np.array([0, 3]), cr.Batches.of([7, 8]).with_columns(x=np.array([1.0, 2.0]))),
             (np.array([1, 2]), cr.Batches.of([5, 6]).with_columns(x=np.array([3.0, 4.0])))]  # fmt: skip
    joined = join_parts(whole, parts)
    assert joined.indices.tolist() == [7, 5, 6, 8]
    assert joined.columns["x"].tolist() == [1.0, 3.0, 4.0, 2.0]
    with pytest.raises(BadArgument, match=r"orders joined in one must add the same columns, got \[\[\], \['x'\]\]"):
        join_parts(whole, [parts[0], (np.array([1, 2]), cr.Batches.of([5, 6]))])


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (cr.FixedSize(2), r"x must be an order of its own, that does not learn, got FixedSize"),
        (cr.Shuffle, r"x must be an order of its own"),
        (None, r"x must be an order of its own, that does not learn, got None"),
        (cr.chain(cr.LossWeighted()), r"x must be an order of its own, that does not learn"),
        (cr.chain(cr.Shuffle(), cr.TokenBudget(5)), r"x must not cut batches, got .*; cut them after the order"),
        (
            cr.NegativeAware(),
            r"x must not be refreshed in the course of the run, got NegativeAware.*; put it into the outer",
        ),
        (
            cr.chain(cr.Shuffle(), cr.MinedNegatives(1)),
            r"x must not be refreshed .*outer chain, where Dealer.adopt reach",
        ),
        (cr.chain(cr.Shuffle(), segment_ids=5), r"segment_ids must be given to the outermost chain alone, got 5"),
    ],
)
def test_what_cannot_be_inside_is_refused(order, text):
    with pytest.raises(BadArgument, match=text):
        check_inner_order("x", order)


@pytest.mark.parametrize(
    "join",
    [
        lambda order: cr.Repeat(order, 2),
        lambda order: cr.Exclude(order, [0]),
        lambda order: cr.Subset(order, range(3)),
        lambda order: cr.Concat([cr.Shuffle(), order]),
        lambda order: cr.Interleave([cr.Shuffle(), order]),
        lambda order: cr.Mixture({"a": order, "b": cr.Shuffle()}, {"a": 1, "b": 1}),
    ],
)
def test_no_order_of_orders_takes_one_whose_versions_it_would_not_pass_on(join):
    join(cr.Shuffle())
    with pytest.raises(BadArgument, match="must not be refreshed in the course of the run, got NegativeAware"):
        join(cr.NegativeAware())

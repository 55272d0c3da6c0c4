from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.core.inner_order import check_inner_order
from croupier.core.stage import Order
from croupier.errors import BadTable
from croupier.order.sources import ColumnSources, OrderSources, as_sources


def test_columns_and_orders_are_told_apart():
    assert as_sources("language") == ColumnSources("language")
    assert isinstance(as_sources({"a": cr.Shuffle()}), OrderSources)


def test_sizes_and_amounts():
    table = cr.Table(source=["b", "a", "b"], length=[1, 2, 4])
    column = as_sources("source")
    assert column.names(table) == ("a", "b")
    assert column.sizes(table).tolist() == [1, 2]
    assert column.amounts(table, "length").tolist() == [2.0, 5.0]
    orders = as_sources({"first": cr.Subset(cr.Shuffle(), range(2)), "all": cr.Shuffle()})
    assert orders.sizes(table).tolist() == [2, 3]
    assert orders.amounts(table, "length").tolist() == [3.0, 7.0]
    assert as_sources("code").names(cr.Table(code=[0, 2])) == ("0", "1", "2")


def test_places_invert_the_plan_of_a_pass():
    table = cr.Table(source=np.random.default_rng(0).integers(0, 3, 200))
    sources = as_sources("source")
    context = cr.Context(table, cr.Key(1), prepared=sources.prepare(table, cr.Key(1), (np.zeros(3), np.zeros(3))))
    for source in range(3):
        size = int(sources.sizes(table)[source])
        places = np.arange(size)
        turns = np.full(3, 4)
        ids = sources.plan(cr.Batches.of(places), np.full(size, source), places, turns, context).indices
        assert sorted(ids.tolist()) == np.flatnonzero(table.column("source") == source).tolist()
        assert sources.places_of(ids, source, 4, context).tolist() == places.tolist()
        assert set(sources.places_of(ids, (source + 1) % 3, 4, context).tolist()) == {-1}


class Growing:
    name = "growing"

    def epoch_size(self, table, epoch):
        return epoch + 1

    def plan(self, batches, context):
        return batches


def test_orders_of_changing_size_are_refused():
    check_inner_order("order", Growing())
    assert isinstance(Growing(), Order)
    with pytest.raises(BadTable, match=r"'a' must have the same size in every epoch, got 1 and 2 rows; mix orders of"):
        as_sources({"a": Growing()}).sizes(cr.Table(size=3))

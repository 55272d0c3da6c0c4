from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.report.mixed_sources import Mixing

LENGTHS = np.random.default_rng(0).integers(1, 100, 1000)
TABLE = cr.Table(length=LENGTHS, source=np.repeat(["web", "code"], [800, 200]))


def preview(order, *rest):
    return cr.preview(cr.chain(order, *(rest or (cr.FixedSize(20),))), TABLE, seed=0)


def test_shares_passes_and_batches_of_each_source():
    web, code = preview(cr.Mixture("source", {"web": 0.6, "code": 0.4})).sources
    assert (web.name, web.rows, web.asked, web.dealt) == ("web", 800, (0.6, 0.6), 0.6)
    assert (code.name, code.passes) == ("code", 2.0)
    assert web.in_batches == pytest.approx((0.6, 0.6), abs=0.06), "shares hold in every batch"
    assert str(code) == "40.00% (asked 40.00%), 2.00 passes over 200 rows, 40.0% to 40.0% of most batches"


def test_what_grouping_by_length_leaves_of_the_shares():
    grouped = preview(cr.Mixture("source", {"web": 0.6, "code": 0.4}), cr.SortedWindows(512), cr.TokenBudget(1000))
    low, high = grouped.sources[0].in_batches
    assert low < 0.5
    assert high > 0.7


def test_a_schedule_and_shares_of_tokens():
    plan = cr.Mixture("source", cr.Stages([(0, {"web": 1, "code": 1}), (500, {"web": 3, "code": 1})]), unit="length")
    web, code = preview(plan).sources
    assert (web.asked, code.asked) == ((0.5, 0.75), (0.5, 0.25))
    assert web.dealt == pytest.approx(0.625, abs=0.02)
    assert "of length (asked 50.00% to 75.00%)" in str(web)


def test_classes_and_nested_chains_and_other_orders():
    assert [source.dealt for source in preview(cr.ClassBalanced("source")).sources] == [0.5, 0.5]
    nested = cr.chain(cr.ClassBalanced("source"), name="inner")
    assert [source.name for source in preview(nested).sources] == ["code", "web"]
    assert preview(cr.Shuffle()).sources == ()
    assert not isinstance(cr.Shuffle(), Mixing)


def test_the_preview_prints_the_largest_and_counts_the_rest():
    table = cr.Table(source=np.arange(300) % 150)
    figures = cr.preview(cr.chain(cr.Mixture("source", cr.Uniform()), cr.FixedSize(10)), table, seed=0)
    assert len(figures.sources) == 150
    assert figures.sources[120].in_batches is None
    shown = dict(figures.rows())
    assert shown["further sources"] == "138"
    assert sum(name.startswith("source ") for name in shown) == 12
    assert figures.to_dict()["sources"][0]["rows"] == 2


def test_what_is_left_of_an_epoch_counts_its_own_passes():
    plan = cr.chain(cr.Mixture("source", cr.Uniform()), cr.FixedSize(20))
    dealer = cr.Dealer(plan, TABLE, seed=0)
    deals = iter(dealer)
    for _ in range(45):
        next(deals)
    left = cr.preview(plan, TABLE, seed=0, resume=dealer.state_dict())
    assert sum(source.passes * source.rows for source in left.sources) == pytest.approx(100)


def test_a_mixture_of_some_rows_is_found_inside():
    some = np.flatnonzero(np.arange(1000) % 10)
    for order in (
        cr.Exclude(cr.Mixture("source", cr.Uniform()), range(0, 1000, 10)),
        cr.Subset(cr.chain(cr.Mixture("source", cr.Uniform()), name="inner"), some),
        cr.Subset(cr.Exclude(cr.Mixture("source", cr.Uniform(), unit="length"), range(3)), range(900)),
    ):
        web, code = sorted(preview(order).sources, key=lambda source: -source.rows)
        assert (web.name, code.name) == ("web", "code")
        assert web.rows in (720, 797)
        assert web.dealt == pytest.approx(0.5, abs=0.02)
        assert web.asked == (0.5, 0.5)

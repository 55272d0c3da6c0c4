from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument


def labels(table, dealer):
    return [table.column("label")[list(deal)] for deal in dealer]


def test_batches_of_a_multiple_of_the_classes_hold_each_alike():
    table = cr.Table(label=np.repeat([0, 1, 2, 3], [500, 60, 30, 10]))
    for batch in labels(table, cr.Dealer(cr.chain(cr.ClassBalanced("label"), cr.FixedSize(40)), table, seed=0)):
        assert np.bincount(batch, minlength=4) == pytest.approx([10] * 4, abs=2)


def test_no_row_of_a_small_class_is_left_out_where_draws_with_replacement_leave_some_out():
    table = cr.Table(label=np.repeat([0, 1], [900, 100]), w=1 / np.repeat([900.0, 100.0], [900, 100]))
    balanced = cr.Dealer(cr.chain(cr.ClassBalanced("label"), cr.FixedSize(100)), table, seed=0)
    counts = np.bincount(np.concatenate([deal.ids for deal in balanced]), minlength=1000)[900:]
    assert set(counts.tolist()) == {5}
    mutant = cr.Dealer(cr.chain(cr.Weighted("w"), cr.FixedSize(100)), table, seed=0)
    assert len(set(np.bincount(np.concatenate([d.ids for d in mutant]), minlength=1000)[900:].tolist())) > 5


def test_classes_between_proportional_and_uniform():
    table = cr.Table(label=np.repeat([0, 1], [900, 100]))
    dealer = cr.Dealer(cr.chain(cr.ClassBalanced("label", cr.Temperature(2.0)), cr.FixedSize(1000)), table, seed=0)
    assert np.bincount(labels(table, dealer)[0]) == pytest.approx([750, 250], abs=1)


def test_many_classes():
    """Twenty thousand classes of ten rows: each class once in each twenty thousand samples."""
    codes = np.random.default_rng(0).permutation(np.repeat(np.arange(20_000), 10))
    dealer = cr.Dealer(cr.chain(cr.ClassBalanced("label"), cr.FixedSize(20_000)), cr.Table(label=codes), seed=0)
    first = codes[list(dealer.first())]
    assert np.unique(first).size == 20_000


def test_it_is_a_mixture_under_its_own_name():
    table = cr.Table(label=np.repeat([0, 1], [9, 3]))
    plans = [cr.ClassBalanced("label", name="x"), cr.Mixture("label", cr.Uniform(), name="x")]
    ids = [[i for deal in cr.Dealer(cr.chain(plan, cr.FixedSize(5)), table, seed=0) for i in deal] for plan in plans]
    assert ids[0] == ids[1]
    assert cr.Dealer(cr.chain(plans[0], cr.FixedSize(5)), table, seed=0).position_of(ids[0][:3], 0).tolist() == [
        0,
        1,
        2,
    ]
    with pytest.raises(BadArgument, match=r"shares must be a mapping of names to numbers, or a rule"):
        cr.ClassBalanced("label", "uniform")

from __future__ import annotations

import pytest

import croupier as cr
from croupier.errors import BadArgument


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (cr.chain, "chain must have at least one stage"),
        (lambda: cr.chain(cr.Shuffle), "stage 0 of the chain must have a name and a plan method.*forget to call it"),
        (lambda: cr.chain(cr.Shuffle(), 5), "stage 1 of the chain must have a name and a plan method, got 5"),
        (lambda: cr.chain(cr.Shuffle(name=[])), r"the name of stage 0 must be a string, got \[\]; pass name="),
        (lambda: cr.chain(cr.Shuffle(), cr.FixedSize(1), cr.FixedSize(2)), "two named 'fixed_size'.*give one another"),
        (lambda: cr.chain(cr.FixedSize(1), cr.Shuffle()), "must have its order first, got 'shuffle' as stage 1"),
        (
            lambda: cr.chain(cr.Shuffle(), cr.chain(cr.Sequential(), name="inner"), cr.FixedSize(1)),
            "must have its order first, got 'inner' as stage 1",
        ),
        (lambda: cr.chain(cr.Shuffle(), segment_ids=0), "segment_ids must be an integer >= 1, got 0"),
        (
            lambda: cr.chain(cr.chain(cr.Shuffle(), name="inner", segment_ids=5), cr.FixedSize(1)),
            "segment_ids must be given to the outermost chain alone, got 5",
        ),
        (
            lambda: cr.Dealer(cr.chain(cr.FixedSize(2)), cr.Table(size=3), seed=0),
            "plan must begin with an order, got 'fixed_size'; put Shuffle",
        ),
    ],
)
def test_chains_that_make_no_sense_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()


def test_nesting_moves_the_random_streams_and_nothing_else():
    def ids(*stages):
        return [deal.ids.tolist() for deal in cr.Dealer(cr.chain(*stages), cr.Table(size=9), seed=1)]

    nested = ids(cr.chain(cr.Shuffle(), name="inner"), cr.FixedSize(3))
    assert sorted(i for batch in nested for i in batch) == list(range(9))
    assert nested != ids(cr.Shuffle(), cr.FixedSize(3))


def test_leaves_name_every_stage_with_its_path():
    plan = cr.chain(cr.chain(cr.Shuffle(), name="inner"), cr.FixedSize(3))
    assert [path for path, _ in plan.leaves()] == [("inner", "shuffle"), ("fixed_size",)]

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadTable


@given(
    pairs=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=60),
    count=st.integers(1, 5),
    world=st.integers(1, 3),
)
def test_every_id_once_and_every_batch_within_its_shape(pairs, count, world):
    table = cr.Table(a=[a for a, _ in pairs], b=[b for _, b in pairs])
    shapes = cr.Shapes.within_budget(table, count, 160, length=("a", "b"), multiple_of=4)
    plan = cr.chain(cr.Shuffle(), cr.FixedShapes(shapes), segment_ids=20)
    split = cr.Lockstep(few_ids=cr.FewIds.PAD)
    deals = [
        deal
        for rank in range(world)
        for deal in cr.Dealer(plan, table, seed=0, rank=rank, world_size=world, split=split)
        if not deal.is_padding
    ]
    assert sorted(i for deal in deals for i in deal) == list(range(len(pairs)))
    for deal in deals:
        (shape,) = set(deal.columns["shape"].tolist())
        assert len(deal) <= shapes.examples[shape]
        for row in deal:
            covering = [sum(caps) for caps in shapes.lengths if all(np.array(pairs[row]) <= caps)]
            assert sum(shapes.lengths[shape]) == min(covering), "the cheapest that covers it"


def test_preview_counts_no_more_shapes_than_given_and_padding_to_the_shape():
    lengths = np.clip(np.random.default_rng(0).lognormal(5, 1, 5_000), 16, 1024).astype(np.int64)
    table = cr.Table(length=lengths)
    shapes = cr.Shapes.within_budget(table, 6, 16_384, multiple_of=64)
    for world in (1, 3):
        figures = cr.preview(cr.chain(cr.Shuffle(), cr.FixedShapes(shapes)), table, seed=0, world_size=world)
        assert figures.shapes <= 6
    caps = shapes.caps[:, 0][np.searchsorted(shapes.caps[:, 0], lengths)]
    assert figures.padding >= 1 - lengths.sum() / caps.sum()
    assert figures.padding < 1 - lengths.sum() / caps.sum() + 0.05


def test_what_no_shape_covers_is_refused_or_dropped_with_an_entry():
    table, shapes = cr.Table(length=[3, 9, 4]), cr.Shapes(((4,),), (2,))
    with pytest.raises(
        BadTable, match=r"'length' must be within one of the shapes, got \[9\] in row 1, and 0 more; add"
    ):
        cr.Dealer(cr.chain(cr.Sequential(), cr.FixedShapes(shapes)), table, seed=0)
    dealer = cr.Dealer(cr.chain(cr.Sequential(), cr.FixedShapes(shapes, cr.TooLong.DROP)), table, seed=0)
    assert [deal.ids.tolist() for deal in dealer] == [[0, 2]]
    assert str(dealer.ledger) == "fixed_shapes: 1 ids dropped: no shape covers them (9 tokens)"


def test_shapes_are_not_mixed_by_a_split_that_evens_out():
    shapes = cr.Shapes(((8,), (9,)), (64, 1))
    plan, table = cr.chain(cr.Sequential(), cr.FixedShapes(shapes)), cr.Table(length=[8] * 64 + [9])
    with pytest.raises(
        BadArgument, match=r"split must keep batches whole or cut, as the plan asks, got 'Balanced'; choose"
    ):
        cr.Dealer(plan, table, seed=0, split=cr.Balanced())


@pytest.mark.parametrize(
    ("column", "stages"),
    [
        ("shape", [cr.FixedShapes(cr.Shapes(((8,),), (2,), ("shape",)))]),
        ("bucket", [cr.LengthBuckets(2, length="bucket"), cr.FixedSize(2)]),
        ("group", [cr.GroupBy("other"), cr.FixedSize(2)]),
        ("start", [cr.TokenBudget(8, length="start", too_long=cr.TooLong.SPLIT)]),
        ("start", [cr.Pack(8, length="start", too_long=cr.TooLong.SPLIT)]),
    ],
)
def test_a_column_that_a_stage_would_write_over_is_refused(column, stages):
    table = cr.Table(**{column: [1, 2, 3], "other": [0, 1, 0]})
    with pytest.raises(BadTable, match=rf"'{column}' must not be there: .* adds a column of that name"):
        cr.Dealer(cr.chain(cr.Sequential(), *stages), table, seed=0)


def test_arguments_are_checked():
    with pytest.raises(BadArgument, match=r"shapes must be Shapes, got 3; write Shapes.within_budget"):
        cr.FixedShapes(3)
    with pytest.raises(BadArgument, match=r"too_long must be TooLong.REFUSE or TooLong.DROP"):
        cr.FixedShapes(cr.Shapes(((4,),), (2,)), cr.TooLong.SPLIT)

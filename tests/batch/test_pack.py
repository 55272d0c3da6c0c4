from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadTable
from croupier.kernels.packing import pack_best_fit

LOGNORMAL = np.minimum(np.random.default_rng(0).lognormal(5.95, 1.258, 40_000).astype(np.int64) + 1, 8192)


def batches_of(stage, lengths, *, segment_ids=50, before=(), seed=0, epoch=0):
    plan = cr.chain(cr.Shuffle(), *before, stage, segment_ids=segment_ids)
    program = cr.Dealer(plan, cr.Table(length=lengths), seed=seed).program
    return [program.segment(epoch, s).batches for s in range(program.epochs.segments(epoch))]


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=120),
    st.integers(40, 100),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
)
def test_every_id_once_and_no_pack_above_its_capacity(lengths, capacity, packs, equal_cost, bucketed):
    before = [cr.LengthBuckets(3)] if bucketed else []
    stage = cr.Pack(capacity, packs=packs, equal_cost=equal_cost)
    ids = Counter()
    for segment in batches_of(stage, lengths, before=before):
        rows = segment.columns.get("pack", np.zeros(segment.indices.size, np.int32))
        for batch, (low, high) in enumerate(zip(segment.offsets[:-1], segment.offsets[1:], strict=True)):
            ids.update(segment[batch].tolist())
            per_pack = np.bincount(rows[low:high], weights=segment.columns["length"][low:high])
            assert per_pack.max() <= capacity
            assert per_pack.size <= packs
            assert np.all(np.diff(rows[low:high]) >= 0), "rows of a batch follow one another"
    assert ids == Counter(range(len(lengths)))


@given(st.lists(st.integers(1, 100), min_size=1, max_size=60), st.integers(5, 30))
def test_pieces_of_long_examples_are_packed_too(lengths, capacity):
    tokens = Counter()
    for segment in batches_of(cr.Pack(capacity, too_long=cr.TooLong.SPLIT), lengths):
        for batch, (low, high) in enumerate(zip(segment.offsets[:-1], segment.offsets[1:], strict=True)):
            assert segment.columns["length"][low:high].sum() <= capacity
            for i, start, length in zip(
                segment[batch], segment.columns["start"][low:high], segment.columns["length"][low:high], strict=True
            ):
                tokens.update((int(i), t) for t in range(start, start + length))
    assert tokens == Counter((i, t) for i, length in enumerate(lengths) for t in range(length))


def test_packs_are_as_few_as_best_fit_makes_them_and_nearly_as_few_as_can_be():
    segments = batches_of(cr.Pack(8192), LOGNORMAL, segment_ids=LOGNORMAL.size)
    packs = sum(len(segment) for segment in segments)
    bound = -(-LOGNORMAL.sum() // 8192)
    assert packs == pack_best_fit(LOGNORMAL, np.array([0, LOGNORMAL.size]), 8192).max() + 1
    assert packs <= bound * 1.0005 + 1


def test_packs_of_one_step_cost_alike_where_that_is_asked_for():
    """Sum of squared lengths, the largest of eight ranks over their mean."""

    def imbalance(equal_cost):
        (segment,) = batches_of(cr.Pack(8192, equal_cost=equal_cost), LOGNORMAL, segment_ids=LOGNORMAL.size)
        squares = np.add.reduceat(segment.columns["length"] ** 2, segment.offsets[:-1])
        steps = squares[: squares.size // 8 * 8].reshape(-1, 8)
        return float((steps.max(axis=1) / steps.mean(axis=1)).mean())

    plan = cr.chain(cr.Shuffle(), cr.Pack(8192, equal_cost=True), segment_ids=LOGNORMAL.size)
    dealer = cr.Dealer(plan, cr.Table(length=LOGNORMAL), seed=0, world_size=8)
    batches = dealer.program.segment(0, 0).batches
    squares = np.add.reduceat(batches.columns["length"] ** 2, batches.offsets[:-1])
    steps = squares[: squares.size // 8 * 8].reshape(-1, 8)
    assert (steps.max(axis=1) / steps.mean(axis=1)).mean() < 1.02
    assert imbalance(equal_cost=False) > 1.3


def test_epochs_pack_other_ids_together_and_long_and_short_packs_mix():
    first, second = (batches_of(cr.Pack(8192), LOGNORMAL, epoch=epoch, segment_ids=2**14)[0] for epoch in (0, 1))
    assert (
        sorted(map(tuple, (batch.tolist() for batch in first)))[:5]
        != sorted(map(tuple, (batch.tolist() for batch in second)))[:5]
    )
    sizes = np.array([len(batch) for batch in first])
    assert abs(np.corrcoef(sizes[:-1], sizes[1:])[0, 1]) < 0.2


def test_a_row_of_a_batch_is_a_pack():
    (segment,) = batches_of(cr.Pack(10, packs=2), [10, 10, 5, 5, 10], segment_ids=5)
    assert len(segment) == 2
    for low, high in zip(segment.offsets[:-1], segment.offsets[1:], strict=True):
        filled = np.bincount(segment.columns["pack"][low:high], weights=segment.columns["length"][low:high])
        assert set(filled.tolist()) == {10.0}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"max_tokens": 0}, r"max_tokens must be an integer >= 1 and <= 16777216, got 0"),
        ({"max_tokens": 2**25}, r"max_tokens must be an integer >= 1 and <= 16777216"),
        ({"max_tokens": 5, "packs": 0}, r"packs must be an integer >= 1, got 0; pass the rows of a batch"),
        ({"max_tokens": 5, "too_long": cr.TooLong.ALONE}, r"too_long must be a TooLong other than ALONE"),
        ({"max_tokens": 5, "too_long": "split"}, r"too_long must be a TooLong other than ALONE, got 'split'"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.Pack(**arguments)


def test_an_example_longer_than_a_pack_is_refused_before_the_run():
    with pytest.raises(BadTable, match=r"must be <= 9, the longest that fits a pack of max_tokens=9, got 10 in row 1"):
        batches_of(cr.Pack(9), [3, 10])

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.core.batches import Batches
from croupier.core.key import Key
from croupier.core.stage import Context
from croupier.errors import BadArgument

RAMPS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 12)), max_size=4).flatmap(
    lambda more: st.just(
        cr.BatchSizeRamp([(0, 4), *((int(s), b) for s, (_, b) in zip(np.cumsum([g for g, _ in more]), more))])  # noqa: B905
    )
)


def joined(lists):
    return list(chain.from_iterable(lists))


def steps_one_by_one(ramp, clock, ids):
    """Five lines: ask the ramp before every step."""
    sizes, left = [], ids
    while left:
        sizes.append(min(left, ramp.size_at(clock + ids - left)))
        left -= sizes[-1]
    return sizes


@given(RAMPS, st.integers(0, 100), st.integers(1, 90), st.integers(1, 5))
def test_steps_are_those_of_the_ramp_and_lanes_share_them(ramp, clock, ids, lanes):
    context = Context(cr.Table(size=ids), Key(0), first_sample=clock, lanes=lanes)
    cut = cr.RampedSize(ramp).plan(Batches.of(np.arange(ids)), context)
    assert cut.fault() is None
    assert cut.indices.tolist() == list(range(ids))
    wanted = steps_one_by_one(ramp, clock, ids)
    if len(wanted) > 1 and wanted[-1] < lanes and wanted[-1] + wanted[-2] >= 2 * lanes:
        both = wanted.pop() + wanted.pop()
        wanted += [(both + 1) // 2, both // 2]
    shares = [[size // lanes + (lane < size % lanes) for lane in range(min(lanes, size))] for size in wanted]
    assert cut.sizes.tolist() == joined(shares)


def test_cuts_made_upstream_are_kept():
    context = Context(cr.Table(size=9), Key(0))
    walls = Batches.of(np.arange(9), sizes=[3, 0, 6])
    assert cr.RampedSize(2).plan(walls, context).sizes.tolist() == [2, 1, 2, 2, 2]


@pytest.mark.parametrize("split", [None, cr.Balanced(micro_batches=2)])
def test_a_ramp_goes_on_where_a_run_goes_on_whatever_the_ranks(split):
    ramp = cr.BatchSizeRamp([(0, 16), (128, 32), (320, 64)])
    plan = cr.chain(cr.Shuffle(), cr.RampedSize(ramp), segment_ids=64)
    table = cr.Table(size=320)

    def rank(number, count, state=None):
        dealer = cr.Dealer(plan, table, seed=1, rank=number, world_size=count, split=split)
        if state is not None:
            dealer.load_state_dict(state)
        return dealer

    steps = []
    for dealer in (rank(number, 4) for number in range(4)):
        epochs = [{}, {}]
        for epoch in epochs:
            for deal in dealer:
                epoch.setdefault(deal.step, []).extend(deal.ids.tolist())
        steps.append([ids for epoch in epochs for ids in epoch.values()])
    whole = [joined(parts) for parts in zip(*steps, strict=True)]
    assert [len(step) for step in whole] == [16] * 8 + [32] * 6 + [64] * 5
    assert sorted(joined(whole[:14])) == sorted(joined(whole[14:])) == list(range(320))
    first = [rank(number, 4) for number in range(4)]
    for deals in zip(*first, strict=True):
        if deals[0].step == 5 and deals[0].ends_step:
            break
    state = first[0].state_dict()
    again = [[deal.ids.tolist() for deal in rank(number, 2, state)] for number in range(2)]
    assert sorted(joined(joined(again))) == sorted(joined(whole[6:14]))
    if split is not None:  # the global batches are the same on two ranks as on four
        assert len(again[0]) == 2 * 8


def test_an_epoch_without_rests_has_no_short_step():
    ramp = cr.BatchSizeRamp.geometric(8, 64, factor=2, over_samples=3 * 256)
    plan = cr.chain(cr.Shuffle(), cr.RampedSize(ramp), segment_ids=256)
    deals = list(cr.Dealer(plan, cr.Table(size=1024), seed=0))
    samples = np.cumsum([0] + [len(deal) for deal in deals])[:-1]
    assert [len(deal) for deal in deals] == [ramp.size_at(int(at)) for at in samples]


def test_bad_arguments_are_refused():
    with pytest.raises(BadArgument, match=r"sizes must be an integer >= 1, got 0; pass a BatchSizeRamp"):
        cr.RampedSize(0)
    with pytest.raises(BadArgument, match=r"sizes must be an integer >= 1, got 'big'"):
        cr.RampedSize("big")


@pytest.mark.parametrize("split", [None, cr.Balanced()])
@pytest.mark.parametrize("before", [cr.SortedWindows(64), cr.LengthBuckets(1)])
def test_after_sorting_the_sizes_stay_where_the_ramp_has_them(split, before):
    ramp = cr.BatchSizeRamp([(0, 8), (128, 16), (192, 32)])
    table = cr.Table(length=np.random.default_rng(0).integers(1, 500, 512))
    plan = cr.chain(cr.Shuffle(), before, cr.RampedSize(ramp), segment_ids=256)
    deals = list(cr.Dealer(plan, table, seed=0, split=split))
    assert [len(deal) for deal in deals] == [ramp.size_at(deal.start.samples) for deal in deals]
    assert sorted(joined(deals)) == list(range(512))
    means = [table.columns["length"][deal.ids].mean() for deal in deals[-8:]]
    assert means != sorted(means), "steps of one size come in random order"

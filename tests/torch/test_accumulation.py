from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadState
from croupier.torch import Accumulated, BatchSampler, Loader

VALUES = torch.arange(100.0)


def loader(rows=23, *, rank=0, world_size=1, split=None, workers=0, plan=None):
    plan = plan or cr.chain(cr.Shuffle(), cr.FixedSize(2), segment_ids=8)
    sampler = BatchSampler(plan, cr.Table(size=rows), seed=3, rank=rank, world_size=world_size, split=split)
    return Loader(VALUES, sampler, num_workers=workers)


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 3), st.booleans())
def test_scales_give_the_true_mean_and_every_id_once(rows, micro_batches, world_size, is_balanced):
    if rows < 2 * world_size:
        return
    split = cr.Balanced(micro_batches=2, few_ids=cr.FewIds.PAD) if is_balanced else None
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(12)) if is_balanced else None
    ranks = [
        list(Accumulated(loader(rows, rank=rank, world_size=world_size, split=split, plan=plan), micro_batches))
        for rank in range(world_size)
    ]
    assert len({len(steps) for steps in ranks}) == 1
    dealt = []
    for step in zip(*ranks, strict=True):
        assert len({len(micros) for micros in step}) == 1
        ids = np.concatenate([m.deal.ids for micros in step for m in micros if not m.deal.is_padding])
        mean = sum(float(m.batch.mean()) * m.loss_scale for micros in step for m in micros) / world_size
        assert mean == pytest.approx(ids.mean())
        assert [m.ends_step for m in step[0]] == [False] * (len(step[0]) - 1) + [True]
        dealt.extend(ids.tolist())
    assert sorted(dealt) == list(range(rows))


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_asked_for_takes_effect_at_once_and_a_state_goes_on_from_there(workers):
    def steps_of(accumulated):
        return [[micro.deal.ids.tolist() for micro in step] for step in accumulated]

    def growing(accumulated):
        return lambda: 1 + accumulated[0].loader.cursor.samples // 8

    def start():
        mine = []
        mine.append(Accumulated(loader(workers=workers), growing(mine)))
        return mine[0]

    whole = steps_of(start())
    assert [len(step) for step in whole] == [1, 1, 1, 1, 2, 2, 3, 1]
    first = start()
    state = None
    for number, _ in enumerate(first):
        if number == 4:
            state = first.state_dict()
            break
    again = start()
    again.load_state_dict(state)
    assert steps_of(again) == whole[5:]
    assert again.optimizer_steps == len(whole)
    assert steps_of(again) != whole, "the next epoch"


@pytest.mark.parametrize("rows", [16, 18])
def test_a_callable_is_asked_once_a_step_with_the_run_as_it_stands_before_it(rows):
    """Also where an epoch ends with a step, and where its last step is short."""
    asked = []
    accumulated = Accumulated(
        loader(rows), lambda: (asked.append((accumulated.loader.cursor.samples, accumulated.loader.cursor.epoch)), 2)[1]
    )
    begins = [(step[0].deal.start.samples, step[0].deal.epoch) for _ in range(2) for step in accumulated]
    assert asked == begins
    assert len(asked) == accumulated.optimizer_steps


def test_losses_are_reported_for_the_micro_batch_they_belong_to():
    plan = cr.chain(cr.LossWeighted(), cr.FixedSize(2), segment_ids=8)
    reported, plainly = (loader(24, plan=plan) for _ in range(2))
    for _ in range(2):
        for step in Accumulated(reported, 3):
            for micro in step:
                micro.observe(micro.batch % 5)
        for batch in plainly:
            plainly.observe(batch % 5)
    left = [deal.ids.tolist() for deal in reported.dealer]
    assert left == [deal.ids.tolist() for deal in plainly.dealer]


def test_bad_arguments_are_refused():
    with pytest.raises(BadArgument, match=r"loader must be a croupier.torch.Loader, got \[1\]; wrap the dataset"):
        Accumulated([1], 2)
    with pytest.raises(BadArgument, match=r"micro_batches must be an integer >= 1, got 0"):
        Accumulated(loader(), 0)
    with pytest.raises(BadArgument, match=r"micro_batches must be an integer >= 1, got 1.5"):
        next(iter(Accumulated(loader(), lambda: 1.5)))
    with pytest.raises(BadState, match=r"state must hold the loader's state and a number of optimizer steps"):
        Accumulated(loader(), 1).load_state_dict({"loader": {}})

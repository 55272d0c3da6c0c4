from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, DistributedSampler

import croupier as cr
from croupier.core.fingerprint import describe
from croupier.errors import BadArgument, TooFewIds
from croupier.torch import CutByRank, DistributedSamplerOrder

RUNS = st.fixed_dictionaries(
    {
        "rows": st.integers(1, 120),
        "batch_size": st.integers(1, 9),
        "world_size": st.integers(1, 7),
        "seed": st.integers(0, 2**40),
        "shuffle": st.booleans(),
        "drop_last": st.booleans(),
    }
)


def torch_batches(rows, batch_size, world_size, *, epoch=0, loader_drops=False, **arguments):
    """By rank: the batches of a DataLoader on a DistributedSampler."""
    dealt = []
    for rank in range(world_size):
        sampler = DistributedSampler(range(rows), world_size, rank, **arguments)
        sampler.set_epoch(epoch)
        loader = DataLoader(range(rows), batch_size=batch_size, sampler=sampler, drop_last=loader_drops)
        dealt.append([batch.tolist() for batch in loader])
    return dealt


def dealers_of(rows, batch_size, world_size, *, cut=True, on=None, tail=cr.Tail.SHORT, split=None, **arguments):
    stages = [DistributedSamplerOrder(batch_size, world_size, **arguments)]
    stages += [CutByRank()] if cut else []
    plan = cr.chain(*stages, cr.FixedSize(batch_size, tail), segment_ids=16)  # several segments an epoch
    ranks = on or world_size
    return [
        cr.Dealer(plan, cr.Table(size=rows), seed=9, rank=rank, world_size=ranks, split=split) for rank in range(ranks)
    ]


def batches_of(dealers, epoch):
    for dealer in dealers:
        dealer.set_epoch(epoch)
    return [[deal.ids.tolist() for deal in dealer] for dealer in dealers]


def flat(by_rank):
    return [i for step in zip(*by_rank, strict=True) for batch in step for i in batch]


@given(RUNS, st.integers(0, 5))
def test_every_rank_gets_every_batch_that_torch_gives(run, epoch):
    expected = torch_batches(**run, epoch=epoch)
    if run["drop_last"] and run["rows"] < run["world_size"]:
        assert expected == [[]] * run["world_size"]
        with pytest.raises(TooFewIds, match=r"epoch 0 has 0 ids"):
            dealers_of(**run)
        return
    dealers = dealers_of(**run)
    assert batches_of(dealers, epoch) == expected
    padded = 0 if run["drop_last"] else -run["rows"] % run["world_size"]
    assert [dealer.ledger.ids("repeated as padding") for dealer in dealers] == [padded] * run["world_size"]


@given(RUNS)
def test_without_the_cut_the_last_step_alone_differs_and_not_in_its_ids(run):
    if run["drop_last"] and run["rows"] < run["world_size"]:
        return
    theirs, ours = torch_batches(**run), batches_of(dealers_of(**run, cut=False), 0)
    assert [batches[:-1] for batches in ours] == [batches[:-1] for batches in theirs]
    assert flat(ours) == flat(theirs)


def test_without_the_cut_it_does_differ():
    run = {"rows": 6, "batch_size": 4, "world_size": 2, "shuffle": False}
    assert torch_batches(**run) == [[[0, 2, 4]], [[1, 3, 5]]]
    assert batches_of(dealers_of(**run, cut=False), 0) == [[[0, 2, 4, 1]], [[3, 5]]]


@given(RUNS, st.integers(0, 3))
def test_the_loaders_own_drop_last_is_tail_drop(run, epoch):
    expected = torch_batches(**run, epoch=epoch, loader_drops=True)
    if expected == [[]] * run["world_size"]:
        return
    assert batches_of(dealers_of(**run, tail=cr.Tail.DROP), epoch) == expected


def test_epochs_follow_without_set_epoch_over_the_default_segments():
    order = DistributedSamplerOrder(batch_size=64, world_size=3, seed=5)
    plan = cr.chain(order, CutByRank(), cr.FixedSize(64))
    dealers = [cr.Dealer(plan, cr.Table(size=300_001), seed=0, rank=rank, world_size=3) for rank in range(3)]
    for epoch in range(2):
        ours = [[i for deal in dealer for i in deal] for dealer in dealers]
        for rank in range(3):
            sampler = DistributedSampler(range(300_001), 3, rank, seed=5)
            sampler.set_epoch(epoch)
            assert ours[rank] == list(sampler)


@pytest.mark.parametrize("done", [0, 1, 4])
def test_a_run_changes_over_in_the_middle_of_an_epoch(done):
    run = {"rows": 101, "batch_size": 4, "world_size": 3, "seed": 2}
    expected = torch_batches(**run, epoch=3)
    for rank, dealer in enumerate(dealers_of(**run)):
        dealer.set_epoch(3)
        deals = iter(dealer)
        for _ in range(done):  # what torch dealt before
            next(deals)
        assert [deal.ids.tolist() for deal in deals] == expected[rank][done:]
        assert [deal.ids.tolist() for deal in dealer] == torch_batches(**run, epoch=4)[rank]


@given(RUNS, st.integers(1, 7), st.integers(0, 20))
def test_a_state_loads_on_other_ranks_and_the_rest_of_the_ids_follow(run, other, done):
    if run["drop_last"] and run["rows"] < run["world_size"]:
        return
    expected = torch_batches(**run, epoch=1)
    padded = cr.Lockstep(few_ids=cr.FewIds.PAD)  # where the ids left are fewer than the new ranks
    before = dealers_of(**run, split=padded)[0]
    before.set_epoch(1)
    deals = iter(before)
    done = min(done, len(expected[0]) - 1)
    for _ in range(done):
        next(deals)
    after = dealers_of(**run, split=padded, on=other)
    for dealer in after:
        dealer.load_state_dict(before.state_dict())
    steps = list(zip(*after, strict=True))
    rest = [i for step in steps for deal in step if not deal.is_padding for i in deal]
    assert rest == flat([batches[done:] for batches in expected])
    assert max(len(deal) for step in steps for deal in step) <= run["batch_size"]


@given(RUNS)
def test_position_of_is_where_an_id_comes_first(run):
    if run["drop_last"] and run["rows"] < run["world_size"]:
        return
    dealer = dealers_of(**run)[0]
    order = flat(torch_batches(**run, epoch=2))
    first = [order.index(row) if row in order else -1 for row in range(run["rows"])]
    assert dealer.position_of(np.arange(run["rows"]), epoch=2).tolist() == first


def test_the_runs_seed_is_not_read_and_each_argument_is_part_of_the_state():
    plans = [
        DistributedSamplerOrder(4, 2),
        DistributedSamplerOrder(2, 2),
        DistributedSamplerOrder(4, 3),
        DistributedSamplerOrder(4, 2, seed=1),
        DistributedSamplerOrder(4, 2, shuffle=False),
        DistributedSamplerOrder(4, 2, drop_last=True),
    ]
    assert len({str(describe(plan)) for plan in plans}) == len(plans)
    plan = cr.chain(plans[0], CutByRank(), cr.FixedSize(4))
    first, second = (cr.Dealer(plan, cr.Table(size=50), seed=seed, world_size=2).first() for seed in (1, 2))
    assert first.ids.tolist() == second.ids.tolist()


def test_bad_arguments_are_refused():
    with pytest.raises(BadArgument, match=r"batch_size must be an integer >= 1, got 0; pass that of the DataLoader"):
        DistributedSamplerOrder(0, 2)
    with pytest.raises(BadArgument, match=r"world_size must be an integer >= 1, got 0; pass num_replicas"):
        DistributedSamplerOrder(4, 0)
    with pytest.raises(BadArgument, match=r"seed must be an integer >= 0, got -1"):
        DistributedSamplerOrder(4, 2, seed=-1)
    with pytest.raises(BadArgument, match=r"shuffle must be True or False, got 1; as in DistributedSampler"):
        DistributedSamplerOrder(4, 2, shuffle=1)
    with pytest.raises(BadArgument, match=r"CutByRank must follow DistributedSamplerOrder, got \[\]"):
        cr.Dealer(cr.chain(cr.Shuffle(), CutByRank(), cr.FixedSize(4)), cr.Table(size=9), seed=0).first()

"""The Loader's state is that of the loop, whatever the workers have prefetched."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

import croupier as cr
from croupier.errors import BadArgument, BadState
from croupier.torch import BatchSampler, Loader, WithFacts
from torch_children import ROWS, Facts, Squares


def plan():
    return cr.chain(cr.Shuffle(), cr.SortedWindows(16), cr.TokenBudget(48), segment_ids=32)


def sampler(rank=0, world_size=1):
    lengths = np.random.default_rng(0).integers(1, 20, ROWS)
    return BatchSampler(plan(), cr.Table(length=lengths), seed=1, rank=rank, world_size=world_size)


def loader(**arguments):
    return Loader(Squares(), sampler(), **arguments)


def ids_of(batches):
    return [batch[:, 0].tolist() for batch in batches]


@pytest.fixture(scope="module")
def expected():
    """Three epochs as the bare sampler deals them."""
    bare = sampler()
    return [[list(deal) for deal in bare] for _ in range(3)]


WORKERS = [
    {"num_workers": 0},
    {"num_workers": 2, "prefetch_factor": 4},
    {"num_workers": 2, "persistent_workers": True},
    pytest.param({"num_workers": 1, "multiprocessing_context": "spawn"}, id="spawn"),
    pytest.param({"num_workers": 2, "multiprocessing_context": "forkserver"}, id="forkserver"),
]


@pytest.mark.parametrize("arguments", WORKERS, ids=str)
def test_each_batch_comes_with_its_deal_and_a_new_process_goes_on(arguments, expected):
    dealt = [batch for epoch in expected for batch in epoch]
    states = []
    whole = loader(**arguments)
    received = []
    for _ in range(2):
        for batch in whole:
            assert batch[:, 0].tolist() == list(whole.deal)
            received.append(list(whole.deal))
            states.append(whole.state_dict())
    assert received == dealt[: len(received)]
    for place in (0, 3, len(expected[0]) - 1, len(expected[0]), len(received) - 1):
        buffer = io.BytesIO()
        torch.save(states[place], buffer)
        buffer.seek(0)
        resumed = loader(**arguments)
        resumed.load_state_dict(torch.load(buffer, weights_only=True))
        rest = ids_of(resumed)
        assert rest == dealt[place + 1 : place + 1 + len(rest)]
        assert len(rest) == len(expected[0]) - place - 1 or place >= len(expected[0]) - 1


def test_a_state_in_mid_pass_is_small_and_plain():
    whole = loader()
    next(iter(whole))
    state = whole.state_dict()
    buffer = io.BytesIO()
    torch.save(state, buffer)
    assert buffer.tell() < 8192
    assert state["cursor"]["steps"] == 1


class TestEpochs:
    """iter() after a completed pass is the next epoch; after an abandoned pass the same epoch from its start."""

    @pytest.mark.parametrize("arguments", WORKERS[:2], ids=str)
    def test_completed_and_abandoned_passes(self, arguments, expected):
        whole = loader(**arguments)
        for _ in range(2):
            for batch in whole:  # abandoned
                assert batch[:, 0].tolist() == expected[0][0]
                break
        assert ids_of(whole) == expected[0]
        assert ids_of(whole) == expected[1]

    @pytest.mark.parametrize("arguments", WORKERS[:2], ids=str)
    def test_breaking_after_the_last_batch_completes_the_pass(self, arguments, expected):
        whole = loader(**arguments)
        for number, _ in enumerate(whole, start=1):
            if number == len(expected[0]):
                break
        assert ids_of(whole) == expected[1]

    def test_breaking_near_the_end_does_not_though_the_sampler_has_run_out(self, expected):
        whole = loader(num_workers=2, prefetch_factor=8)
        for number, _ in enumerate(whole, start=1):
            if number == len(expected[0]) - 1:
                break
        assert whole.state_dict()["cursor"]["epoch_steps"] == number
        assert ids_of(whole) == expected[0]

    def test_peeks_change_nothing(self, expected):
        whole = loader()
        iter(whole)
        next(iter(whole))
        assert len(whole) == len(expected[0])
        assert whole.batch_sampler.dealer.first() == expected[0][0]
        assert ids_of(whole) == expected[0]

    def test_a_loaded_state_is_gone_on_with_once(self, expected):
        first = loader()
        batches = iter(first)
        for _ in range(3):
            next(batches)
        state = first.state_dict()
        whole = loader()
        whole.load_state_dict(state)
        assert whole.batch_sampler.epoch == 0
        whole.set_epoch(0)  # what a framework does at every epoch: a no-op here
        assert len(whole) == len(expected[0])
        next(iter(whole))
        assert ids_of(whole) == expected[0], "the pass that went on was abandoned"

    def test_set_epoch_sets_it(self, expected):
        whole = loader()
        whole.set_epoch(2)
        assert ids_of(whole) == expected[2]
        whole.set_epoch(1)
        assert ids_of(whole) == expected[1]
        assert ids_of(whole) == expected[2]


@pytest.mark.parametrize("arguments", WORKERS[:3], ids=str)
def test_a_bare_dataloader_deals_the_same(arguments, expected):
    bare = DataLoader(Squares(), batch_sampler=sampler(), **arguments)
    assert len(bare) == len(expected[0])
    assert ids_of(bare) == expected[0]


@pytest.mark.parametrize(
    "arguments", [{"num_workers": 0}, {"num_workers": 2}, {"num_workers": 2, "snapshot_every_n_steps": 3}]
)
@pytest.mark.parametrize("stop_after", [1, 4, 7])
@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")  # torchdata's own call
def test_torchdata_stateful_dataloader_resumes(arguments, stop_after, expected):
    whole = StatefulDataLoader(Squares(), batch_sampler=sampler(), **arguments)
    batches = iter(whole)
    for _ in range(stop_after):
        next(batches)
    resumed = StatefulDataLoader(Squares(), batch_sampler=sampler(), **arguments)
    resumed.load_state_dict(whole.state_dict())
    assert ids_of(resumed) == expected[0][stop_after:]


def test_feedback_reaches_the_plan_through_workers():
    def run(**arguments):
        chain = cr.chain(cr.LossWeighted(), cr.FixedSize(4), segment_ids=32)
        weighted = Loader(list(range(96)), BatchSampler(chain, cr.Table(size=96), seed=1), **arguments)
        drawn = []
        for _ in range(2):
            for batch in weighted:
                weighted.observe(batch.float() % 5)
                drawn.append((list(weighted.deal), weighted.deal.columns["probability"].tolist()))
        return drawn

    alone = run()
    assert alone == run(num_workers=2, prefetch_factor=2)
    assert len({p for _, probabilities in alone for p in probabilities}) > 2


@pytest.mark.parametrize("workers", [0, 2])
def test_facts_reach_getitem_in_the_workers(workers):
    chain = cr.chain(cr.Shuffle(), cr.RandomNegatives(2, 9), cr.FixedSize(4))
    table = cr.Table(query=np.arange(ROWS) % 5, item=np.arange(ROWS) % 3)
    whole = Loader(WithFacts(Facts()), BatchSampler(chain, table, seed=1), num_workers=workers, collate_fn=list)
    for batch in whole:
        assert [index for index, _ in batch] == list(whole.deal)
        for (_, facts), negatives in zip(batch, whole.deal.columns["negatives"], strict=True):
            assert facts["negatives"].tolist() == negatives.tolist()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: loader(batch_size=4), "batch_size must be left to the plan, got 4; put it into the chain"),
        (lambda: loader(shuffle=True), "shuffle must be left to the plan"),
        (lambda: loader(in_order=False, num_workers=1), "in_order must be True, got False; batches that overtake"),
        (lambda: Loader(Squares(), [[1]]), r"batch_sampler must be a croupier.torch.BatchSampler, got \[\[1\]\]"),
        (lambda: Loader([1], sampler()), "dataset must have the 60 rows of the table, got 1 rows"),
        (lambda: loader().deal, "deal must be read after the first batch"),
        (lambda: BatchSampler(plan(), cr.Table(size=1), seed=0, rank=1), "rank and world_size must be given together"),
        (lambda: sampler(rank=2, world_size=2), "rank must be an integer >= 0 and <= 1, got 2; ranks of a world of 2"),
    ],
)
def test_holding_it_wrong_is_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_last_segment_that_deals_nothing_still_ends_the_epoch(workers):
    lengths = np.where(np.arange(ROWS) < 32, 5, 99)
    chain = cr.chain(cr.Sequential(), cr.TokenBudget(20, too_long=cr.TooLong.DROP), segment_ids=16)
    whole = Loader(Squares(), BatchSampler(chain, cr.Table(length=lengths), seed=0), num_workers=workers)
    for epoch in range(2):
        assert whole.state_dict()["cursor"]["epoch"] == epoch
        assert sorted(i for batch in ids_of(whole) for i in batch) == list(range(32))
        assert whole.ledger.ids("dropped as too long") == 28 * (epoch + 1)


def test_len_counts_what_is_dealt_on_each_rank(expected):
    for world_size in (2, 3, 4):
        for rank in range(world_size):
            mine = sampler(rank, world_size)
            assert len(mine) == len(list(mine))
    assert len(sampler()) == len(expected[0]) == sampler().steps_per_epoch


def test_columns_come_as_tensors_of_the_batch_received_last():
    table = cr.Table(source=np.array([0, 0, 0, 1]), length=np.array([3, 1, 4, 1]))
    plan = cr.chain(cr.Mixture("source", cr.Uniform(), cr.Proportional()), cr.FixedSize(2))
    loader = Loader(list(range(4)), BatchSampler(plan, table, seed=0))
    for _ in loader:
        weights = loader.column("weight")
        assert weights.dtype == torch.float32
        assert weights.tolist() == pytest.approx(loader.deal.columns["weight"].tolist())
        assert loader.column("source").tolist() == [int(i == 3) for i in loader.deal]
        assert loader.column("importance_weight", 1.0).tolist() == [1.0, 1.0]
    with pytest.raises(BadArgument, match=r"name must be a column of the plan: .*'source'.*, got 'wieght'; or pass a"):
        loader.column("wieght")


def test_a_change_of_shares_in_the_middle_of_a_run_is_named_and_taken():
    table = cr.Table(source=np.array([0] * 80 + [1] * 20))

    def loader(shares):
        plan = cr.chain(cr.Mixture("source", shares), cr.FixedSize(10))
        return Loader(list(range(100)), BatchSampler(plan, table, seed=0))

    before = loader(cr.Stages([(0, {"0": 1, "1": 1})]))
    batches = iter(before)
    seen = torch.cat([next(batches) for _ in range(3)])
    after = loader(cr.Stages([(0, {"0": 1, "1": 1}), (30, {"0": 1, "1": 0})]))
    with pytest.raises(BadState, match=r"accept=\['plan.stages\[0\].shares.changes'\]"):
        after.load_state_dict(before.state_dict())
    after.load_state_dict(before.state_dict(), accept=["plan.stages[0].shares"])
    rest = torch.cat(list(after))
    assert int((seen >= 80).sum()) == 15
    assert int((rest >= 80).sum()) == 0
    assert len(rest) == 70
    assert after.dealer.cursor.epoch == 1


@pytest.mark.parametrize("losses", [torch.ones(2).to_sparse(), torch.ones(2, device="meta"), torch.ones(2) + 1j])
def test_losses_without_plain_numbers_are_refused(losses):
    fed = loader()
    next(iter(fed))
    with pytest.raises(BadArgument, match=r"losses must be real numbers of a dense tensor, got a tensor of torch"):
        fed.observe(losses)

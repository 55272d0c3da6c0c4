from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadTable, TooFewIds


def steps_of(plan, table, world, split):
    dealers = [cr.Dealer(plan, table, seed=0, rank=rank, world_size=world, split=split) for rank in range(world)]
    ranks = [list(dealer) for dealer in dealers]
    assert len({len(deals) for deals in ranks}) == 1
    steps: dict[int, list] = {}
    for deals in ranks:
        for deal in deals:
            steps.setdefault(deal.step, []).append(deal)
    return list(steps.values())


@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=80),
    world=st.integers(1, 4),
    micro=st.integers(1, 3),
    cap=st.one_of(st.none(), st.integers(40, 120)),
    size=st.integers(1, 40),
)
def test_every_id_once_in_shares_under_the_cap_and_equal_counts(lengths, world, micro, cap, size):
    table = cr.Table(length=lengths)
    split = cr.BalancedPacked(cap, micro, few_ids=cr.FewIds.PAD)
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(size), segment_ids=50)
    steps = steps_of(plan, table, world, split)
    real = [deal for step in steps for deal in step if not deal.is_padding]
    assert sorted(i for deal in real for i in deal) == list(range(len(lengths)))
    for step in steps:
        assert len(step) % world == 0
        assert len(step) >= world * micro
        assert all(len(deal) for deal in step)
        mine = [deal for deal in step if not deal.is_padding]
        assert sum(deal.loss_scale for deal in mine) == pytest.approx(world)
        if cap is not None:
            assert all(sum(lengths[i] for i in deal) <= cap for deal in mine)


def test_global_batches_are_the_same_on_any_number_of_ranks():
    table = cr.Table(length=np.random.default_rng(0).integers(1, 90, 300))
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(64))
    batches = {
        world: [sorted(i for deal in step for i in deal) for step in steps_of(plan, table, world, cr.BalancedPacked())]
        for world in (1, 2, 8)
    }
    assert batches[1] == batches[2] == batches[8]


def test_shares_are_even_in_cost_where_tokens_alone_would_not_be():
    rng = np.random.default_rng(1)
    table = cr.Table(length=np.clip(rng.lognormal(6.5, 1.26, 512 * 39), 1, 16_000).astype(np.int64))
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(512))
    cost = cr.Cost(4_608, 1)

    def imbalance(split):
        return cr.preview(plan, table, seed=0, world_size=8, split=split)

    by_cost = imbalance(cr.BalancedPacked(cost=cost))
    assert by_cost.rank_imbalance_bound <= by_cost.rank_imbalance < by_cost.rank_imbalance_bound + 0.0005
    assert by_cost.padding == 0.0
    sums = []
    for step in steps_of(plan, table, 8, cr.BalancedPacked()):
        costs = [int(cost.of(deal.columns["length"]).sum()) for deal in step]
        sums.append(max(costs) / np.mean(costs))
    assert np.mean(sums) > 1.05


def test_a_longest_example_sets_the_bound():
    table = cr.Table(length=[1000, 10, 10, 10, 10, 10, 10, 10])
    figures = cr.preview(
        cr.chain(cr.Sequential(), cr.FixedSize(8)), table, seed=0, world_size=4, split=cr.BalancedPacked()
    )
    assert figures.rank_imbalance == figures.rank_imbalance_bound == pytest.approx(1000 / (1070 / 4))


def test_a_split_balances_by_its_own_column_whatever_the_plan_reads():
    table = cr.Table(frames=[10] * 8, tokens=[100, 1, 1, 1, 1, 1, 1, 1], name=["a"] * 8)
    plan = cr.chain(cr.Sequential(), cr.TokenBudget(80, length="frames"))
    for split in (cr.Balanced(length="tokens"), cr.BalancedPacked(length="tokens")):
        ranks = [cr.Dealer(plan, table, seed=0, rank=r, world_size=2, split=split).first().ids.tolist() for r in (0, 1)]
        assert ranks == [[0], [1, 2, 3, 4, 5, 6, 7]]
        figures = cr.preview(plan, table, seed=0, world_size=2, split=split)
        assert figures.rank_imbalance == figures.rank_imbalance_bound
    with pytest.raises(BadTable, match=r"'length' must be there"):
        cr.Dealer(plan, table, seed=0, split=cr.BalancedPacked())
    with pytest.raises(BadTable, match=r"'name' must hold lengths, got strings, which are categories"):
        cr.Dealer(plan, table, seed=0, split=cr.Balanced(length="name"))


def test_a_cap_and_a_cost_that_are_not_the_same_are_met_together():
    table = cr.Table(length=[8, 8, 8, 8, 4, 1, 1, 1, 1])
    split = cr.Balanced(max_tokens=18, cost=cr.Cost(0, 1))
    plan = cr.chain(cr.Sequential(), cr.FixedSize(9))
    dealers = [cr.Dealer(plan, table, seed=0, rank=rank, world_size=5, split=split) for rank in range(5)]
    shares = [deal for dealer in dealers for deal in dealer]
    assert len(shares) == 5, "one micro-batch"
    assert all(len(share) * share.columns["length"].max() <= 18 for share in shares)


def test_what_does_not_fit_is_refused():
    plan, table = cr.chain(cr.Sequential(), cr.FixedSize(4)), cr.Table(length=[9, 1, 1, 1])
    with pytest.raises(BadArgument, match=r"BalancedPacked\(max_tokens=\) must be >= the longest example \(9\), got 8"):
        cr.Dealer(plan, table, seed=0, split=cr.BalancedPacked(8)).first()
    with pytest.raises(TooFewIds, match=r"a global batch has 4 ids for 8 ranks x 1 micro-batches"):
        cr.Dealer(plan, table, seed=0, world_size=8, split=cr.BalancedPacked()).first()
    with pytest.raises(BadArgument, match=r"cost must be a Cost, got 3"):
        cr.BalancedPacked(cost=3)
    with pytest.raises(BadArgument, match=r"cost must be a Cost, got 3"):
        cr.Balanced(cost=3)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadTable


def events(rows, nodes, seed=0):
    rng = np.random.default_rng(seed)
    source, target = rng.integers(0, nodes, (2, rows))
    return cr.Table(time=rng.permutation(rows), source=source, target=target)


def steps_of(table, world, batch_size, segment, **options):
    plan = cr.chain(
        cr.Chronological("time"), cr.Temporal(batch_size, ("source", "target"), **options), segment_ids=segment
    )
    split = cr.Balanced(few_ids=cr.FewIds.PAD)
    dealers = [cr.Dealer(plan, table, seed=0, rank=rank, world_size=world, split=split) for rank in range(world)]
    return [
        sorted(i for deal in step if not deal.is_padding for i in deal)
        for step in zip(*map(list, dealers), strict=True)
    ]


@given(
    rows=st.integers(1, 60), nodes=st.integers(1, 20), size=st.integers(1, 12), segment=st.integers(4, 60),
    shared=st.booleans(),
)  # fmt: skip
def test_no_event_is_with_or_before_one_it_depends_on(rows, nodes, size, segment, shared):
    table = events(rows, nodes)
    steps = steps_of(table, 1, size, segment, shared_nodes=shared)
    assert sorted(i for step in steps for i in step) == list(range(rows))
    assert max(map(len, steps)) <= size
    step_of = {event: number for number, step in enumerate(steps) for event in step}
    ends = [
        {(0, int(s)), (0 if shared else 1, int(t))}
        for s, t in zip(table.column("source"), table.column("target"), strict=True)
    ]
    in_time = np.argsort(table.column("time"))
    for place, late in enumerate(in_time.tolist()):
        for early in in_time[:place].tolist():
            if ends[early] & ends[late]:
                assert step_of[early] < step_of[late]
    for world in (2, 3):
        assert steps_of(table, world, size, segment, shared_nodes=shared) == steps


def test_batches_are_full_where_a_cut_in_time_would_leave_most_events_pending():
    table = events(20_000, 2_000)
    steps = steps_of(table, 1, 200, 20_000)
    assert np.mean([len(step) == 200 for step in steps]) > 0.9
    in_time = np.argsort(table.column("time"))
    pending = 0
    for begin in range(0, 20_000, 200):
        seen: set[int] = set()
        for event in in_time[begin : begin + 200].tolist():
            ends = {int(table.column("source")[event]), int(table.column("target")[event])}
            pending += bool(ends & seen)
            seen |= ends
    assert pending > 0.15 * 20_000


def test_names_are_the_same_node_in_every_column():
    table = cr.Table(time=[0, 1, 2], source=["a", "b", "d"], target=["b", "c", "e"])
    plan = cr.chain(cr.Chronological("time"), cr.Temporal(2, ("source", "target")))
    assert [deal.ids.tolist() for deal in cr.Dealer(plan, table, seed=0)] == [[0, 2], [1]]
    apart = cr.chain(cr.Chronological("time"), cr.Temporal(2, ("source", "target"), shared_nodes=False))
    assert [deal.ids.tolist() for deal in cr.Dealer(apart, table, seed=0)] == [[0, 1], [2]]
    mixed = cr.Table(time=[0], source=["a"], target=[1])
    with pytest.raises(
        BadTable, match=r"'source' must hold numbers like the other nodes, got 'strings'; name all nodes"
    ):
        cr.Dealer(plan, mixed, seed=0)


def test_what_regroups_around_it_is_refused():
    table = cr.Table(time=range(12), node=[0] * 12, g=[i % 3 for i in range(12)])
    stage = cr.Temporal(2, "node")
    before = cr.chain(cr.Chronological("time"), cr.GroupBy("g"), stage)
    with pytest.raises(BadArgument, match=r"plan must keep the order of time before Temporal"):
        cr.Dealer(before, table, seed=0)
    after = cr.chain(cr.Chronological("time"), stage, cr.GroupBy("g"))
    with pytest.raises(BadArgument, match=r"plan must leave batches as they are that must stay whole"):
        cr.Dealer(after, table, seed=0)


def test_what_is_out_of_order_or_shared_wrongly_is_refused():
    table = cr.Table(time=[1, 0], source=[0, 1], target=[2, 3])
    stage = cr.Temporal(2, ("source", "target"))
    with pytest.raises(
        BadTable, match=r"'time' must not go back from one id to the next, got row 1 that does; put Chr"
    ):
        cr.Dealer(cr.chain(cr.Sequential(), stage), table, seed=0)
    plan = cr.chain(cr.Chronological("time"), stage)
    with pytest.raises(
        BadArgument, match=r"split must keep batches whole in a step, as the plan asks, got 'Lockstep'; ch"
    ):
        cr.Dealer(plan, table, seed=0, world_size=2)
    with pytest.raises(BadTable, match=r"'source' must hold strings or whole numbers, got dtype\('float64'\)"):
        cr.Dealer(plan, cr.Table(time=[0], source=[0.5], target=[1]), seed=0)
    with pytest.raises(BadArgument, match=r"shared_nodes must be True or False, got 1"):
        cr.Temporal(2, "source", shared_nodes=1)
    both = cr.chain(cr.PerClass("source", 1, 1), stage)
    with pytest.raises(BadArgument, match=r"plan must have stages that agree how whole batches must stay"):
        cr.Dealer(both, table, seed=0)

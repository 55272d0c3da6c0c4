from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.core.cursor import Cursor
from croupier.run.counting import count_steps
from streams import flat_ids, steps_of


def program(rows, batch, lanes, segment):
    plan = cr.chain(cr.Shuffle(), cr.SortedWindows(8), cr.TokenBudget(batch * 9), segment_ids=segment)
    table = cr.Table(length=np.random.default_rng(rows).integers(1, 10, rows))
    return cr.Dealer(plan, table, seed=0, split=cr.Lockstep(lanes, cr.FewIds.PAD)).program


@given(
    rows=st.integers(1, 120), batch=st.integers(1, 6), lanes=st.integers(1, 4), segment=st.integers(4, 64),
    world=st.integers(1, 9),
)  # fmt: skip
def test_steps_join_segments_without_a_seam(rows, batch, lanes, segment, world):
    """Each step but the last has a batch for every rank, wherever segments end; the count is known beforehand."""
    planned = program(rows, batch, lanes, segment)
    steps = steps_of(planned, world)
    assert all(len(step.batches) == world for step in steps[:-1])
    assert sorted(flat_ids(steps)) == list(range(rows))
    assert count_steps(planned, Cursor(world_size=world), world) == len(steps)


def test_only_the_end_of_an_epoch_depends_on_the_number_of_ranks():
    planned = program(100, 2, 1, 16)
    batches = {
        world: [batch.tolist() for step in steps_of(planned, world) for batch in step.batches] for world in (1, 3, 7)
    }
    for world in (3, 7):
        same = 0
        while same < len(batches[1]) and batches[world][same] == batches[1][same]:
            same += 1
        assert same >= len(batches[1]) - 2 * world


def test_a_last_segment_cut_again_from_its_start_resumes_alike():
    """The cut of the last batches may reach back to the first of their segment."""
    table = cr.Table(length=[7] * 8 + [8] * 7 + [50])
    plan = cr.chain(cr.Sequential(), cr.TokenBudget(60), segment_ids=8)
    planned = cr.Dealer(plan, table, seed=0, world_size=2, split=cr.Balanced()).program
    steps = steps_of(planned, 2, Cursor(world_size=2))
    for number, step in enumerate(steps[:-1], start=1):
        rest = steps_of(planned, 2, step.cursor)
        assert [s.batches.indices.tolist() for s in rest] == [s.batches.indices.tolist() for s in steps[number:]]


@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=12), world=st.integers(1, 5), segment=st.integers(2, 12),
)  # fmt: skip
def test_resuming_is_exact_whatever_the_sizes_of_the_batches(sizes, world, segment):
    lengths = [12 // size for size in sizes for _ in range(size)]
    plan = cr.chain(cr.Sequential(), cr.TokenBudget(12), segment_ids=segment)
    planned = cr.Dealer(plan, cr.Table(length=lengths), seed=0, split=cr.Lockstep(1, cr.FewIds.PAD)).program
    steps = steps_of(planned, world)
    for number, step in enumerate(steps[:-1], start=1):
        rest = steps_of(planned, world, step.cursor)
        assert [s.batches.indices.tolist() for s in rest] == [s.batches.indices.tolist() for s in steps[number:]]
        assert [s.batches.offsets.tolist() for s in rest] == [s.batches.offsets.tolist() for s in steps[number:]]


def test_what_a_split_leaves_out_is_booked_once_when_it_is_left_out():
    plan = cr.chain(cr.Sequential(), cr.FixedSize(1))
    make = lambda: cr.Dealer(  # noqa: E731
        plan, cr.Table(size=7), seed=0, world_size=2, split=cr.Lockstep(1, cr.FewIds.DROP)
    )
    whole = make()
    counts = [whole.ledger.ids("left out: fewer than ranks") for _ in whole]
    assert counts == [0, 0, 1]
    started = make()
    next(iter(started))
    resumed = make()
    resumed.load_state_dict(started.state_dict())
    list(resumed)
    assert resumed.ledger.ids("left out: fewer than ranks") == 1

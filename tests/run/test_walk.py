from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.core.cursor import Cursor
from croupier.run.walk import count_steps
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


@given(
    rows=st.integers(20, 120), lanes=st.integers(1, 4), segment=st.integers(4, 64), data=st.data(),
)  # fmt: skip
def test_the_count_after_a_change_of_ranks_is_exact(rows, lanes, segment, data):
    planned = program(rows, 3, lanes, segment)
    world, other = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    steps = [step for step in steps_of(planned, world) if step.cursor.epoch == 0]
    if not steps:
        return
    cursor = data.draw(st.sampled_from(steps)).cursor
    assert count_steps(planned, cursor, other) == cursor.epoch_steps + len(steps_of(planned, other, cursor))


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

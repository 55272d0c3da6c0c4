from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.core.cursor import Cursor
from croupier.run.counting import count_batches, count_steps
from streams import steps_of


def program(rows, lanes, segment):
    plan = cr.chain(cr.Shuffle(), cr.SortedWindows(8), cr.TokenBudget(27), segment_ids=segment)
    table = cr.Table(length=np.random.default_rng(rows).integers(1, 10, rows))
    return cr.Dealer(plan, table, seed=0, split=cr.Lockstep(lanes, cr.FewIds.PAD)).program


@given(
    rows=st.integers(20, 120), lanes=st.integers(1, 4), segment=st.integers(4, 64), data=st.data(),
)  # fmt: skip
def test_the_count_after_a_change_of_ranks_is_exact(rows, lanes, segment, data):
    planned = program(rows, lanes, segment)
    world, other = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    steps = [step for step in steps_of(planned, world) if step.cursor.epoch == 0]
    if not steps:
        return
    cursor = data.draw(st.sampled_from(steps)).cursor
    assert count_steps(planned, cursor, other) == cursor.epoch_steps + len(steps_of(planned, other, cursor))


def test_capped_micro_batches_are_counted_one_by_one():
    table = cr.Table(length=np.random.default_rng(0).integers(1, 60, 640))
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(64))
    dealer = cr.Dealer(plan, table, seed=0, world_size=4, split=cr.Balanced(max_tokens=200))
    deals = list(dealer)
    assert count_batches(dealer.program, Cursor(world_size=4), 4) == len(deals)
    assert count_steps(dealer.program, Cursor(world_size=4), 4) == deals[-1].step + 1 < len(deals)

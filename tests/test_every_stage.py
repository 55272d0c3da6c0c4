"""The common checks: what every stage, in a plan that ends in batches, must hold."""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

import croupier as cr
from cases import CASES, ROWS, Case, table
from croupier.core.fingerprint import describe
from croupier.errors import BadArgument, BadTable, TooFewIds
from streams import dealt, flat_ids, program_of, steps_of

WORLDS = (1, 2, 3, 8, 64)
NEEDS_MORE_ROWS = {
    "selection": "ids must be below the table's",
    "subset-array": "rows must be below the table's",
    "exclude": "rows must be below the table's",
    "concat": "rows must be below the table's",
    "interleave": "rows must be below the table's",
    "subset": "rows must be below the table's",
    "per-class": "must have at least 2 classes",
    "weighted-subset": "epoch_samples must be at most the table's",
    "margin-balanced": "rows of the table, got 192",
    "random-walks": "must be the 192 nodes of the graph",
    "walk-pairs": "must be the 192 nodes of the graph",
}
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def test_every_public_stage_has_a_case():
    stages = {value for value in vars(cr).values() if isinstance(value, type) and hasattr(value, "plan")}
    assert stages == {case.stage for case in CASES}


@every_case
def test_plans_are_pure_and_leave_their_input_alone(case: Case):
    program = program_of(case)
    context = program.context(1, 1)
    positions = cr.Batches.of(np.arange(64, 128))
    positions.indices.setflags(write=False)
    before = {name: values.copy() for name, values in program.table.columns.items()}
    first, second = (program.plan.plan(positions, context) for _ in range(2))
    assert first.fault() is None
    assert first.indices.tolist() == second.indices.tolist()
    assert first.offsets.tolist() == second.offsets.tolist()
    assert first.columns.keys() == second.columns.keys()
    for name in first.columns:
        is_float = first.columns[name].dtype.kind == "f"  # a score is NaN where there is none
        assert np.array_equal(first.columns[name], second.columns[name], equal_nan=is_float)
    assert positions.indices.tolist() == list(range(64, 128))
    for name, values in before.items():
        assert np.array_equal(values, program.table.columns[name])


@every_case
@pytest.mark.parametrize("epoch", [0, 3])
def test_an_epoch_deals_what_the_plan_promises(case: Case, epoch: int):
    program = program_of(case)
    steps = steps_of(program, 1, cr.Cursor(epoch=epoch))
    counts: Counter[int] = Counter()
    for step in steps:
        real = ~step.batches.columns.get("is_padding", np.zeros(step.batches.indices.size, bool))
        counts.update(step.batches.indices[real].tolist())
    assert set(counts) <= set(range(ROWS))
    if case.each_id == "once":
        assert counts == dict.fromkeys(range(ROWS), 1)
    if case.each_id == "at most once":
        assert max(counts.values()) == 1
    ledger = sum((step.ledger for step in steps), cr.Ledger())
    lost = ledger.ids("dropped as too long") + ledger.ids("left out of the epoch")
    if case.each_id == "once":
        assert lost == 0


@every_case
def test_the_key_changes_the_draw_and_the_epoch_too(case: Case):
    ids = {
        (seed, epoch): flat_ids(steps_of(program_of(case, seed=seed), 1, cr.Cursor(epoch=epoch)))
        for seed in (3, 4)
        for epoch in (0, 1)
    }
    columns = [
        steps_of(program_of(case, seed=seed), 1)[0].batches.columns.get("negatives", np.zeros(1)) for seed in (3, 4)
    ]
    if case.uses_key:
        assert ids[3, 0] != ids[4, 0] or not np.array_equal(*columns)
        assert ids[3, 0] != ids[3, 1] or not np.array_equal(*columns)
    else:
        assert ids[3, 0] == ids[4, 0]


@every_case
def test_plans_pickle_and_describe_themselves(case: Case):
    plan = case.plan()
    copy = pickle.loads(pickle.dumps(plan))
    assert describe(copy) == describe(plan)
    assert describe(plan) == describe(case.plan())
    assert "object at" not in str(describe(plan))
    assert steps_of(program_of(case), 1)[0].batches.indices.size > 0


@every_case
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_tiny_tables_deal_or_say_why_not(case: Case, rows: int):
    try:
        program = program_of(case, facts=table(rows))
        steps = steps_of(program, 1)
    except (TooFewIds, BadArgument, BadTable) as error:
        assert NEEDS_MORE_ROWS.get(case.name, "Repeat") in str(error)  # noqa: PT017 - whether it raises depends
        return
    assert set(flat_ids(steps)) <= set(range(rows))
    if case.each_id == "once":
        assert set(flat_ids(steps)) == set(range(rows))


@every_case
def test_equal_lengths_are_no_special_case(case: Case):
    steps = steps_of(program_of(case, facts=table(equal=True)), 1)
    if case.each_id == "once":
        assert sorted(set(flat_ids(steps))) == list(range(ROWS))


@every_case
@pytest.mark.parametrize("world_size", WORLDS)
def test_ranks_are_disjoint_and_equal_in_count(case: Case, world_size: int):
    program = program_of(case, world_size=world_size)
    for step in steps_of(program, world_size):
        parts = dealt(program, step, world_size)
        assert len({len(mine) for mine in parts.ids}) == 1, "every rank has the same number of micro-batches"
        assert all(ids for mine in parts.ids for ids in mine), "no share is empty"
        real = [
            ids
            for mine, flags in zip(parts.ids, parts.padding, strict=True)
            for ids, is_padding in zip(mine, flags, strict=True)
            if not is_padding
        ]
        assert Counter(i for ids in real for i in ids) == Counter(step.batches.indices.tolist())


@every_case
def test_resume_at_every_step_on_every_world_size(case: Case):
    """Save after any step on W ranks, load on W', and again on W'' within the same segment: the flat order goes on."""
    rng = np.random.default_rng(0)
    lanes = 2
    program = program_of(case, world_size=lanes)
    whole = program.epochs.bounds(0)[1] - program.epochs.bounds(0)[0]
    for world in WORLDS:
        try:
            steps = steps_of(program, world)
        except TooFewIds:
            continue
        flat = flat_ids(steps)
        taken = 0
        for number, step in enumerate(steps):
            taken += step.batches.indices.size
            same = steps_of(program, world, step.cursor) if step.cursor.epoch == 0 else []
            assert _as_lists(program, same, world) == _as_lists(program, steps[number + 1 :], world)
            if step.cursor.epoch:
                continue
            for other in WORLDS:
                _check_rest(program, step.cursor, other, flat[taken:], rng)
        assert len(flat) <= whole or case.name in ("pack-in-pieces", "walk-pairs")


def _check_rest(program, cursor, world, expected, rng):
    try:
        rest = steps_of(program, world, cursor)
    except TooFewIds:
        assert len(expected) < world * 8
        return
    _assert_continues(program, rest, expected)
    middle = [step for step in rest[:-1] if step.cursor.epoch == cursor.epoch]
    if not middle:
        return
    at = int(rng.integers(len(middle)))
    third = int(rng.choice(WORLDS))
    left = expected[sum(step.batches.indices.size for step in middle[: at + 1]) :]
    try:
        again = steps_of(program, third, middle[at].cursor)
    except TooFewIds:
        assert len(left) < third * 8
        return
    _assert_continues(program, again, left)


def _assert_continues(program, steps, expected):
    ids = flat_ids(steps)
    lost = sum((step.ledger for step in steps), cr.Ledger()).ids("left out: fewer than ranks")
    if getattr(program.split, "few_ids", None) is cr.FewIds.DROP:
        assert ids == expected[: len(ids)]
        assert lost <= 64
    else:
        assert ids == expected


def _as_lists(program, steps, world):
    return [dealt(program, step, world) for step in steps]


@every_case
@pytest.mark.parametrize("world_size", [1, 3])
def test_totals_count_what_was_dealt(case: Case, world_size: int):
    program = program_of(case, world_size=world_size)
    steps = steps_of(program, world_size)
    for number, step in enumerate(steps, start=1):
        assert step.cursor.steps == number
        assert step.cursor.samples == sum(s.batches.indices.size for s in steps[:number])
        assert step.cursor.tokens == sum(int(s.batches.columns["length"].sum()) for s in steps[:number])
    assert steps[-1].cursor == steps[-1].cursor.at_epoch(1)
    for before, after in pairwise(steps):
        assert (before.cursor.segment, before.cursor.consumed) < (after.cursor.segment, after.cursor.consumed) or (
            after is steps[-1]
        )


@every_case
@pytest.mark.parametrize("world_size", [1, 2, 8])
def test_the_length_is_exact(case: Case, world_size: int):
    facts = table()
    dealing, counting = (
        cr.Dealer(case.plan(), facts, seed=3, rank=rank, world_size=world_size, split=case.split)
        for rank in (0, world_size - 1)
    )
    for epoch in range(2):
        deals = list(dealing)
        steps = [deal.step for deal in deals if deal.ends_step]
        assert steps == list(range(len(steps)))
        counting.set_epoch(epoch)
        assert counting.steps_per_epoch == len(steps)
        assert len(counting) == len(deals)


@every_case
def test_numba_on_and_off_deal_the_same(case: Case, monkeypatch: pytest.MonkeyPatch):
    compiled = flat_ids(steps_of(program_of(case, world_size=3), 3))
    monkeypatch.setenv("CROUPIER_NUMBA", "0")
    plain = flat_ids(steps_of(program_of(case, world_size=3), 3))
    assert compiled == plain


@every_case
def test_another_stage_beside_it_leaves_its_draws_alone(case: Case):
    plan = case.plan()
    program = program_of(case)
    other = cr.chain(*plan.stages, _Bystander(), segment_ids=plan.segment_ids)
    beside = cr.Dealer(other, table(), seed=3, split=case.split).program
    assert flat_ids(steps_of(program, 1)) == flat_ids(steps_of(beside, 1))


@dataclass(frozen=True)
class _Bystander:
    name: str = "bystander"

    def plan(self, batches, context):
        return batches.with_columns(noise=np.full(batches.indices.size, context.segment_key.bits & 1))

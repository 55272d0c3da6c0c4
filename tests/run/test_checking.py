from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument
from croupier.run.checking import checked_run, checked_signals, checked_skip

PLAN, TABLE = cr.chain(cr.Shuffle(), cr.FixedSize(2)), cr.Table(size=5)


def test_a_stage_becomes_a_chain_and_no_split_the_default():
    plan, split = checked_run(cr.Shuffle(), TABLE, 0, 0, 1, None)
    assert [stage.name for stage in plan.stages] == ["shuffle"]
    assert split == cr.Lockstep()
    given = cr.Balanced()
    assert checked_run(PLAN, TABLE, 2**64 - 1, 3, 4, given) == (PLAN, given)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((PLAN, TABLE, 0, 0, 0, None), r"world_size must be an integer >= 1 and <= 1048576, got 0"),
        (
            (PLAN, TABLE, 0, 4, 4, None),
            r"rank must be an integer >= 0 and <= 3, got 4; ranks of a world of 4 are 0 to 3",
        ),
        ((PLAN, TABLE, -1, 0, 1, None), r"seed must be an integer >= 0"),
        ((cr.Shuffle, TABLE, 0, 0, 1, None), r"plan must be a stage"),
        ((PLAN, 5, 0, 0, 1, None), r"table must be a Table, got 5"),
        ((PLAN, TABLE, 0, 0, 1, 3), r"split must be a split, got 3"),
    ],
)
def test_what_is_held_wrong_is_named(arguments, text):
    with pytest.raises(BadArgument, match=text):
        checked_run(*arguments)


def test_steps_are_passed_over_between_passes():
    checked_skip(3, is_dealing=False)
    with pytest.raises(BadArgument, match=r"steps must be an integer >= 1, got 0; pass the number of steps"):
        checked_skip(0, is_dealing=False)
    with pytest.raises(BadArgument, match=r"skip_steps must be called between passes, got a pass under way"):
        checked_skip(3, is_dealing=True)


def test_signals_are_copies_by_name_with_nan_for_what_is_masked():
    losses = np.array([1.0, 2.0], np.float32)
    plain = checked_signals(losses, 2)
    losses[:] = 9
    assert {name: values.tolist() for name, values in plain.items()} == {"loss": [1.0, 2.0]}
    named = checked_signals({"a": [1, 2], "b": np.ma.array([np.inf, 4.0], mask=[True, False])}, 2)
    assert named["a"].dtype == np.float32
    assert np.array_equal(named["b"], [np.nan, 4.0], equal_nan=True)


@pytest.mark.parametrize(
    ("signal", "text"),
    [
        ([1.0], r"signal must have one number for each of 2 ids, got \(1,\); pass losses"),
        ({"a": np.ma.array([1.0, np.nan], mask=[True, False])}, r"signal must be finite, got nan; skip steps"),
        ({}, r"signal must name a signal, got \{\}; write \{\"loss\": losses\}"),
    ],
)
def test_bad_signals_are_named(signal, text):
    with pytest.raises(BadArgument, match=text):
        checked_signals(signal, 2)

from __future__ import annotations

import pytest

import croupier as cr
from croupier.errors import BadArgument
from croupier.run.checking import checked_run, checked_skip

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
        ((PLAN, TABLE, 0, 0, 0, None), r"world_size must be an integer >= 1, got 0"),
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

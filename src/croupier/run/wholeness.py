"""How far batches must stay together, as the stages of a plan ask; and whether the stages after them let them."""

from __future__ import annotations

import numpy as np

from croupier.core.batches import Batches
from croupier.core.chain import Chain
from croupier.core.policies import Whole
from croupier.core.stage import Context, Stage
from croupier.errors import BadArgument

__all__ = ["regroup_by_steps", "stages_that_may_part_steps", "whole_of"]


def whole_of(plan: Chain, lanes: int) -> Whole:
    """What the stages ask that ask something; they must agree, and none may cut what another keeps with its lanes."""
    for stage in stages_that_may_part_steps(plan, lanes):
        if hasattr(stage, "max_tokens") or hasattr(stage, "batch_size"):
            raise BadArgument(
                "plan", "not cut further what shares a step on several lanes", f"{stage.name!r}",
                "leave it out, choose Balanced(), or over_ranks=False in the stage before",
            )  # fmt: skip
    asked = {_asked_by(stage) for _, stage in plan.leaves()} - {Whole.NO}
    if len(asked) > 1:
        raise BadArgument(
            "plan", "have stages that agree how whole batches must stay", sorted(whole.value for whole in asked),
            "choose one of these stages",
        )  # fmt: skip
    return asked.pop() if asked else Whole.NO


def stages_that_may_part_steps(plan: Chain, lanes: int) -> list[Stage]:
    """Those after the first that keeps its batches with their lanes; none where there is one lane."""
    stages = [stage for _, stage in plan.leaves()]
    keeps = [_asked_by(stage) is Whole.WITH_ITS_LANES for stage in stages]
    return stages[keeps.index(True) + 1 :] if lanes > 1 and any(keeps) else []


def regroup_by_steps(plan: Chain, batches: Batches, context: Context) -> Batches:
    """As ``plan.regroup``; where steps of several lanes are kept, later stages must leave each id in its step.

    They may add columns, leave ids out, or sort those of a batch; what they may not is known of no stage before it has
    planned, so every segment is looked at, in O(n) where nothing moved.

    Raises
    ------
    BadArgument
        A stage that moved ids between steps, or changed the number of batches.
    """
    later = stages_that_may_part_steps(plan, context.lanes)
    if not later:
        return plan.regroup(batches, context)
    for path, stage in plan.leaves()[1:]:
        before, own = batches, context
        for name in path:
            own = own.child(name)
        batches = stage.plan(batches, own)
        if any(stage is one for one in later) and not _keeps_steps(before, batches, context.lanes):
            keeper = next(one.name for _, one in plan.leaves() if _asked_by(one) is Whole.WITH_ITS_LANES)
            raise BadArgument(
                "plan", "leave together what shares a step on several lanes", f"{stage.name!r} after {keeper!r}",
                f"put {stage.name!r} before it, choose Balanced(), or over_ranks=False in {keeper!r}",
            )  # fmt: skip
    return batches


def _asked_by(stage: Stage) -> Whole:
    return getattr(stage, "whole", Whole.NO)


def _keeps_steps(before: Batches, after: Batches, lanes: int) -> bool:
    """Whether every step of ``lanes`` batches holds ids of the same step before, none more often."""
    if np.array_equal(before.offsets, after.offsets) and np.array_equal(before.indices, after.indices):
        return True
    if len(before) != len(after) or (after.sizes == 0).any():
        return False  # batches of no ids are left out, so that later ones would come into other steps
    ids, numbers = np.unique(np.concatenate([before.indices, after.indices]), return_inverse=True)
    steps = [np.repeat(np.arange(len(some)) // lanes, some.sizes) for some in (before, after)]
    places = np.concatenate(steps) * ids.size + numbers
    had, had_times = np.unique(places[: before.indices.size], return_counts=True)
    has, has_times = np.unique(places[before.indices.size :], return_counts=True)
    found = np.minimum(np.searchsorted(had, has), had.size - 1)
    return bool((had[found] == has).all() and (had_times[found] >= has_times).all())

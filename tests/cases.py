"""Every stage, each in a plan that ends in batches: what the common checks run on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import croupier as cr
from croupier.core.split import Split
from croupier.core.stage import Stage

ROWS = 192
SEGMENT_IDS = 64


def table(rows: int = ROWS, *, equal: bool = False) -> cr.Table:
    """Lengths with a heavy tail, queries with positives, and shards of uneven size."""
    rng = np.random.default_rng(5)
    lengths = np.full(rows, 7) if equal else np.minimum(rng.lognormal(2.5, 1.0, rows).astype(int) + 1, 90)
    counts = np.diff(np.unique([0, rows // 7, rows // 3, rows // 2, rows]))
    return cr.Table.from_shards(counts, length=lengths, query=np.arange(rows) // 3, item=rng.integers(0, 50, rows))


@dataclass(frozen=True)
class Case:
    """A stage inside a plan, and what the plan promises."""

    name: str
    stage: type[Stage]
    plan: Callable[[], cr.Chain]
    each_id: str = "once"
    """How often an epoch deals each id: once, at most once, or drawn (any number of times)."""
    uses_key: bool = True
    split: Split | None = None


def plan(*stages: Stage) -> cr.Chain:
    return cr.chain(*stages, segment_ids=SEGMENT_IDS)


BUDGET = 128
CASES = [
    Case("sequential", cr.Sequential, lambda: plan(cr.Sequential(), cr.FixedSize(4)), uses_key=False),
    Case("shuffle", cr.Shuffle, lambda: plan(cr.Shuffle(), cr.FixedSize(4))),
    Case("shuffle-odd-size", cr.Shuffle, lambda: plan(cr.Shuffle(), cr.FixedSize(5))),
    Case("random-subset", cr.RandomSubset, lambda: plan(cr.RandomSubset(0.7), cr.FixedSize(4)), "drawn"),
    Case(
        "random-subset-replacement",
        cr.RandomSubset,
        lambda: plan(cr.RandomSubset(0.7, replacement=True), cr.FixedSize(4)),
        "at most once",
    ),
    Case("shard-shuffle", cr.ShardShuffle, lambda: plan(cr.ShardShuffle(window_shards=2), cr.FixedSize(4))),
    Case("evaluation", cr.Evaluation, lambda: plan(cr.Evaluation(multiple_of=64), cr.FixedSize(2)), uses_key=False),
    Case("repeat", cr.Repeat, lambda: plan(cr.Repeat(cr.Shuffle(), times=2), cr.FixedSize(6)), "drawn"),
    Case("repeat-shards", cr.Repeat, lambda: plan(cr.Repeat(cr.ShardShuffle(2), times=2), cr.FixedSize(6)), "drawn"),
    Case("selection", cr.Selection, lambda: plan(cr.Selection(range(0, 190, 1)), cr.FixedSize(4)), "at most once"),
    Case("loss-weighted", cr.LossWeighted, lambda: plan(cr.LossWeighted(), cr.FixedSize(4)), "drawn"),
    Case("fixed-size-carry", cr.FixedSize, lambda: plan(cr.Shuffle(), cr.FixedSize(2, cr.Tail.CARRY)), "drawn"),
    Case("fixed-size-drop", cr.FixedSize, lambda: plan(cr.Shuffle(), cr.FixedSize(2, cr.Tail.DROP)), "at most once"),
    Case("token-budget", cr.TokenBudget, lambda: plan(cr.Shuffle(), cr.TokenBudget(BUDGET))),
    Case(
        "token-budget-drop",
        cr.TokenBudget,
        lambda: plan(cr.Shuffle(), cr.TokenBudget(40, max_examples=5, multiple_of=8, too_long=cr.TooLong.DROP)),
        "at most once",
    ),
    Case(
        "token-budget-truncate",
        cr.TokenBudget,
        lambda: plan(cr.Shuffle(), cr.TokenBudget(40, too_long=cr.TooLong.TRUNCATE)),
    ),
    Case(
        "token-budget-alone", cr.TokenBudget, lambda: plan(cr.Shuffle(), cr.TokenBudget(40, too_long=cr.TooLong.ALONE))
    ),
    Case("sorted-windows", cr.SortedWindows, lambda: plan(cr.Shuffle(), cr.SortedWindows(32), cr.TokenBudget(BUDGET))),
    Case("length-buckets", cr.LengthBuckets, lambda: plan(cr.Shuffle(), cr.LengthBuckets(4), cr.TokenBudget(BUDGET))),
    Case(
        "uniform-negatives",
        cr.UniformNegatives,
        lambda: plan(cr.Sequential(), cr.UniformNegatives(3, items=50), cr.FixedSize(4)),
    ),
    Case("chain", cr.Chain, lambda: plan(cr.chain(cr.Shuffle(), cr.SortedWindows(16), name="inner"), cr.FixedSize(4))),
    Case(
        "balanced",
        cr.FixedSize,
        lambda: plan(cr.Shuffle(), cr.FixedSize(64)),
        split=cr.Balanced(),
    ),
    Case(
        "balanced-capped",
        cr.TokenBudget,
        lambda: plan(cr.Shuffle(), cr.SortedWindows(64), cr.TokenBudget(2048)),
        split=cr.Balanced(max_tokens=100, few_ids=cr.FewIds.PAD),
    ),
    Case(
        "lanes",
        cr.TokenBudget,
        lambda: plan(cr.Shuffle(), cr.SortedWindows(32), cr.TokenBudget(BUDGET)),
        split=cr.Lockstep(lanes=8, few_ids=cr.FewIds.PAD),
    ),
    Case(
        "singletons-dropped",
        cr.FixedSize,
        lambda: plan(cr.Shuffle(), cr.FixedSize(1)),
        "at most once",
        split=cr.Lockstep(lanes=1, few_ids=cr.FewIds.DROP),
    ),
]
BY_NAME = {case.name: case for case in CASES}

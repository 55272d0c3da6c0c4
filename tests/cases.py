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
PAIR_OFFSETS = np.concatenate([[0], np.cumsum(np.arange(ROWS) % 5 + 1)])
PAIR_MARGINS = np.arange(PAIR_OFFSETS[-1]) % 7 / 2


def table(rows: int = ROWS, *, equal: bool = False) -> cr.Table:
    """Lengths with a heavy tail, queries with positives, and shards of uneven size."""
    rng = np.random.default_rng(5)
    lengths = np.full(rows, 7) if equal else np.minimum(rng.lognormal(2.5, 1.0, rows).astype(int) + 1, 90)
    counts = np.diff(np.unique([0, rows // 7, rows // 3, rows // 2, rows]))
    return cr.Table.from_shards(
        counts,
        length=lengths,
        query=np.arange(rows) // 3,
        item=rng.integers(0, 50, rows),
        weight=rng.exponential(size=rows) * (np.arange(rows) % 5 > 0) + (np.arange(rows) == 0),
        source=np.minimum(np.arange(rows) * 7 % 11 // 3, 2),
        reward=np.round(rng.normal(size=rows), 3),
        mined=(np.arange(rows)[:, None] * 7 + np.arange(4) * 13) % 60,
    )


def graph() -> cr.Graph:
    """A ring of the rows with chords, and every twelfth node without edges."""
    nodes = np.arange(ROWS)
    sources, targets = np.concatenate([nodes, nodes]), np.concatenate([(nodes + 1) % ROWS, nodes**2 * 7 % ROWS])
    has_edges = (sources % 12 > 0) & (targets % 12 > 0)
    return cr.Graph.from_edges(sources[has_edges], targets[has_edges], nodes=ROWS)


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
    Case("weighted", cr.Weighted, lambda: plan(cr.Weighted(), cr.FixedSize(4)), "drawn"),
    Case(
        "systematic-weighted",
        cr.SystematicWeighted,
        lambda: plan(cr.SystematicWeighted(epoch_samples=250), cr.FixedSize(4)),
        "drawn",
    ),
    Case("weighted-subset", cr.WeightedSubset, lambda: plan(cr.WeightedSubset(140), cr.FixedSize(4)), "at most once"),
    Case("live-weighted", cr.LiveWeighted, lambda: plan(cr.LiveWeighted("weight"), cr.FixedSize(4)), "drawn"),
    Case(
        "trajectory-weighted",
        cr.TrajectoryWeighted,
        lambda: plan(cr.TrajectoryWeighted("reward", "query", initial_state="item"), cr.FixedSize(4)),
        "drawn",
    ),
    Case(
        "mixture",
        cr.Mixture,
        lambda: plan(cr.Mixture("source", cr.Temperature(3.0), cr.Proportional()), cr.FixedSize(4)),
        "drawn",
    ),
    Case(
        "mixture-of-tokens-under-a-schedule",
        cr.Mixture,
        lambda: plan(
            cr.Mixture("source", cr.Cooldown(switch_samples=100), epoch_end=150, unit="length"),
            cr.SortedWindows(32),
            cr.TokenBudget(BUDGET),
        ),
        "drawn",
    ),
    Case(
        "mixture-until-the-first-runs-out",
        cr.Mixture,
        lambda: plan(cr.Mixture("source", cr.Uniform(), epoch_end=cr.EpochEnd.FIRST_RUNS_OUT), cr.FixedSize(4)),
        "at most once",
    ),
    Case(
        "mixture-until-the-last-runs-out",
        cr.Mixture,
        lambda: plan(cr.Mixture("source", cr.Uniform(), epoch_end=cr.EpochEnd.LAST_RUNS_OUT), cr.FixedSize(4)),
        "drawn",
    ),
    Case(
        "mixture-until-all-run-out",
        cr.Mixture,
        lambda: plan(cr.Mixture("source", cr.Uniform(), epoch_end=cr.EpochEnd.ALL_RUN_OUT), cr.FixedSize(4)),
    ),
    Case(
        "mixture-of-orders",
        cr.Mixture,
        lambda: plan(
            cr.Mixture(
                {
                    "half": cr.Subset(cr.RandomSubset(0.5), range(1)),
                    "shards": cr.chain(cr.ShardShuffle(2), name="sharded"),
                    "few": cr.Repeat(cr.Subset(cr.Shuffle(), [0]), times=2),
                },
                {"half": 1, "shards": 2, "few": 0.5},
            ),
            cr.FixedSize(4),
        ),
        "drawn",
    ),
    Case("grain-shuffle", cr.GrainShuffle, lambda: plan(cr.GrainShuffle(5), cr.FixedSize(4)), uses_key=False),
    Case(
        "megatron-blend",
        cr.MegatronBlend,
        lambda: plan(cr.MegatronBlend("source", [2, 3, 3], epoch_samples=130), cr.FixedSize(4)),
        "at most once",
        uses_key=False,
    ),
    Case("class-balanced", cr.ClassBalanced, lambda: plan(cr.ClassBalanced("source"), cr.FixedSize(4)), "drawn"),
    Case(
        "curriculum",
        cr.Curriculum,
        lambda: plan(cr.Curriculum("length", cr.Pacing(warmup_samples=100)), cr.FixedSize(4)),
        "drawn",
    ),
    Case("subset", cr.Subset, lambda: plan(cr.Subset(cr.Shuffle(), range(20, 180)), cr.FixedSize(4)), "at most once"),
    Case(
        "subset-array",
        cr.Subset,
        lambda: plan(cr.Subset(cr.Weighted(), np.arange(0, 190, 3)), cr.FixedSize(4)),
        "drawn",
    ),
    Case("exclude", cr.Exclude, lambda: plan(cr.Exclude(cr.Shuffle(), range(5, 9)), cr.FixedSize(4)), "at most once"),
    Case(
        "concat",
        cr.Concat,
        lambda: plan(
            cr.Concat([cr.Subset(cr.Shuffle(), range(100, 192)), cr.Subset(cr.Sequential(), range(100))]),
            cr.FixedSize(4),
        ),
    ),
    Case(
        "interleave",
        cr.Interleave,
        lambda: plan(
            cr.Interleave([cr.Subset(cr.Shuffle(), range(120, 192)), cr.Subset(cr.Sequential(), range(120))]),
            cr.FixedSize(4),
        ),
    ),
    Case("loss-weighted", cr.LossWeighted, lambda: plan(cr.LossWeighted(), cr.FixedSize(4)), "drawn"),
    Case("importance-sampled", cr.ImportanceSampled, lambda: plan(cr.ImportanceSampled(), cr.FixedSize(4)), "drawn"),
    Case("hard-batches", cr.HardBatches, lambda: plan(cr.HardBatches(5, 0.4)), "drawn"),
    Case(
        "keep-scores",
        cr.KeepScores,
        lambda: plan(cr.Shuffle(), cr.KeepScores((cr.Last(), cr.Ema(0.9, "el2n"))), cr.FixedSize(4)),
    ),
    Case(
        "score-weighted",
        cr.ScoreWeighted,
        lambda: plan(cr.ScoreWeighted(cr.Variance()), cr.FixedSize(4), cr.KeepScores((cr.Variance(),), half=True)),
        "drawn",
    ),
    Case(
        "score-column",
        cr.ScoreColumn,
        lambda: plan(
            cr.Shuffle(), cr.ScoreColumn(cr.Mean("margin"), "aum"), cr.KeepScores((cr.Mean("margin"),)), cr.FixedSize(4)
        ),
    ),
    Case(
        "kept-bad-pairs",
        cr.KeptBadPairs,
        lambda: plan(cr.Shuffle(), cr.KeepScores((cr.Mean(),)), cr.KeptBadPairs(cr.Mean(), 1), cr.FixedSize(4)),
    ),
    Case("bad-pairs", cr.BadPairs, lambda: plan(cr.Shuffle(), cr.BadPairs(1), cr.FixedSize(4))),
    Case(
        "ramped-size",
        cr.RampedSize,
        lambda: plan(cr.Shuffle(), cr.RampedSize(cr.BatchSizeRamp([(0, 16), (100, 40)]))),
    ),
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
    Case("pack", cr.Pack, lambda: plan(cr.Shuffle(), cr.Pack(BUDGET))),
    Case(
        "pack-rows",
        cr.Pack,
        lambda: plan(cr.Shuffle(), cr.Pack(BUDGET, packs=3, equal_cost=True)),
        split=cr.Lockstep(few_ids=cr.FewIds.PAD),
    ),
    Case("pack-in-pieces", cr.Pack, lambda: plan(cr.Shuffle(), cr.Pack(40, too_long=cr.TooLong.SPLIT)), "drawn"),
    Case("sorted-windows", cr.SortedWindows, lambda: plan(cr.Shuffle(), cr.SortedWindows(32), cr.TokenBudget(BUDGET))),
    Case("length-buckets", cr.LengthBuckets, lambda: plan(cr.Shuffle(), cr.LengthBuckets(4), cr.TokenBudget(BUDGET))),
    Case(
        "pair-buckets",
        cr.LengthBuckets,
        lambda: plan(
            cr.Shuffle(),
            cr.LengthBuckets(5, ("item", "length"), multiple_of=4, outliers=cr.RateOutliers(1.5)),
            cr.TokenBudget(200, multiple_of=4, length=("item", "length")),
        ),
        "at most once",
        split=cr.Lockstep(few_ids=cr.FewIds.PAD),
    ),
    Case(
        "fixed-shapes",
        cr.FixedShapes,
        lambda: plan(cr.Shuffle(), cr.FixedShapes(cr.Shapes(((8,), (24,), (96,)), (9, 5, 2)))),
    ),
    Case("group-by", cr.GroupBy, lambda: plan(cr.Shuffle(), cr.GroupBy("source"), cr.FixedSize(5))),
    Case(
        "per-class",
        cr.PerClass,
        lambda: plan(cr.PerClass("source", 2, 3)),
        "drawn",
        split=cr.Lockstep(lanes=1, few_ids=cr.FewIds.PAD),
    ),
    Case("chronological", cr.Chronological, lambda: plan(cr.Chronological("reward"), cr.FixedSize(4)), uses_key=False),
    Case(
        "temporal",
        cr.Temporal,
        lambda: plan(cr.Chronological("reward"), cr.Temporal(16, ("query", "item"), "reward", shared_nodes=False)),
        uses_key=False,
        split=cr.Balanced(few_ids=cr.FewIds.PAD),
    ),
    Case(
        "random-negatives",
        cr.RandomNegatives,
        lambda: plan(cr.Sequential(), cr.RandomNegatives(3, 50), cr.FixedSize(4)),
    ),
    Case(
        "random-walks",
        cr.RandomWalks,
        lambda: plan(cr.Shuffle(), cr.RandomWalks(graph(), 4, return_parameter=0.5), cr.FixedSize(4)),
    ),
    Case(
        "walk-pairs",
        cr.WalkPairs,
        lambda: plan(cr.Shuffle(), cr.RandomWalks(graph(), 3), cr.WalkPairs(2), cr.FixedSize(4)),
        "drawn",
        split=cr.Lockstep(few_ids=cr.FewIds.PAD),
    ),
    Case(
        "conflict-free",
        cr.ConflictFree,
        lambda: plan(cr.Shuffle(), cr.ConflictFree(5, over_ranks=False)),
    ),
    Case(
        "conflict-free-steps",
        cr.ConflictFree,
        lambda: plan(cr.Shuffle(), cr.ConflictFree(12)),
        split=cr.Balanced(few_ids=cr.FewIds.PAD),
    ),
    Case(
        "listed-negatives",
        cr.ListedNegatives,
        lambda: plan(
            cr.Shuffle(), cr.ListedNegatives(2, "mined", cr.Pick.IN_TURN), cr.RandomNegatives(1, 60), cr.FixedSize(4)
        ),
    ),
    Case(
        "mined-negatives",
        cr.MinedNegatives,
        lambda: plan(
            cr.Shuffle(),
            cr.MinedNegatives(
                2, cr.Mined(range(60), np.arange(240).reshape(60, 4) % 53, np.ones((60, 4)), np.ones(60), item_count=53)
            ),
            cr.FixedSize(4),
        ),
    ),
    Case(
        "in-batch-negatives",
        cr.InBatchNegatives,
        lambda: plan(cr.Shuffle(), cr.FixedSize(6), cr.InBatchNegatives(2)),
    ),
    Case("topic-batches", cr.TopicBatches, lambda: plan(cr.Shuffle(), cr.TopicBatches(6, "source", 2))),
    Case(
        "margin-balanced",
        cr.MarginBalanced,
        lambda: plan(cr.Shuffle(), cr.MarginBalanced(PAIR_OFFSETS, PAIR_MARGINS), cr.FixedSize(4)),
    ),
    Case("negative-aware", cr.NegativeAware, lambda: plan(cr.NegativeAware(), cr.FixedSize(4))),
    Case(
        "corrupted-triples",
        cr.CorruptedTriples,
        lambda: plan(cr.Shuffle(), cr.CorruptedTriples(2, 70, ("query", "source", "item")), cr.FixedSize(4)),
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
        "balanced-packed",
        cr.FixedSize,
        lambda: plan(cr.Shuffle(), cr.FixedSize(64)),
        split=cr.BalancedPacked(300, cost=cr.Cost(50, 1), few_ids=cr.FewIds.PAD),
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

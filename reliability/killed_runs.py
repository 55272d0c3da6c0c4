"""The runs that are killed: every batcher, mixtures, weights, feedback, refreshed negatives, all splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import croupier as cr
from croupier.core.split import Split
from croupier.core.stage import Stage

__all__ = ["BATCH", "RUNS", "SEGMENT_IDS", "STEP", "Event", "KilledRun", "dataset_table", "losses_of", "save_refreshes"]

ROWS, SEGMENT_IDS, BATCH, STEP = 960, 240, 6, 48
ALL_WORLDS = (1, 2, 3, 8)
ITEMS = 60


@dataclass(frozen=True)
class Event:
    """Something that the training loop adopts once so many samples were dealt: well within a segment."""

    after_samples: int
    happen: Callable[[cr.Dealer, Path], object]


@dataclass(frozen=True)
class KilledRun:
    """A plan, how it is split, and what training does besides stepping."""

    plan: Callable[[Path], Stage]
    each_id: str = "once"
    """How often an epoch deals each id: once, at most once, or drawn."""
    split: Callable[[int], Split] | None = None
    """Of the number of lanes; by default Lockstep."""
    signals: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    worlds: tuple[int, ...] = ALL_WORLDS
    accumulations: tuple[int, ...] = (1, 2, 3)
    epochs: int = 2

    def split_of(self, lanes: int) -> Split:
        """The split of a run that began on so many ranks; a restart may come where fewer ids are left than ranks."""
        return padded(lanes) if self.split is None else self.split(lanes)


def dataset_table() -> cr.Table:
    """Lengths with a heavy tail, sources, weights, classes, times, and pairs of queries and items."""
    rng = np.random.default_rng(11)
    return cr.Table.from_shards(
        [100, 300, 60, 250, 250],
        length=np.minimum(rng.lognormal(2.5, 1.0, ROWS).astype(np.int64) + 1, 90),
        source=np.minimum(np.arange(ROWS) * 7 % 11 // 3, 2),
        weight=rng.exponential(size=ROWS) + 0.01,
        query=np.arange(ROWS) // 3,
        item=rng.integers(0, ITEMS, ROWS),
        time=np.round(rng.uniform(size=ROWS), 3),
        mined=(np.arange(ROWS)[:, None] * 7 + np.arange(4) * 13) % ITEMS,
    )


def losses_of(
    ids: npt.NDArray[np.int64], epoch: int, signals: tuple[str, ...]
) -> Mapping[str, npt.NDArray[np.float32]]:
    """What training observes of these ids: the same whoever sees them."""
    return {
        name: (0.25 + (ids * (37 + place) % 101) / 50 + epoch * 0.125).astype(np.float32)
        for place, name in enumerate(signals)
    }


def chained(*stages: Stage) -> cr.Chain:
    return cr.chain(*stages, segment_ids=SEGMENT_IDS)


def padded(lanes: int) -> Split:
    return cr.Lockstep(lanes=lanes, few_ids=cr.FewIds.PAD)


def mined(version: int) -> cr.Mined:
    queries = np.arange(ROWS // 3)
    items = (queries[:, None] * (5 + 2 * version) + np.arange(4) * 11) % ITEMS
    return cr.Mined(
        queries, items, np.ones(items.shape, np.float32), np.ones(queries.size, np.float32), item_count=ITEMS
    )


def clusters(version: int) -> cr.Clusters:
    members = np.random.default_rng(version).permutation(ROWS)
    return cr.Clusters(members, np.arange(0, ROWS + 1, 48))


def save_refreshes(folder: Path) -> None:
    """What runs adopt, made before they begin as if by another job."""
    for version in (1, 2):
        mined(version).save(folder / f"mined_negatives-{version}")
        clusters(version).save(folder / f"negative_aware-{version}")


def adopt(stage: str, version: int) -> Callable[[cr.Dealer, Path], object]:
    return lambda dealer, folder: dealer.adopt(stage, folder / f"{stage}-{version}")


def scheduled_mixture(_: Path) -> Stage:
    shares = cr.Cooldown(switch_samples=1000)
    return chained(
        cr.Mixture("source", shares, epoch_end=700, unit="length"), cr.SortedWindows(48), cr.TokenBudget(128)
    )


RUNS: dict[str, KilledRun] = {
    "fixed size": KilledRun(lambda _: chained(cr.Shuffle(), cr.FixedSize(BATCH))),
    "fixed size, carried": KilledRun(
        lambda _: chained(cr.Shuffle(), cr.FixedSize(7, cr.Tail.CARRY)), "drawn", worlds=(1, 2, 8), accumulations=(1,)
    ),
    "fixed size, dropped": KilledRun(lambda _: chained(cr.Shuffle(), cr.FixedSize(7, cr.Tail.DROP)), "at most once"),
    "the default plan": KilledRun(lambda _: chained(cr.Shuffle(), cr.SortedWindows(60), cr.TokenBudget(128))),
    "too long ones dropped": KilledRun(
        lambda _: chained(cr.ShardShuffle(2), cr.TokenBudget(60, too_long=cr.TooLong.DROP)), "at most once"
    ),
    "length buckets": KilledRun(lambda _: chained(cr.Shuffle(), cr.LengthBuckets(5), cr.TokenBudget(128))),
    "packs": KilledRun(lambda _: chained(cr.Shuffle(), cr.Pack(128)), split=padded),
    "packs of pieces": KilledRun(lambda _: chained(cr.Shuffle(), cr.Pack(50, too_long=cr.TooLong.SPLIT)), "drawn"),
    "fixed shapes": KilledRun(
        lambda _: chained(cr.Shuffle(), cr.FixedShapes(cr.Shapes(((8,), (24,), (96,)), (9, 5, 2))))
    ),
    "by source": KilledRun(lambda _: chained(cr.Shuffle(), cr.GroupBy("source"), cr.FixedSize(5))),
    "classes of a batch": KilledRun(
        lambda _: chained(cr.PerClass("source", 2, 3)),
        "drawn",
        split=lambda _: cr.Lockstep(lanes=1, few_ids=cr.FewIds.PAD),
    ),
    "in time": KilledRun(
        lambda _: chained(cr.Chronological("time"), cr.Temporal(STEP, ("query", "item"), "time", shared_nodes=False)),
        split=lambda _: cr.Balanced(few_ids=cr.FewIds.PAD),
    ),
    "balanced shares": KilledRun(
        lambda _: chained(cr.Shuffle(), cr.FixedSize(STEP)),
        split=lambda _: cr.Balanced(),
        events=(Event(290, lambda dealer, _: dealer.adopt_cost(cr.Cost(40, 1))),),
        accumulations=(1, 2),
    ),
    "balanced under a cap": KilledRun(
        lambda _: chained(cr.Shuffle(), cr.SortedWindows(120), cr.TokenBudget(2048)),
        split=lambda _: cr.Balanced(max_tokens=200, few_ids=cr.FewIds.PAD),
    ),
    "balanced packs": KilledRun(
        lambda _: chained(cr.Shuffle(), cr.FixedSize(STEP)),
        split=lambda _: cr.BalancedPacked(400, cost=cr.Cost(50, 1), few_ids=cr.FewIds.PAD),
    ),
    "mixture": KilledRun(
        lambda _: chained(cr.Mixture("source", cr.Temperature(3.0)), cr.SortedWindows(48), cr.TokenBudget(128)), "drawn"
    ),
    "mixture under a schedule": KilledRun(scheduled_mixture, "drawn"),
    "mixture of orders": KilledRun(
        lambda _: chained(
            cr.Mixture(
                {"half": cr.RandomSubset(0.5), "shards": cr.ShardShuffle(2), "twice": cr.Repeat(cr.Shuffle(), times=2)},
                {"half": 1, "shards": 2, "twice": 0.5},
            ),
            cr.FixedSize(BATCH),
        ),
        "drawn",
    ),
    "weighted": KilledRun(lambda _: chained(cr.Weighted(), cr.FixedSize(BATCH)), "drawn"),
    "systematic weights": KilledRun(
        lambda _: chained(cr.SystematicWeighted(epoch_samples=800), cr.FixedSize(BATCH)), "drawn"
    ),
    "curriculum": KilledRun(
        lambda _: chained(cr.Curriculum("length", cr.Pacing(warmup_samples=700)), cr.FixedSize(BATCH)), "drawn"
    ),
    "learned weights": KilledRun(
        lambda folder: chained(cr.LossWeighted(artefact=folder / "losses"), cr.FixedSize(BATCH)),
        "drawn",
        signals=("loss",),
        epochs=3,
    ),
    "learned weights in the state": KilledRun(
        lambda _: chained(cr.ImportanceSampled(), cr.FixedSize(BATCH)), "drawn", signals=("loss",), epochs=3
    ),
    "kept scores": KilledRun(
        lambda folder: chained(
            cr.ScoreWeighted(cr.Variance()),
            cr.KeepScores((cr.Variance(), cr.Ema(0.75, "margin")), artefact=cr.ArtefactFolder(folder / "scores", 40)),
            cr.FixedSize(BATCH),
        ),
        "drawn",
        signals=("loss", "margin"),
        epochs=3,
    ),
    "bad pairs": KilledRun(
        lambda _: chained(cr.Shuffle(), cr.BadPairs(1), cr.FixedSize(BATCH)), signals=("loss",), epochs=3
    ),
    "a batch that grows": KilledRun(
        lambda _: chained(cr.Shuffle(), cr.RampedSize(STEP)),
        split=lambda _: cr.Balanced(),
        events=(
            Event(300, lambda dealer, _: dealer.adopt_batch_size(72)),
            Event(1020, lambda dealer, _: dealer.adopt_batch_size(24)),
        ),
        accumulations=(1, 2),
    ),
    "negatives drawn": KilledRun(
        lambda _: chained(
            cr.Shuffle(),
            cr.ListedNegatives(2, "mined", cr.Pick.IN_TURN),
            cr.RandomNegatives(2, ITEMS),
            cr.FixedSize(BATCH),
        )
    ),
    "negatives refreshed": KilledRun(
        lambda _: chained(cr.Shuffle(), cr.MinedNegatives(2, mined(0)), cr.FixedSize(BATCH)),
        events=(
            Event(300, adopt("mined_negatives", 1)),
            Event(1020, adopt("mined_negatives", 2)),
        ),
        accumulations=(1, 2),
    ),
    "clusters refreshed": KilledRun(
        lambda _: chained(cr.NegativeAware(), cr.FixedSize(BATCH)),
        events=(Event(300, adopt("negative_aware", 1)), Event(1300, adopt("negative_aware", 2))),
        accumulations=(1, 2),
        epochs=3,
    ),
    "free of conflicts": KilledRun(lambda _: chained(cr.Shuffle(), cr.ConflictFree(5, over_ranks=False))),
    "one topic a batch": KilledRun(lambda _: chained(cr.Shuffle(), cr.TopicBatches(BATCH, "source", 2))),
}

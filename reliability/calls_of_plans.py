"""Orders, batches, splits and what they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import croupier as cr
from croupier import recipes
from reliability.public_call import ROWS, Call, built, deals, method, table

__all__ = ["calls"]

FIXED = cr.FixedSize(4)


def ordered(order: Any) -> Any:
    return deals(order, FIXED)


def cut(stage: Any) -> Any:
    return deals(cr.Shuffle(), stage)


def shared(shares: Any) -> Any:
    return ordered(cr.Mixture("source", shares))


def halves() -> list[Any]:
    return [cr.Subset(cr.Shuffle(), range(12)), cr.Subset(cr.Sequential(), range(12, ROWS))]


def calls() -> Iterator[Call]:
    yield from _orders()
    yield from _batches()
    yield from _core()
    yield from _recipes()


def _orders() -> Iterator[Call]:
    yield built(lambda: cr.Chronological("reward"), ordered)
    yield built(lambda: cr.ClassBalanced("source", cr.Uniform(), cr.Proportional()), ordered)
    yield built(lambda: cr.Concat(halves()), ordered)
    yield built(lambda: cr.Curriculum("length", cr.Pacing(10)), ordered)
    yield built(lambda: cr.Pacing(10), lambda pacing: ordered(cr.Curriculum("length", pacing)))
    yield method("Pacing.__call__", lambda: cr.Pacing(10), lambda: {"samples": 5})
    yield built(lambda: cr.Evaluation(5), ordered)
    yield built(lambda: cr.Exclude(cr.Shuffle(), [1, 2]), ordered)
    yield built(lambda: cr.GrainShuffle(5), ordered)
    yield built(lambda: cr.Interleave(halves()), ordered)
    yield built(lambda: cr.LiveWeighted("weight", 20), ordered)
    yield built(lambda: cr.MegatronBlend("source", [2, 3, 3], 20), ordered)
    yield built(lambda: cr.Mixture("source", cr.Temperature(2.0), cr.Proportional(), 20, "length"), ordered)
    yield built(lambda: cr.PerClass("source", 2, 2), deals)
    yield built(lambda: cr.RandomSubset(0.5), ordered)
    yield built(lambda: cr.Repeat(cr.Shuffle(), 2), ordered)
    yield built(lambda: cr.Selection([3, 1, 2], [1.0, 2.0, 0.5]), ordered)
    yield built(cr.Sequential, ordered)
    yield built(lambda: cr.ShardShuffle(2), ordered)
    yield built(cr.Shuffle, ordered)
    # A range is described by its bounds, not by its numbers, of which there may be too many.
    yield built(lambda: cr.Subset(cr.Shuffle(), [4, 9, 2, 3]), ordered, by_kind=frozenset({"rows"}))
    yield built(lambda: cr.SystematicWeighted("weight", 20), ordered)
    yield built(lambda: cr.TrajectoryWeighted("reward", "query", 0.5, "item"), ordered)
    yield method(
        "TrajectoryWeighted.transition_weights", lambda: cr.TrajectoryWeighted("reward", "query"),
        lambda: {"table": table()},
    )  # fmt: skip
    yield built(lambda: cr.Weighted("weight", 20), ordered)
    yield built(lambda: cr.WeightedSubset(10, "weight"), ordered)
    yield built(lambda: cr.Anneal(2.0, 1.0, 4, 20, 3), shared)
    yield built(lambda: cr.Cooldown(10, 3.0, 1.0), shared)
    yield built(lambda: cr.Stages([(0, cr.Uniform()), (10, {"0": 1, "1": 2, "2": 1})]), shared)
    yield built(lambda: cr.EffectiveNumber(0.9), shared)
    yield built(cr.Proportional, shared)
    yield built(lambda: cr.Temperature(2.0), shared)
    yield built(lambda: cr.UniMax(2.0, 20), shared)
    yield built(cr.Uniform, shared)
    yield Call(
        "in_table_order", cr.in_table_order,
        lambda: {"ids": [2, 0, 1, 0], "results": [0.2, 0.0, 0.1, 0.0], "rows": 3,
                 "is_padding": [False, False, False, True]},
    )  # fmt: skip


def _batches() -> Iterator[Call]:
    shapes = cr.Shapes(((8,), (100,)), (4, 2))
    yield built(lambda: cr.FixedShapes(shapes), cut)
    yield built(lambda: shapes, lambda given: cut(cr.FixedShapes(given)))
    yield Call(
        "Shapes.within_budget", cr.Shapes.within_budget,
        lambda: {"table": table(), "shapes": 2, "max_tokens": 128, "length": "length", "multiple_of": 2,
                 "outliers": None},
        lambda given: cut(cr.FixedShapes(given)),
    )  # fmt: skip
    yield method("Shapes.save", lambda: shapes, lambda: {"path": "shapes.json"})
    yield Call("Shapes.load", _saved_shapes, lambda: {"path": "shapes.json"})
    yield built(lambda: cr.FixedSize(4), cut)
    yield built(lambda: cr.GroupBy("source"), lambda stage: deals(cr.Shuffle(), stage, FIXED))
    yield built(lambda: cr.LengthBuckets(2, "length", 2), lambda stage: deals(cr.Shuffle(), stage, FIXED))
    yield built(
        lambda: cr.RateOutliers(2.0),
        lambda given: deals(cr.Shuffle(), cr.LengthBuckets(2, ("length", "tokens"), outliers=given), FIXED),
    )
    yield built(lambda: cr.Pack(40, 2), cut)
    yield built(lambda: cr.RampedSize(cr.BatchSizeRamp([(0, 2), (8, 4)])), cut)
    yield built(lambda: cr.SortedWindows(8), lambda stage: deals(cr.Shuffle(), stage, FIXED))
    yield built(lambda: cr.Temporal(4, ("query", "item"), "reward"), lambda s: deals(cr.Chronological("reward"), s))
    yield built(lambda: cr.TokenBudget(64, 8, 2), cut)
    for make in (lambda: cr.Balanced(100, 2), lambda: cr.BalancedPacked(100, 2), lambda: cr.Lockstep(2)):
        yield built(make, lambda split: deals(cr.Shuffle(), cr.FixedSize(8), split=split))
    yield built(lambda: cr.Cost(3, 1), lambda cost: deals(cr.Shuffle(), FIXED, split=cr.Balanced(cost=cost)))
    yield method("Cost.of", cr.Cost, lambda: {"lengths": np.array([3, 5])})


def _saved_shapes(path: Any) -> cr.Shapes:
    cr.Shapes(((8,), (100,)), (4, 2)).save("shapes.json")
    return cr.Shapes.load(path)


def _core() -> Iterator[Call]:
    yield Call(
        "chain", lambda first, second, name, segment_ids: cr.chain(first, second, name=name, segment_ids=segment_ids),
        lambda: {"first": cr.Shuffle(), "second": FIXED, "name": "mine", "segment_ids": 16}, _dealt,
    )  # fmt: skip
    yield built(lambda: cr.Chain((cr.Shuffle(), FIXED), "mine", 16), _dealt)
    yield method("Chain.epoch_size", lambda: cr.chain(cr.Shuffle()), lambda: {"table": table(), "epoch": 0})
    yield Call("Table", cr.Table, lambda: {"size": 3, "length": [3, 1, 2], "name": ["a", "b", "a"]}, _used_table)
    yield Call("Table.from_shards", cr.Table.from_shards, lambda: {"counts": [2, 1], "length": [3, 1, 2]}, _used_table)
    yield Call("Table.from_arrow", cr.Table.from_arrow, lambda: {"table": _arrow(), "columns": ["length"]}, _used_table)
    yield Call(
        "Table.from_parquet", _from_parquet, lambda: {"path": "table.parquet", "columns": ["length"]}, _used_table
    )
    yield Call(
        "Table.from_dataset", cr.Table.from_dataset, lambda: {"dataset": _Dataset(), "columns": ["length"]}, _used_table
    )
    yield method("Table.column", table, lambda: {"name": "length"})
    yield method("Table.counts", table, lambda: {"name": "source"})
    yield method("Table.prefix", table, lambda: {"rows": 5}, use=_used_table)
    yield Call("Batches.of", cr.Batches.of, lambda: {"indices": [3, 1, 2], "sizes": [2, 1]}, list)
    yield Call("Key", lambda seed: cr.Key(seed).bits, lambda: {"seed": 7})
    yield Call("Key.child", lambda name: cr.Key(7).child(name).bits, lambda: {"name": "shuffle"})
    yield method("Cursor.at_epoch", cr.Cursor, lambda: {"epoch": 2})
    yield Call("Cursor.from_dict", cr.Cursor.from_dict, lambda: {"values": cr.Cursor().to_dict()})
    yield method("Ledger.ids", cr.Ledger, lambda: {"event": "dropped"})
    yield Call("Ledger.of", cr.Ledger.of, lambda: {"stage": "mine", "event": "dropped", "ids": 3, "tokens": 4}, str)


def _dealt(plan: Any) -> Any:
    dealer = cr.Dealer(plan, table(), seed=3)
    return [deal.ids for deal in dealer]


def _used_table(facts: cr.Table) -> Any:
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(2))
    repr(facts)
    return facts.columns, facts.categories, [deal.ids for deal in cr.Dealer(plan, facts, seed=0)]


def _arrow() -> Any:
    import pyarrow as pa

    return pa.table({"length": [3, 1, 2], "name": ["a", "b", "a"]})


def _from_parquet(path: Any, columns: Any) -> cr.Table:
    from pyarrow import parquet

    parquet.write_table(_arrow(), "table.parquet")
    return cr.Table.from_parquet(path, columns)


class _Dataset:
    """What a Hugging Face dataset offers."""

    column_names = ("length",)

    def __len__(self) -> int:
        return 3

    def with_format(self, _: str) -> dict[str, np.ndarray]:
        return {"length": np.array([3, 1, 2])}


def _recipes() -> Iterator[Call]:
    yield Call("recipes.shuffled", recipes.shuffled, lambda: {"batch_size": 4, "drop_last": True}, _dealt)
    yield Call(
        "recipes.length_grouped", recipes.length_grouped,
        lambda: {"max_tokens": 64, "window_ids": 8, "length": "length"}, _dealt,
    )  # fmt: skip
    yield Call(
        "recipes.bucketed", recipes.bucketed, lambda: {"max_tokens": 64, "buckets": 2, "length": "length"}, _dealt
    )
    yield Call("recipes.class_balanced", recipes.class_balanced, lambda: {"label": "source", "batch_size": 4}, _dealt)
    yield Call(
        "recipes.mixed", recipes.mixed,
        lambda: {"source": "source", "shares": cr.Uniform(), "max_tokens": 64, "window_ids": 8, "length": "length"},
        _dealt,
    )  # fmt: skip
    yield Call("recipes.packed", recipes.packed, lambda: {"max_tokens": 40, "length": "length"}, _dealt)
    yield Call("recipes.evaluation", recipes.evaluation, lambda: {"batch_size": 4, "world_size": 2}, _dealt)

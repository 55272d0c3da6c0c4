"""Negatives, mining, graphs and walks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import uuid4

import numpy as np

import croupier as cr
from reliability.public_call import ROWS, Call, built, deals, method, ring, table

__all__ = ["calls"]

FIXED = cr.FixedSize(4)
CORPUS = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]], np.float32)


def known() -> cr.KnownPositives:
    return cr.KnownPositives.of([0, 0, 1], [2, 0, 1])


def calls() -> Iterator[Call]:
    yield from _stages()
    yield from _positives()
    yield from _mining()
    yield from _graphs()


def row_stage(stage: Any) -> Any:
    return deals(cr.Shuffle(), stage, FIXED)


def _stages() -> Iterator[Call]:
    yield built(lambda: cr.ConflictFree(4, cr.Pairs(), None, False), lambda stage: deals(cr.Shuffle(), stage))
    yield method("ConflictFree.least_batches", lambda: cr.ConflictFree(4), lambda: {"table": table(), "world_size": 2})
    yield built(lambda: cr.CorruptedTriples(2, 40, ("query", "source", "item"), np.array([[0, 0, 1]])), row_stage)
    yield built(lambda: cr.InBatchNegatives(1), lambda stage: deals(cr.Shuffle(), cr.FixedSize(6), stage))
    yield built(lambda: cr.ListedNegatives(2, "mined"), row_stage)
    yield built(lambda: cr.MarginBalanced(np.arange(ROWS + 1) * 2, np.arange(ROWS * 2) % 7 / 2, 3), row_stage)
    yield built(lambda: cr.MinedNegatives(1, _mined()), row_stage)
    yield built(cr.NegativeAware, lambda stage: deals(stage, FIXED))
    yield built(lambda: cr.RandomNegatives(2, 40), row_stage)
    yield built(lambda: cr.TopicBatches(4, "source", 2), lambda stage: deals(cr.Shuffle(), stage))
    yield built(lambda: cr.Pairs("query", "item", known()), lambda p: row_stage(cr.RandomNegatives(2, 40, p)))
    yield method("Pairs.known_in", cr.Pairs, lambda: {"table": table()}, use=_pairs)
    yield built(lambda: cr.Candidates(17, np.arange(1, 18)), lambda given: row_stage(cr.RandomNegatives(2, given)))
    yield Call(
        "Candidates.by_popularity", cr.Candidates.by_popularity,
        lambda: {"counts": [0, 1, 16], "exponent": 0.5, "before": None, "same_group": None},
    )  # fmt: skip
    yield built(
        lambda: cr.Before("reward", np.full(17, -1.0)),
        lambda given: row_stage(cr.RandomNegatives(2, _few(before=given))),
    )
    yield built(
        lambda: cr.SameGroup("source", np.arange(17) % 3),
        lambda given: row_stage(cr.RandomNegatives(2, _few(same_group=given))),
    )
    yield Call(
        "append_negatives", _appended, lambda: {"items": np.arange(6).reshape(3, 2), "log_q": np.full((3, 2), 0.5)}
    )


def _few(**more: Any) -> cr.Candidates:
    return cr.Candidates(17, **more)


def _appended(items: Any, log_q: Any) -> Any:
    from croupier.negatives.appending import Negatives

    return cr.append_negatives(cr.Batches.of([3, 1, 2]), Negatives(items, log_q)).columns


def _mined() -> cr.Mined:
    return cr.Mined(
        np.arange(8), np.arange(24).reshape(8, 3) % 17, np.ones((8, 3), np.float32), np.ones(8, np.float32), 17
    )


def _positives() -> Iterator[Call]:
    yield Call("KnownPositives.of", cr.KnownPositives.of, lambda: {"queries": [0, 0, 1], "items": [2, 0, 1]}, _pairs)
    yield method("KnownPositives.of_query", known, lambda: {"query": 0})
    for name in ("contains", "may_contrast", "pairs_among"):
        yield method(f"KnownPositives.{name}", known, lambda: {"queries": [0, 1], "items": [2, 2]})
    yield Call("content_ids", lambda first: cr.content_ids(first, ["b", "c"]), lambda: {"first": ["a", "b"]})
    yield Call(
        "NegativeSampler", cr.NegativeSampler, lambda: {"candidates": 4, "known": known()},
        lambda made: made.draw([0, 1], 2, key=cr.Key(0)).items,
    )  # fmt: skip
    yield method(
        "NegativeSampler.draw", lambda: cr.NegativeSampler(cr.Candidates(4, before=cr.Before("at", np.arange(4))),
                                                           known()),
        lambda: {"queries": [0, 1], "per_query": 2, "key": cr.Key(0), "first": 0, "facts": {"at": [3, 2]}},
    )  # fmt: skip
    yield method("NegativeSampler.has_negative", lambda: cr.NegativeSampler(4, known()), lambda: {"queries": [0, 1]})
    both = frozenset({"relevance", "observed"})  # numbers, arrays and tensors are taken, lists are not
    values = {"relevance": 0.9, "observed": 0.25}
    yield Call("negative_posterior", cr.negative_posterior, values.copy, by_kind=both)
    values_of_labels = {"observed": 0.25, "largest": 10.0}
    yield Call("inverse_propensity", cr.inverse_propensity, values_of_labels.copy, by_kind=both)
    yield Call(
        "EmbeddingBank", cr.EmbeddingBank, lambda: {"rows": 3, "dimension": 2, "path": None, "dtype": np.float32},
        lambda bank: bank.embeddings,
    )  # fmt: skip
    yield method(
        "EmbeddingBank.report", lambda: cr.EmbeddingBank(4, 2),
        lambda: {"ids": [2, 0], "embeddings": [[1.0, 2.0], [3.0, 4.0]]}, use=lambda bank: bank.embeddings,
    )  # fmt: skip


def _pairs(found: cr.KnownPositives) -> Any:
    return found.pairs


def _mining() -> Iterator[Call]:
    yield built(
        lambda: cr.Mined(np.array([0, 1]), [[2, 3], [3, 1]], np.ones((2, 2)), np.ones(2), 4),
        lambda found: (found.query_ids, found.items),
    )
    yield method("Mined.save", _mined, lambda: {"folder": f"mined-{uuid4()}"}, use=lambda _: None)
    yield Call("Mined.load", cr.Mined.load, lambda: {"folder": _saved(_mined(), "mined-once")})
    yield built(lambda: cr.Clusters(np.array([2, 0, 1]), np.array([0, 1, 3])), lambda found: found.of_row)
    yield method("Clusters.with_rows", _clusters, lambda: {"rows": 5}, use=lambda found: found.of_row)
    yield method("Clusters.save", _clusters, lambda: {"folder": f"clusters-{uuid4()}"}, use=lambda _: None)
    yield Call("Clusters.load", cr.Clusters.load, lambda: {"folder": _saved(_clusters(), "clusters-once")})
    yield Call(
        "balanced_clusters", cr.balanced_clusters,
        lambda: {"embeddings": [[0.5], [9.0], [0.25], [9.5]], "cluster_size": 2, "key": cr.Key(0), "rounds": 2},
        lambda found: found.of_row,
    )  # fmt: skip
    yield built(lambda: cr.Queries(np.array([7]), CORPUS[:1]), lambda q: cr.mine(q, CORPUS, _of_seven()).items)
    yield Call(
        "mine", cr.mine,
        lambda: {"queries": cr.Queries([7], CORPUS[:1]), "corpus": CORPUS, "known": _of_seven(),
                 "rules": cr.MiningRules(2), "search": cr.ExactSearch(), "rescore": None},
        lambda found: (found.items, found.scores),
    )  # fmt: skip
    yield built(lambda: cr.MiningRules(2), _mine_by)
    yield built(lambda: cr.RankWindow(0, 3), lambda window: _mine_by(cr.MiningRules(2, window)))
    yield built(lambda: cr.ScoreLimits(0.9, 0.1, 0.01), lambda limits: _mine_by(cr.MiningRules(2, limits=limits)))
    yield built(cr.Hardest, lambda choice: _mine_by(cr.MiningRules(2, choice=choice)))
    yield built(lambda: cr.RandomOfWindow(3), lambda choice: _mine_by(cr.MiningRules(2, choice=choice)))
    yield built(lambda: cr.ExactSearch(2**20), lambda search: _near(search.over(CORPUS)))
    yield method("ExactSearch.over", cr.ExactSearch, lambda: {"corpus": CORPUS}, use=_near)


def _clusters() -> cr.Clusters:
    return cr.Clusters(np.array([2, 0, 1]), np.array([0, 1, 3]))


def _saved(found: Any, folder: str) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    found.save(folder)
    return folder


def _of_seven() -> cr.KnownPositives:
    return cr.KnownPositives.of([7], [1])


def _mine_by(rules: Any) -> Any:
    return cr.mine(cr.Queries([7], CORPUS[:1]), CORPUS, _of_seven(), rules).items


def _near(searcher: Any) -> Any:
    width = 64 if hasattr(searcher, "index") and searcher.index.d == 64 else 2
    return searcher.nearest(np.eye(width, dtype=np.float32)[:1], 1).items


def _graphs() -> Iterator[Call]:
    yield built(lambda: cr.Graph(np.array([0, 1, 3]), np.array([1, 0, 1])), lambda graph: (graph.nodes, graph.degrees))
    yield Call(
        "Graph.from_edges", cr.Graph.from_edges,
        lambda: {"sources": [0, 1, 2], "targets": [1, 2, 3], "weights": [1.0, 2.0, 1.0], "times": [3, 1, 2], "nodes": 4,
                 "undirected": True},
        lambda graph: (graph.targets, graph.digest),
    )  # fmt: skip
    yield method("Graph.neighbours", ring, lambda: {"node": 2})
    yield built(lambda: cr.Partition(np.array([0, 1, 1]), 2))
    yield Call("Partition.by_weight", cr.Partition.by_weight, lambda: {"weights": [4, 3, 2, 1], "parts": 2})
    yield method("Partition.sums", _partition, lambda: {"weights": [4, 3, 2, 1]})
    yield method("Partition.members", _partition, lambda: {"part": 1})
    yield built(lambda: cr.BlockPairs(np.array([0, 1]), np.array([1, 2]), np.array([0, 2]), 1))
    yield Call(
        "BlockPairs.of", cr.BlockPairs.of,
        lambda: {"heads": [0, 1, 3], "tails": [1, 2, 2], "partition": _partition(), "of_tails": None},
    )  # fmt: skip
    yield method(
        "BlockPairs.block", lambda: cr.BlockPairs.of([0, 1, 3], [1, 2, 2], _partition()), lambda: {"head": 0, "tail": 1}
    )
    yield built(lambda: cr.BlockSchedule(4, 2, False), lambda schedule: [len(schedule), next(iter(schedule))])
    yield Call(
        "double_buffered", cr.double_buffered, lambda: {"pools": [1, 2, 3]}, lambda pools: len(list(islice(pools, 9)))
    )
    yield built(lambda: cr.LinkNeighbours(_path(), [2, 2]), lambda sampler: sampler.draw([1], [2], key=cr.Key(0)).nodes)
    yield method(
        "LinkNeighbours.draw", lambda: cr.LinkNeighbours(_path(), [2, 2]),
        lambda: {"heads": [0, 1], "tails": [1, 2], "key": cr.Key(0), "ids": [0, 1], "times": [3, 3]},
    )  # fmt: skip
    yield built(lambda: cr.RandomWalks(ring(), 3, 0.5, 2.0), _walked)
    yield built(lambda: cr.WalkPairs(2, "walk"), row_stage)


def _walked(walks: Any) -> Any:
    return deals(cr.Sequential(), walks, facts=cr.Table(size=ROWS))


def _path() -> cr.Graph:
    return cr.Graph.from_edges([0, 1, 2], [1, 2, 3], times=[1, 2, 3])


def _partition() -> cr.Partition:
    return cr.Partition.by_weight([4, 3, 2, 1], 2)

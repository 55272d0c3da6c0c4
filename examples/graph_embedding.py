"""Embed the nodes of a graph by random walks, in threads that never share a row; judge it on held-out links.

Source: Zhu et al., "GraphVite: a high-performance CPU-GPU hybrid system for node embedding" (WWW 2019, 1903.00757). Its
parts are index arithmetic, so they serve threads as well as devices: walks become pairs, dealt apart; pairs of a pool
are sorted into blocks by the parts of both nodes; workers train orthogonal blocks; negatives come from the worker's own
part of the tails, by degree**0.75; the next pool is made while one is trained. Our reading: rates, sizes, and the
score of a link, the mean of both directions.

A round's blocks share no row, and a block's negatives are hashes of its pool and place: any number of threads gives the
same embedding, bit for bit.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

import croupier as cr

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Training:
    """Walks from each node, edges a walk, edges between the nodes of a pair, and how vectors are trained."""

    epochs: int = 5
    steps: int = 20
    window: int = 3
    dimensions: int = 32
    negatives: int = 3
    rate: float = 0.05


def pools(graph: cr.Graph, partition: cr.Partition, training: Training, seed: int) -> Iterator[cr.BlockPairs]:
    """The pairs of 4096 walks at a time, sorted into blocks: a plan that does not cut deals a segment as one batch."""
    walks = cr.RandomWalks(graph, training.steps)
    plan = cr.chain(cr.Shuffle(), walks, cr.WalkPairs(training.window), segment_ids=2**12)
    dealer = cr.Dealer(plan, cr.Table(size=graph.nodes), seed=seed)
    for _ in range(training.epochs):
        for deal in dealer:
            yield cr.BlockPairs.of(deal.columns["head"], deal.columns["tail"], partition)


@numba.njit(nogil=True, fastmath={"reassoc"})  # sums in any order: all threads run the same code
def train_block(heads, tails, pairs, members, running, key, rate, negatives):  # noqa: ANN001, ANN201
    """One pass of stochastic gradient descent over a block's pairs, with negatives from its part of the tails."""
    for i in range(pairs[0].size):
        head = heads[pairs[0][i]]
        change = np.zeros_like(head)
        for draw in range(negatives + 1):
            row = np.int64(pairs[1][i])
            if draw > 0:
                bits = key + np.uint64(i * negatives + draw) * np.uint64(0x9E3779B97F4A7C15)
                bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                point = np.float64(bits >> np.uint64(11)) / 2.0**53 * running[-1]
                row = members[np.searchsorted(running, point, side="right")]
            score = np.float32(0)
            for d in range(head.size):
                score += head[d] * tails[row, d]
            step = np.float32(rate * ((draw == 0) - 1 / (1 + np.exp(-score))))
            for d in range(head.size):
                change[d] += step * tails[row, d]
                tails[row, d] += step * head[d]
        head += change


def embed(
    graph: cr.Graph, training: Training, *, parts: int = 4, threads: int = 2, seed: int = 0
) -> tuple[Float32, Float32]:
    """The vectors of all nodes as heads and as tails, each of shape (nodes, dimensions)."""
    partition = cr.Partition.by_weight(graph.degrees, parts)
    members = [partition.members(part) for part in range(parts)]
    running = [np.cumsum(graph.degrees[nodes] ** 0.75) for nodes in members]
    bits = cr.draws(cr.Key(seed).child("heads").bits, np.arange(graph.nodes * training.dimensions))
    heads = ((bits >> 40) / 2.0**24 - 0.5).astype(np.float32).reshape(graph.nodes, -1) / training.dimensions
    tails = np.zeros_like(heads)
    schedule = cr.BlockSchedule(parts, workers=parts)
    total = training.epochs * -(-graph.nodes // 2**12)
    with ThreadPoolExecutor(threads) as workers:
        for number, pool in enumerate(cr.double_buffered(pools(graph, partition, training, seed))):
            rate = training.rate * max(1e-2, 1 - number / total)

            def train(block: cr.Block, pool: cr.BlockPairs = pool, number: int = number, rate: float = rate) -> None:
                key = np.uint64(cr.Key(seed).child("negatives", number, block.head, block.tail).bits)
                pairs, tail = pool.block(block.head, block.tail), block.tail
                train_block(heads, tails, pairs, members[tail], running[tail], key, rate, training.negatives)

            for blocks in schedule:
                list(workers.map(train, blocks))  # the workers meet here
    return heads, tails


def hold_out(sources: Int64, targets: Int64, nodes: int, share: float, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Which edges to keep for the test, of those whose nodes have three or more."""
    degrees = np.bincount(np.concatenate([sources, targets]), minlength=nodes)
    is_drawn = cr.draws(cr.Key(seed).child("held out").bits, np.arange(sources.size)) < np.uint64(share * 2**63) * 2
    return is_drawn & (np.minimum(degrees[sources], degrees[targets]) >= 3)


def link_auc(vectors: tuple[Float32, Float32], sources: Int64, targets: Int64, seed: int = 0) -> float:
    """How often a held-out link scores above its source with the target of another link."""
    heads, tails = vectors
    others = targets[np.argsort(cr.draws(cr.Key(seed).child("others").bits, np.arange(targets.size)))]
    link, other = (
        (heads[sources] * tails[ends]).sum(axis=1) + (tails[sources] * heads[ends]).sum(axis=1)
        for ends in (targets, others)
    )
    return float(np.mean(link > other) + np.mean(link == other) / 2)


def communities(count: int = 50, size: int = 20, seed: int = 0) -> tuple[Int64, Int64]:
    """Edges of groups that hang together within, and loosely in a ring."""
    first = np.repeat(np.arange(count * size), 6)
    bits = cr.draws(seed, np.arange(first.size)) >> np.uint64(8)
    group = first // size + (bits % 20 == 0)
    second = group % count * size + (bits // 20 % size).astype(np.int64)
    return first, second


if __name__ == "__main__":
    sources, targets = np.load(sys.argv[1]) if len(sys.argv) > 1 else communities()
    nodes = int(max(sources.max(), targets.max())) + 1
    is_test = hold_out(sources, targets, nodes, 0.1)
    graph = cr.Graph.from_edges(sources[~is_test], targets[~is_test], nodes=nodes)
    for threads in (1, 2):
        begin = time.perf_counter()
        vectors = embed(graph, Training(), threads=threads)
        taken, auc = time.perf_counter() - begin, link_auc(vectors, sources[is_test], targets[is_test])
        print(f"{threads} threads: {taken:.1f} s, AUC {auc:.4f}, checksum {np.abs(vectors[0]).sum(dtype=float):.9f}")

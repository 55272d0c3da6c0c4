"""Sample the neighbourhoods of links: some neighbours of both nodes, some of theirs, without replacement.

A subset of the neighbours is drawn by Floyd's algorithm (Bentley and Floyd, "Programming pearls: a sample of
brilliance", 1987): exactly uniform among all subsets of its size, in as many draws as it has items.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel
from croupier.kernels.mixing import GOLDEN, below, mixed

__all__ = ["most_nodes", "sample_neighbours"]

Int64 = npt.NDArray[np.int64]
Whole = npt.NDArray[np.signedinteger[Any]]
Links = tuple[Int64, Int64, Int64, Int64]
Rows = tuple[Whole, Whole, Int64]
Found = tuple[Int64, Int64, Int64, Int64]

CHUNK_NODES = 2**20


def _place_of(targets: Whole, begin: Any, length: Any, node: Any) -> Any:
    """Where in a sorted row a node is, or -1."""
    place, left = begin, length
    while left > 1:
        half = left >> 1
        place += half if targets[place + half - 1] < node else 0
        left -= half
    return place - begin if left == 1 and targets[place] == node else np.int64(-1)


def _local(node: Any, link: Any, table: Int64, found: Int64, count: Any) -> Any:
    """The place of a node among those found for this link; ``count``, where it goes if it is new."""
    mask = table.shape[1] - 1
    slot = np.int64(mixed(np.uint64(node + 1) * GOLDEN) & np.uint64(mask))
    while table[0, slot] == link:
        if found[table[1, slot]] == node:
            return table[1, slot]
        slot = (slot + 1) & mask
    table[0, slot], table[1, slot] = link, count
    return count


def _sample_loop(key: np.uint64, links: Links, rows: Rows, fan_outs: Int64, table: Int64, found: Found) -> None:
    ids, heads, tails, until = links
    offsets, targets, times = rows
    nodes, sources, sinks, counts = found
    longest = np.int64(0)
    if times.size > 0:
        for node in range(offsets.size - 1):
            longest = max(longest, np.int64(offsets[node + 1] - offsets[node]))
    early, chosen = np.empty(longest, np.int64), np.empty(fan_outs.max(), np.int64)
    count, edges = np.int64(0), np.int64(0)
    for link in range(ids.size):
        link_key = mixed(key + np.uint64(ids[link] + 1) * GOLDEN)
        first = count
        for node in (heads[link], tails[link]):
            place = _local(node, link, table, nodes, count)
            nodes[place] = node
            count = max(count, place + 1)
        for hop in range(fan_outs.size):
            last = count
            for here in range(first, last):
                node = nodes[here]
                begin = np.int64(offsets[node])
                length = np.int64(offsets[node + 1]) - begin
                # The link itself, from either side, must not be seen: it is what is to be predicted.
                other = tails[link] if node == heads[link] else heads[link] if node == tails[link] else np.int64(-1)
                barred = _place_of(targets, begin, length, other)
                eligible = length - (1 if barred >= 0 else 0)
                if times.size > 0:
                    eligible = np.int64(0)
                    for place in range(length):
                        if place != barred and times[begin + place] <= until[link]:
                            early[eligible] = place
                            eligible += 1
                taken = min(eligible, fan_outs[hop])
                node_key = mixed(link_key + np.uint64(node + 1) * GOLDEN)
                for draw in range(taken):
                    rank = eligible - taken + draw
                    drawn = np.int64(below(mixed(node_key + np.uint64(draw + 1) * GOLDEN), np.uint64(rank + 1)))
                    is_new = True
                    for before in range(draw):
                        if chosen[before] == drawn:
                            is_new = False
                    rank = drawn if is_new else rank
                    chosen[draw] = rank
                    if times.size > 0:
                        rank = early[rank]
                    elif 0 <= barred <= rank:
                        rank += 1
                    neighbour = np.int64(targets[begin + rank])
                    place = _local(neighbour, link, table, nodes, count)
                    nodes[place] = neighbour
                    count = max(count, place + 1)
                    sources[edges], sinks[edges] = place, here
                    edges += 1
            first = last
        counts[2 * link], counts[2 * link + 1] = count, edges


def _sample_python(key: np.uint64, links: Links, rows: Rows, fan_outs: Int64, table: Int64, found: Found) -> None:
    with np.errstate(over="ignore"):
        _sample_loop(key, links, rows, fan_outs, table, found)


_sample = Kernel(_sample_loop, _sample_python)


def most_nodes(fan_outs: Int64) -> int:
    """The most nodes that a link's neighbourhood can have."""
    return int(2 + (2 * np.cumprod(fan_outs.astype(object))).sum())


def sample_neighbours(key: int, links: Links, rows: Rows, fan_outs: Int64) -> tuple[Int64, Int64, Int64]:
    """The neighbourhoods of links, one after another.

    Parameters
    ----------
    key : int
        64 bits.
    links : (ids, heads, tails, until)
        Int64 arrays of shape (n,): what the draws of a link are hashed with, its nodes, and up to when edges count;
        ``until`` is not read where edges have no times.
    rows : (offsets, targets, times)
        Edges by node, sorted; ``times`` empty where edges have none.
    fan_outs : int64 array of shape (hops,)

    Returns
    -------
    nodes : int64 array of shape (nodes,)
        For each link its head, its tail if that is another node, then others, each once.
    edges : int64 array of shape (2, edges)
        Places in ``nodes``: of the neighbour, and of the node that it was drawn for.
    offsets : int64 array of shape (n + 1,)
        Where the nodes of each link begin.

    Examples
    --------
    >>> one = np.array([0])
    >>> path = (np.array([0, 1, 3, 4]), np.array([1, 0, 2, 1]), np.empty(0, np.int64))  # 0 - 1 - 2
    >>> [v.tolist() for v in sample_neighbours(7, (one, one, one + 1, one), path, np.array([5]))]
    [[0, 1, 2], [[2], [1]], [0, 3]]
    """
    most = most_nodes(fan_outs)
    chunk = max(1, CHUNK_NODES // most)
    nodes: list[Int64] = []
    edges: list[Int64] = []
    ends = [np.zeros(1, np.int64)]
    before = 0
    for first in range(0, links[0].size, chunk):
        part = tuple(np.ascontiguousarray(values[first : first + chunk]) for values in links)
        size = part[0].size
        # A slot belongs to the link that is written in it, so the table need not be emptied between links.
        table = np.full((2, 1 << (2 * most - 1).bit_length()), -1, np.int64)
        found = (
            np.empty(size * most, np.int64), np.empty(size * most, np.int64), np.empty(size * most, np.int64),
            np.zeros(2 * size, np.int64),
        )  # fmt: skip
        _sample(np.uint64(key), (part[0], part[1], part[2], part[3]), rows, fan_outs, table, found)
        count, drawn = found[3][-2:].tolist()
        nodes.append(found[0][:count].copy())
        edges.append(before + np.stack([found[1][:drawn], found[2][:drawn]]))
        ends.append(before + found[3][::2])
        before += count
    if not nodes:
        return np.empty(0, np.int64), np.empty((2, 0), np.int64), ends[0]
    return np.concatenate(nodes), np.concatenate(edges, axis=1), np.concatenate(ends)

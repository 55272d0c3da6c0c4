"""Sample the neighbourhoods of links: some neighbours of both nodes, some of theirs, without replacement.

A subset of the neighbours is drawn by Floyd's algorithm (Bentley and Floyd, "Programming pearls: a sample of
brilliance", 1987): exactly uniform among all subsets of its size, in as many draws as it has items.

Where what was found outgrows its room, the loop stops, gets more, and goes on with the link it was at.
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
Tables = tuple[Int64, Int64, Int64]
Found = tuple[Int64, Int64, Int64, Int64]
Begun = tuple[int, int, int]
Needed = tuple[Any, Any, Any]

ROOM = 2**20
SLOTS = 2**9
"""What is found may have so much room from the start. It is given more where it needs more, not where it might."""
SCANNED = 32
"""Up to so many draws are compared one by one; more are looked up."""


def _place_of(targets: Whole, begin: Any, length: Any, node: Any) -> Any:
    """Where in a sorted row a node is, or -1."""
    place, left = begin, length
    while left > 1:
        half = left >> 1
        place += half if targets[place + half - 1] < node else 0
        left -= half
    return place - begin if left == 1 and targets[place] == node else np.int64(-1)


def _local(node: Any, owner: Any, table: Int64, found: Int64, count: Any) -> Any:
    """The place of a node among those that an owner has found; ``count``, where it goes if it is new."""
    mask = table.shape[1] - 1
    slot = np.int64(mixed(np.uint64(node + 1) * GOLDEN) & np.uint64(mask))
    while table[0, slot] == owner:
        if found[table[1, slot]] == node:
            return table[1, slot]
        slot = (slot + 1) & mask
    table[0, slot], table[1, slot] = owner, count
    return count


def _subset(node_key: Any, taken: Any, eligible: Any, turn: Any, chosen: Int64, drawn_before: Int64) -> None:
    """Fill ``chosen`` by Floyd's rule: each draw is the rank drawn, or the last of its range, if that came before."""
    for draw in range(taken):
        last = eligible - taken + draw
        drawn = last
        is_new = True
        if taken < eligible:  # else all are taken, in their order
            bits = mixed(node_key + np.uint64(draw + 1) * GOLDEN)
            drawn = np.int64(below(bits, np.uint64(last + 1)))
            if taken <= SCANNED:
                for before in range(draw):
                    if chosen[before] == drawn:
                        is_new = False
            else:
                is_new = _local(drawn, turn, drawn_before, chosen, draw) == draw
                if not is_new:
                    _local(last, turn, drawn_before, chosen, draw)
        chosen[draw] = drawn if is_new else last


def _in_time(times: Int64, begin: Any, length: Any, barred: Any, until: Any, early: Int64) -> Any:
    """How many edges of a row were there by then, the barred one left out; their places go to ``early``."""
    count = np.int64(0)
    for place in range(length):
        if place != barred and times[begin + place] <= until:
            early[count] = place
            count += 1
    return count


def _sample_loop(
    key: np.uint64, links: Links, rows: Rows, fan_outs: Int64, tables: Tables, found: Found, begun: Begun
) -> tuple[Begun, Needed]:
    ids, heads, tails, until = links
    offsets, targets, times = rows
    table, drawn_before, early = tables
    nodes, sources, sinks, ends = found
    first_link, edges, turn = begun
    chosen = np.empty(fan_outs.max(), np.int64)
    count = ends[first_link]
    for link in range(first_link, ids.size):
        link_key = mixed(key + np.uint64(ids[link] + 1) * GOLDEN)
        first, edges_before = count, edges
        owner = turn = turn + 1
        if count + 2 > nodes.size:
            return (link, edges_before, turn), (count + 2, np.int64(0), np.int64(0))
        for node in (heads[link], tails[link]):
            place = _local(node, owner, table, nodes, count)
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
                barred = _place_of(targets, begin, length, other) if other >= 0 else np.int64(-1)
                eligible = length - (1 if barred >= 0 else 0)
                if times.size > 0:
                    if length > early.size:
                        return (link, edges_before, turn), (np.int64(0), np.int64(0), length)
                    eligible = _in_time(times, begin, length, barred, until[link], early)
                taken = min(eligible, fan_outs[hop])
                needed, slots = max(count, edges) + taken, 2 * (count - ends[link] + taken)
                if needed > nodes.size or slots > table.shape[1]:
                    return (link, edges_before, turn), (needed, slots, np.int64(0))
                node_key = mixed(link_key + np.uint64(node + 1) * GOLDEN)
                turn += 1
                _subset(node_key, taken, eligible, turn, chosen, drawn_before)
                for draw in range(taken):
                    rank = chosen[draw]
                    if times.size > 0:
                        rank = early[rank]
                    elif 0 <= barred <= rank:
                        rank += 1
                    neighbour = np.int64(targets[begin + rank])
                    place = _local(neighbour, owner, table, nodes, count)
                    nodes[place] = neighbour
                    count = max(count, place + 1)
                    sources[edges], sinks[edges] = place, here
                    edges += 1
            first = last
        ends[link + 1] = count
    return (ids.size, edges, turn), (np.int64(0), np.int64(0), np.int64(0))


def _sample_python(
    key: np.uint64, links: Links, rows: Rows, fan_outs: Int64, tables: Tables, found: Found, begun: Begun
) -> tuple[Begun, Needed]:
    with np.errstate(over="ignore"):
        return _sample_loop(key, links, rows, fan_outs, tables, found, begun)


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

    Time and memory are those of what is found, whatever the fan-outs allow; under times, also of the edges looked at.

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
    ids, heads, tails, until = (np.ascontiguousarray(values) for values in links)
    room = min(ROOM, ids.size * most_nodes(fan_outs))
    nodes, sources, sinks, early = (np.empty(room, np.int64) for _ in range(4))
    table, drawn_before = _table(max(4, min(room, SLOTS))), _table(2 * int(fan_outs.max()))
    ends, begun = np.zeros(ids.size + 1, np.int64), (0, 0, 0)
    while begun[0] < ids.size:
        begun, (room, slots, longest) = _sample(
            np.uint64(key), (ids, heads, tails, until), rows, fan_outs, (table, drawn_before, early),
            (nodes, sources, sinks, ends), begun,
        )  # fmt: skip
        nodes, sources, sinks = (_with_room(values, int(room)) for values in (nodes, sources, sinks))
        early = _with_room(early, int(longest))
        table = _table(2 * int(slots)) if slots > table.shape[1] else table
    return nodes[: ends[-1]].copy(), np.stack([sources[: begun[1]], sinks[: begun[1]]]), ends


def _with_room(values: Int64, needed: int) -> Int64:
    if needed <= values.size:
        return values
    return np.concatenate([values, np.empty(max(needed - values.size, values.size), np.int64)])


def _table(slots: int) -> Int64:
    """A slot belongs to the owner that is written in it: a table need not be emptied for the next."""
    return np.full((2, 1 << (slots - 1).bit_length()), -1, np.int64)

"""Random walks of second order: each step depends on the node before the present one.

Grover and Leskovec, "node2vec: scalable feature learning for networks" (KDD 2016), drawn by rejection: an edge of the
present node is a proposal, taken with a chance that depends on the node before; else another is made. What is proposed
and taken is distributed as the product of both, and no table for each pair of edges is needed. A chance of going back
above that of going elsewhere is a stretch of its own beside the proposals, so that it does not make all others rare
(Yang et al., "KnightKing", SOSP 2019, call it folding). Most draws are decided before it is asked whether nodes are
neighbours: those below the least of the chances.

Each draw is the hash of a key, a walk, a step and an attempt: the same in any window of walks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.kernels.alias import SLOT_UNITS, slot_of
from croupier.kernels.jit import Kernel
from croupier.kernels.mixing import GOLDEN, below, mix64, mixed
from croupier.kernels.walks import BLOCK_WALKS, Rows, begun, edges_of_slots, unfinished, walk_keys

__all__ = ["walk_second_order"]

UInt64 = npt.NDArray[np.uint64]
Whole = npt.NDArray[np.signedinteger[Any]]

_LOW32 = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ATTEMPT = np.uint64(2**32)
_OTHER = np.uint64(2**63)


def _has_edge(targets: Whole, begin: Any, degree: Any, node: Any) -> Any:
    """Whether the node is among the sorted targets of a row."""
    place, left = begin, degree
    while left > 1:
        half = left >> 1
        place += half if targets[place + half - 1] < node else 0
        left -= half
    return left == 1 and targets[place] == node


def _second_loop(
    key: np.uint64, first_walk: int, offsets: Whole, targets: Whole, aliases: UInt64, chances: UInt64, walks: Whole
) -> Whole:
    count, nodes = walks.shape
    to_before, to_neighbour, to_far = chances[0], chances[1], chances[2]
    least, most = min(to_before, to_neighbour, to_far), max(to_neighbour, to_far)
    extra = to_before - np.uint64(SLOT_UNITS) if to_before > np.uint64(SLOT_UNITS) else np.uint64(0)
    keys, fraction = np.empty(BLOCK_WALKS, np.uint64), np.empty(BLOCK_WALKS, np.uint64)
    todo, edge = np.empty(BLOCK_WALKS, np.int64), np.empty(BLOCK_WALKS, np.int64)
    for first in range(0, count, BLOCK_WALKS):
        size = min(BLOCK_WALKS, count - first)
        for i in range(size):
            keys[i] = mixed(key + np.uint64(first_walk + first + i + 1) * GOLDEN)
        for step in range(1, nodes):
            left = 0
            for i in range(size):
                node = walks[first + i, step - 1]
                walks[first + i, step] = -1
                if node >= 0 and offsets[node + 1] > offsets[node]:
                    todo[left] = i
                    left += 1
            turn = np.uint64(step)
            while left > 0:
                for j in range(left):
                    i = todo[j]
                    node = walks[first + i, step - 1]
                    begin = np.int64(offsets[node])
                    degree = np.uint64(offsets[node + 1] - begin)
                    bits = mixed(keys[i] + turn * GOLDEN)
                    point = below(bits, (degree << _HALF) + (extra if step > 1 else np.uint64(0)))
                    slot = point >> _HALF
                    edge[j] = begin + np.int64(slot) if slot < degree else -1
                    fraction[j] = point & _LOW32 if degree > np.uint64(1) else np.uint64(0)  # nowhere else to go
                    if aliases.size > 0 and degree > np.uint64(1):
                        edge[j] = begin + np.int64(slot_of(aliases[edge[j]], slot, point & _LOW32))
                        fraction[j] = mixed(keys[i] + (turn + _OTHER) * GOLDEN) >> _HALF
                kept = 0
                for j in range(left):
                    i = todo[j]
                    before = np.int64(walks[first + i, step - 2]) if step > 1 else np.int64(-1)
                    node = np.int64(targets[edge[j]]) if edge[j] >= 0 else before
                    is_taken = step == 1 or fraction[j] < least
                    if edge[j] < 0:
                        here = walks[first + i, step - 1]
                        is_taken = _has_edge(targets, np.int64(offsets[here]), offsets[here + 1] - offsets[here], node)
                    elif not is_taken:
                        if node == before:
                            is_taken = fraction[j] < to_before
                        elif fraction[j] < most:
                            begin = np.int64(offsets[before])
                            near = _has_edge(targets, begin, offsets[before + 1] - begin, node)
                            is_taken = fraction[j] < (to_neighbour if near else to_far)
                    if is_taken:
                        walks[first + i, step] = node
                    else:
                        todo[kept] = i
                        kept += 1
                left = kept
                turn += _ATTEMPT
    return walks


def _second_numpy(
    key: np.uint64, first_walk: int, offsets: Whole, targets: Whole, aliases: UInt64, chances: UInt64, walks: Whole
) -> Whole:
    keys, extra = walk_keys(key, first_walk, walks), np.uint64(max(0, int(chances[0]) - SLOT_UNITS))
    for step in range(1, walks.shape[1]):
        walks[:, step] = -1
        rows, begin, degree = unfinished(offsets, walks, step)
        turn = step
        while rows.size:
            with np.errstate(over="ignore"):
                bits = mix64(keys[rows] + np.uint64(turn) * GOLDEN)
                point = below(bits, (degree << _HALF) + (extra if step > 1 else np.uint64(0)))
                other = mix64(keys[rows] + (np.uint64(turn) + _OTHER) * GOLDEN) >> _HALF
            slot = point >> _HALF
            goes_back = slot >= degree
            edge = edges_of_slots(aliases, begin, np.where(goes_back, np.uint64(0), slot), point & _LOW32)
            node = targets[edge]
            is_taken = np.ones(rows.size, np.bool_)
            if step > 1:
                before = walks[rows, step - 2]
                node = np.where(goes_back, before, node)
                near = _have_edges(offsets, targets, before, node)
                chance = chances[np.where(node == before, 0, np.where(near, 1, 2))]
                fraction = np.where(degree > np.uint64(1), other if aliases.size else point & _LOW32, np.uint64(0))
                back = _have_edges(offsets, targets, walks[rows, step - 1], before)
                is_taken = np.where(goes_back, back, fraction < chance)
            walks[rows[is_taken], step] = node[is_taken]
            rows, begin, degree = rows[~is_taken], begin[~is_taken], degree[~is_taken]
            turn += int(_ATTEMPT)
    return walks


def _have_edges(offsets: Whole, targets: Whole, sources: Whole, nodes: Whole) -> npt.NDArray[np.bool_]:
    begin, end = offsets[sources].astype(np.int64), offsets[sources + 1].astype(np.int64)
    place, last = begin.copy(), targets.size - 1
    left = end - begin
    while left.size and left.max() > 1:
        half = left >> 1
        place += np.where((half > 0) & (targets[np.minimum(place + np.maximum(half, 1) - 1, last)] < nodes), half, 0)
        left -= half
    return (left == 1) & (targets[np.minimum(place, last)] == nodes)


_second = Kernel(_second_loop, _second_numpy)


def walk_second_order(key: int, first_walk: int, starts: Whole, steps: int, rows: Rows, chances: UInt64) -> Whole:
    """Walks whose steps depend on the node before: as ``walks.walk_first_order``, but for the chances.

    Parameters
    ----------
    chances : uint64 array of shape (3,)
        With what chance a drawn edge is taken, in units of 2**-32: back to the node before, to a neighbour of that, and
        to another node. The larger of the last two is 2**32; the first may be above, up to 2**52, where all edges weigh
        the same.

    Guarantees: with chances of 2**32 the walks are those of first order, where all edges weigh the same.
    """
    return _second(np.uint64(key), first_walk, *rows, chances, begun(starts, steps, rows))

"""Deal from K sources in exact shares: which source comes at any position, and how many times it came before.

A binary tree over the sources, built like Huffman's: each node splits the positions that reach it between a minor and
a major side. Of ``total`` consecutive positions of a node, ``minor`` go to the minor side, one in each of ``minor``
strata of equal width, at a random place in its stratum. So the counts of a node are within one of their share at any
prefix, no pattern repeats, and everything before a position is known without dealing it: O(depth) for any position.
The shape of the tree keeps the errors of its levels from adding up to more than four, for any number of sources.

The shares are whole parts of one cycle (at most 2**30), after which every source has come exactly its parts.
Source: our own derivation, docs/orders.md. Strata are those of stratified sampling; the tree is D. A. Huffman's (1952).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel
from croupier.kernels.mixing import GOLDEN, draws, mixed

__all__ = ["ShareTree", "count_sources", "draw_sources", "find_positions", "share_tree"]

Int64 = npt.NDArray[np.int64]
LARGEST_POSITION = 2**62

_HALF = np.uint64(32)


class ShareTree(NamedTuple):
    """Nodes by number, children before parents; a child below zero is the source ``~child``.

    ``children`` holds the major and the minor child of each node in turn; ``parents`` the way up, of nodes first and of
    sources after them: twice the parent's number, plus one from its minor side; -1 above the root.
    """

    parts: Int64
    minor: Int64
    total: Int64
    children: Int64
    parents: Int64
    node_keys: npt.NDArray[np.uint64]

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(part.nbytes for part in self)


def share_tree(parts: Sequence[int] | Int64, key: int) -> ShareTree:
    """The tree for these whole parts of a cycle; a source of no parts never comes.

    ``key`` has 64 bits; each places the draws anew within their strata.

    Examples
    --------
    >>> tree = share_tree([3, 1], key=1)
    >>> sources, ordinals = draw_sources(np.arange(8), tree)
    >>> np.bincount(sources[:4]).tolist(), np.bincount(sources).tolist(), ordinals[sources == 1].tolist()
    ([3, 1], [6, 2], [0, 1])
    """
    whole = [int(part) for part in parts]
    heap = [(part, ~source) for source, part in enumerate(whole) if part]
    heapq.heapify(heap)
    minor: list[int] = []
    total: list[int] = []
    children: list[int] = []
    parents = [-1] * (len(heap) - 1 + len(whole))
    nodes = len(heap) - 1
    while len(heap) > 1:
        less, minor_child = heapq.heappop(heap)
        more, major_child = heapq.heappop(heap)
        node = len(minor)
        minor.append(less)
        total.append(less + more)
        children += [major_child, minor_child]
        for side, child in enumerate((major_child, minor_child)):
            parents[child if child >= 0 else nodes + ~child] = 2 * node + side
        heapq.heappush(heap, (less + more, node))
    return ShareTree(
        *(np.array(values, dtype=np.int64) for values in (whole, minor, total, children, parents)),
        node_keys=draws(key, np.arange(nodes, dtype=np.int64)),
    )


# One level of the tree at a time for all positions: no step waits for the one before, which a walk of one position
# down the tree would do at every level. The NumPy twins do the same with whole arrays.


def _draw_loop(
    positions: Int64, parts: Int64, minor: Int64, total: Int64, children: Int64, node_keys: npt.NDArray[np.uint64]
) -> tuple[Int64, Int64]:
    cycle = parts.sum()
    widths = total // minor
    rests = total - widths * minor
    sources = np.empty(positions.size, np.int64)
    places = np.empty(positions.size, np.int64)
    cycles = np.empty(positions.size, np.int64)
    live = np.arange(positions.size)
    count = positions.size if minor.size else 0
    only = -1
    for source in range(parts.size):
        if parts[source] == cycle:
            only = ~source
    for i in range(positions.size):
        cycles[i] = positions[i] // cycle
        places[i] = positions[i] - cycles[i] * cycle
        sources[i] = minor.size - 1 if minor.size else only
    while count > 0:
        kept = 0
        for j in range(count):
            i = live[j]
            node, place = sources[i], places[i]
            less, whole = np.uint64(minor[node]), np.uint64(total[node])
            stratum = np.uint64(place) * less // whole
            low = (stratum * whole + less - np.uint64(1)) // less
            is_wide = rests[node] > np.int64(low * less - stratum * whole)
            width = np.uint64(widths[node] + np.int64(is_wide))
            counter = (np.uint64(cycles[i]) << np.uint64(30)) + stratum
            bits = mixed(node_keys[node] + counter * GOLDEN) >> _HALF
            chosen = np.int64(low + ((bits * width) >> _HALF))
            is_minor = np.int64(place == chosen)
            places[i] = np.int64(stratum) if is_minor else place - np.int64(stratum) - np.int64(place > chosen)
            sources[i] = children[2 * node + is_minor]
            live[kept] = i
            kept += np.int64(sources[i] >= 0)
        count = kept
    for i in range(positions.size):
        sources[i] = ~sources[i]
        places[i] += cycles[i] * parts[sources[i]]
    return sources, places


def _chosen(stratum: Int64, less: Int64, whole: Int64, cycles: Int64, node_keys: npt.NDArray[np.uint64]) -> Int64:
    """Which place of each stratum goes to the minor side."""
    low = -(-stratum * whole // less)
    width = -(-(stratum + 1) * whole // less) - low
    with np.errstate(over="ignore"):
        counters = (cycles.astype(np.uint64) << np.uint64(30)) + stratum.astype(np.uint64)
        bits = mixed(node_keys + counters * GOLDEN) >> _HALF
    return low + ((bits * width.astype(np.uint64)) >> _HALF).astype(np.int64)


def _draw_numpy(
    positions: Int64, parts: Int64, minor: Int64, total: Int64, children: Int64, node_keys: npt.NDArray[np.uint64]
) -> tuple[Int64, Int64]:
    cycles, places = np.divmod(positions, parts.sum())
    root = minor.size - 1 if minor.size else ~int(np.argmax(parts))
    sources = np.full(positions.size, root, dtype=np.int64)
    live = np.flatnonzero(sources >= 0)
    while live.size:
        node, place = sources[live], places[live]
        less, whole = minor[node], total[node]
        stratum = place * less // whole
        chosen = _chosen(stratum, less, whole, cycles[live], node_keys[node])
        is_minor = place == chosen
        places[live] = np.where(is_minor, stratum, place - stratum - (place > chosen))
        sources[live] = children[2 * node + is_minor]
        live = live[sources[live] >= 0]
    sources = ~sources
    return sources, places + cycles * parts[sources]


_draw = Kernel(_draw_loop, _draw_numpy)


def draw_sources(positions: Int64, tree: ShareTree) -> tuple[Int64, Int64]:
    """The source at each position, and its ordinal: how often that source came at the positions before.

    Parameters
    ----------
    positions : int64 array of shape (n,)
        0 or more, in any order, up to 2**62.
    tree : ShareTree

    Returns
    -------
    sources, ordinals : int64 arrays of shape (n,)
    """
    ready = np.ascontiguousarray(positions)
    return _draw(ready, tree.parts, tree.minor, tree.total, tree.children, tree.node_keys)


def find_positions(sources: Int64, ordinals: Int64, tree: ShareTree) -> Int64:
    """The inverse of :func:`draw_sources`: where each source comes for the ordinal-th time. Every source needs parts.

    Examples
    --------
    >>> tree = share_tree([6, 25, 10, 1], key=1)
    >>> sources, ordinals = draw_sources(np.arange(100), tree)
    >>> find_positions(sources, ordinals, tree).tolist() == list(range(100))
    True
    """
    cycles, places = np.divmod(ordinals, tree.parts[sources])
    up = tree.parents[tree.minor.size + sources]
    live = np.flatnonzero(up >= 0)
    while live.size:
        node, from_minor, place = up[live] // 2, up[live] % 2 == 1, places[live]
        less, whole = tree.minor[node], tree.total[node]
        # The k-th of the minor side lies in stratum k; before stratum k lie ceil(k * major / minor) of the major side.
        stratum = np.where(from_minor, place, place * less // (whole - less))
        chosen = _chosen(stratum, less, whole, cycles[live], tree.node_keys[node])
        beyond = place + stratum
        places[live] = np.where(from_minor, chosen, beyond + (beyond >= chosen))
        up[live] = tree.parents[node]
        live = live[up[live] >= 0]
    # Beyond what int64 holds, the largest value stands for "later than any run".
    cycle = int(tree.parts.sum())
    return np.where(cycles > LARGEST_POSITION // cycle, np.iinfo(np.int64).max, places + cycles * cycle)


def count_sources(position: int, tree: ShareTree) -> Int64:
    """How often each source comes at the positions before this one, shape (K,).

    Examples
    --------
    >>> tree = share_tree([6, 25, 10, 1], key=1)
    >>> sources, _ = draw_sources(np.arange(1000), tree)
    >>> count_sources(1000, tree).tolist() == np.bincount(sources).tolist()
    True
    """
    cycle = int(tree.parts.sum())
    whole_cycles, place = divmod(position, cycle)
    if not tree.minor.size:
        return np.where(tree.parts > 0, place, 0) + whole_cycles * tree.parts
    reached = np.zeros(tree.minor.size + tree.parts.size, dtype=np.int64)  # nodes, then sources
    reached[tree.minor.size - 1] = place
    for node in range(tree.minor.size - 1, -1, -1):
        less, whole, here = tree.minor[node : node + 1], tree.total[node : node + 1], reached[node : node + 1]
        stratum = here * less // whole
        chosen = _chosen(stratum, less, whole, np.array([whole_cycles]), tree.node_keys[node : node + 1])
        to_minor = int(stratum[0]) + int(chosen[0] < here[0])
        for child, count in zip(
            tree.children[2 * node : 2 * node + 2].tolist(), (here[0] - to_minor, to_minor), strict=True
        ):
            reached[child if child >= 0 else tree.minor.size + ~child] = count
    return reached[tree.minor.size :] + whole_cycles * tree.parts

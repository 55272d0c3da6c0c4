"""Random walks of both orders: steps a second and memory, against PecanPy and NumPy; and training in blocks."""

from __future__ import annotations

import ctypes
import runpy
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

import croupier as cr
from benchmarks import wordnet
from benchmarks.child import ROOT, Cost, in_child
from benchmarks.harness import OURS, Reach, Row, interleaved, row, say, seconds

FIRST, SECOND, SECOND_OF_WEIGHTS = 1, 2, 3
WORK = {
    FIRST: "walks of first order",
    SECOND: "node2vec walks, p = 0.5, q = 2",
    SECOND_OF_WEIGHTS: "node2vec walks, p = 0.5, q = 2, edges of weights 1 to 9",
}
RETURN, IN_OUT = 0.5, 2.0
STEPS = 40
PECANPY, NUMPY = "PecanPy", "NumPy, all walks at once"
ONE_THREAD = "one thread"

Edges = tuple[np.ndarray, np.ndarray, int]


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this part."""
    try:
        wordnet.folder()
    except wordnet.NotToBeHad as reason:
        say(f"walks: {reason}; random graphs only")
    else:
        yield from _walks(FIRST, 0, 4, {PECANPY: 10, NUMPY: 1.5}, quick=quick)
        yield from _walks(SECOND, 0, 4, {PECANPY: 5, NUMPY: 1.5}, quick=quick)
        yield from _walks(SECOND_OF_WEIGHTS, 0, 4, {PECANPY: 5, NUMPY: 1.5}, quick=quick)
        yield from _training(quick=quick)
    nodes = 10**5 if quick else 10**6
    yield from _walks(FIRST, nodes, 1, {NUMPY: 1.5}, quick=quick)
    yield from _walks(SECOND, nodes, 1, {NUMPY: 1.5}, quick=quick)


def edges_of(nodes: int) -> Edges:
    """WordNet's for 0 nodes; else five edges a node, degrees with a heavy tail."""
    if not nodes:
        return wordnet.graph_edges()
    generator = np.random.default_rng(0)
    running = np.cumsum(generator.pareto(1.5, nodes) + 1)
    ends = np.searchsorted(running, generator.random(10 * nodes) * running[-1])
    return ends[: 5 * nodes], ends[5 * nodes :], nodes


def graph_of(order: int, nodes: int) -> cr.Graph:
    sources, targets, count = edges_of(nodes)
    weights = np.random.default_rng(1).integers(1, 10, sources.size) if order == SECOND_OF_WEIGHTS else None
    return cr.Graph.from_edges(sources, targets, weights=weights, nodes=count)


def ours(order: int, nodes: int, times: int) -> Callable[[], object]:
    """Ready to deal walks in batches of 4096."""
    graph = graph_of(order, nodes)
    parameters = (1.0, 1.0) if order == FIRST else (RETURN, IN_OUT)

    def deal(steps: int) -> None:
        walks = cr.RandomWalks(graph, steps, *parameters)
        plan = cr.chain(cr.Repeat(cr.Shuffle(), times=times), walks, cr.FixedSize(2**12), segment_ids=2**14)
        for deal in cr.Dealer(plan, cr.Table(size=graph.nodes), seed=0):
            assert deal.columns["walk"].shape[1] == steps + 1

    deal(1)
    _give_back()
    return partial(deal, STEPS)


def pecanpy(order: int, nodes: int, times: int) -> Callable[[], object]:
    """Ready to make a list of walks, compiled: its functions are made anew for each call, so they are kept."""
    from pecanpy.pecanpy import FirstOrderUnweighted, SparseOTF

    graph = graph_of(order, nodes)
    kind = FirstOrderUnweighted if order == FIRST else SparseOTF
    peer = kind(*((1, 1) if order == FIRST else (RETURN, IN_OUT)), workers=2, random_state=0)
    peer.indptr, peer.indices = graph.offsets.astype(np.uint32), graph.targets.astype(np.uint32)
    peer.data = np.ones(graph.edges, np.float32)
    if order == SECOND_OF_WEIGHTS:
        peer.data = np.random.default_rng(1).integers(1, 10, graph.edges).astype(np.float32)
    peer.set_node_ids(None, implicit_ids=True, num_nodes=graph.nodes)
    move_forward, has_neighbours = peer.get_move_forward(), peer.get_has_nbrs()
    peer.get_move_forward, peer.get_has_nbrs = lambda: move_forward, lambda: has_neighbours
    peer.simulate_walks(1, 1)
    _give_back()
    return lambda: peer.simulate_walks(times, STEPS)


def plain(order: int, nodes: int, times: int) -> Callable[[], object]:
    """Ready to step all walks at once in NumPy, second order by rejection too."""
    graph = graph_of(FIRST if order == FIRST else SECOND, nodes)
    offsets, targets = graph.offsets.astype(np.int64), graph.targets
    codes = np.repeat(np.arange(graph.nodes), graph.degrees) * graph.nodes + targets
    running = np.cumsum(np.random.default_rng(1).integers(1, 10, graph.edges)).astype(float)
    before_row = np.append(0.0, running)[offsets]
    generator = np.random.default_rng(0)

    def proposed(here: np.ndarray) -> np.ndarray:
        if order == SECOND_OF_WEIGHTS:
            low, high = before_row[here], before_row[here + 1]
            return targets[np.searchsorted(running, low + generator.random(here.size) * (high - low), side="right")]
        return targets[offsets[here] + (generator.random(here.size) * (offsets[here + 1] - offsets[here])).astype(int)]

    def chance(before: np.ndarray, node: np.ndarray) -> np.ndarray:
        asked = before * graph.nodes + node
        near = codes[np.minimum(np.searchsorted(codes, asked), codes.size - 1)] == asked
        return np.where(node == before, 1 / RETURN, np.where(near, 1, 1 / IN_OUT)) / max(1, 1 / RETURN, 1 / IN_OUT)

    def work() -> np.ndarray:
        starts = generator.permutation(np.tile(np.flatnonzero(graph.degrees), times))
        walks = np.empty((STEPS + 1, starts.size), np.int32)
        walks[0] = starts
        for step in range(1, STEPS + 1):
            here = walks[step - 1].astype(np.int64)
            walks[step] = proposed(here)
            todo = np.arange(here.size if order != FIRST and step > 1 else 0)
            while todo.size:
                before = walks[step - 2, todo].astype(np.int64)
                todo = todo[generator.random(todo.size) >= chance(before, walks[step, todo])]
                walks[step, todo] = proposed(here[todo])
        return walks

    _give_back()
    return work


def _give_back() -> None:
    """Return what the making of the graph left to the system, or it would hide what the walks add."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _walks(order: int, nodes: int, times: int, factors: Mapping[str, float], *, quick: bool) -> Iterator[Row]:
    contenders = {OURS: ours, NUMPY: plain} if nodes else {OURS: ours, PECANPY: pecanpy, NUMPY: plain}
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for repetition in range(1 if quick else 3):
        for name, prepare in contenders.items():
            if repetition and (not costs[name] or (name == PECANPY and order != FIRST)):
                continue
            try:
                costs[name].append(in_child(prepare, order, nodes, times))
            except ImportError:
                if name != PECANPY:
                    raise
    where = f"a random graph of {nodes:.0e} nodes" if nodes else "WordNet"
    count = (nodes or wordnet.graph_edges()[2]) * times
    work = f"{WORK[order]}, {where}, {times} x {STEPS} steps a node"
    yield row(
        f"{work}: steps",
        "M steps/s",
        {name: [count * STEPS / cost.seconds / 1e6 for cost in found] for name, found in costs.items()},
        better="more",
        reach=Reach(times=factors),
        packages=("pecanpy",),
        note="ours and NumPy on one thread, PecanPy on two",
    )
    yield row(
        f"{work}: memory added",
        "MB",
        {name: [cost.added_mb for cost in found] for name, found in costs.items()},
        better="less",
        reach=Reach(times=dict.fromkeys(factors, 1)),
        packages=("pecanpy",),
        note="ours deals them in batches of 4096",
    )


def _training(*, quick: bool) -> Iterator[Row]:
    """The example's trainer, and the links it finds."""
    example = runpy.run_path(str(ROOT / "examples" / "graph_embedding.py"))
    sources, targets, nodes = wordnet.graph_edges()
    is_test = example["hold_out"](sources, targets, nodes, 0.1)
    graph = cr.Graph.from_edges(sources[~is_test], targets[~is_test], nodes=nodes)
    training = example["Training"](epochs=1 if quick else 5)
    example["embed"](cr.Graph.from_edges(*example["communities"]()), example["Training"](epochs=1))
    vectors = {}

    def trained(threads: int) -> float:
        def work() -> None:
            vectors[threads] = example["embed"](graph, training, threads=threads)

        return seconds(work)

    contenders = {ONE_THREAD: lambda: trained(1), OURS: lambda: trained(2)}
    samples = interleaved(contenders, repetitions=1 if quick else 3)
    assert all(np.array_equal(one, two) for one, two in zip(vectors[1], vectors[2], strict=True))
    yield row(
        f"embedding of WordNet in orthogonal blocks, {training.epochs} walks a node: two threads, the same result",
        "s",
        samples,
        better="less",
        reach=Reach(times={ONE_THREAD: 1.5}),
    )
    auc = example["link_auc"](vectors[2], sources[is_test], targets[is_test])
    reach = Reach() if quick else Reach(at_least=0.88)
    yield row("... area under the curve of held-out links", "", {OURS: [auc]}, better=None, reach=reach)

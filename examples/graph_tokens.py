"""Deal the nodes of a graph to tokens that walk it: decentralised training, where a token carries the model around.

The ids are nodes; a batch is where all tokens stand in a step. A token avoids nodes that it has met too often.

Source: Doshi, Hu, Eun, "Self-repellent random walks on general graphs" (ICML 2023, 2305.05097), and as tokens in Hu,
Doshi, Eun (2401.09665). P is a chain that is reversible with respect to the target mu, x the share of visits of each
node: K[x]_ij = P_ij (x_j / mu_j)^-alpha, scaled so that rows sum to 1. Visits count by x += (visited - x) / (n + 2), n
from 0, where visited is 1 at the token's node. alpha = 0 is the plain walk P. Our reading: x begins at mu.
"""

import ast
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import croupier as cr


def metropolis(edges: npt.NDArray[np.bool_], target: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The chain that proposes neighbours alike and accepts with min(1, mu_j d_i / mu_i d_j), else stays."""
    rate = target / edges.sum(axis=1)
    moves = edges * np.minimum(rate[:, None], rate) / target[:, None]
    return moves + np.diag((1 - moves.sum(axis=1)).round(12))


@dataclass(frozen=True, slots=True, eq=False)
class SelfRepellentWalk:
    """Walk ``transition``, P of shape (nodes, nodes), repelled by visits above column ``target`` of the table.

    Positions go to the tokens in turn: with ``FixedSize(tokens)`` a batch is a step of each. Each knows its own visits.
    Every epoch is a walk of its own, from nodes drawn from the target, with x begun anew. Nothing is continued, so any
    epoch is there at once, on any ranks, after any restart. (Logarithms may differ in last bits between platforms.)
    """

    transition: npt.NDArray[np.float64]
    alpha: float
    steps: int
    tokens: int = 1
    name: str = "self_repellent_walk"
    prepared_per_epoch = True

    def epoch_size(self, table: cr.Table, epoch: int) -> int:
        """A position for each step of each token."""
        return self.steps * self.tokens

    def prepare(self, table: cr.Table, key: cr.Key, epoch: int) -> dict[str, npt.NDArray[np.int64]]:
        """Walk the epoch."""
        target, nodes = table.column("target"), np.empty((self.steps, self.tokens), np.int64)
        uniform = (cr.draws(key.child(epoch).bits, np.arange(nodes.size)) >> np.uint64(11)) / 2.0**53
        visits = chances = np.tile(target, (self.tokens, 1))
        for step, draw in enumerate(uniform.reshape(nodes.shape)):
            sums = np.cumsum(chances, axis=1)
            nodes[step] = (sums <= draw[:, None] * sums[:, -1:]).sum(axis=1)
            visits = visits + (np.eye(target.size)[nodes[step]] - visits) / (step + 2)
            moves = self.transition[nodes[step]]
            repelled = np.where(moves > 0, -self.alpha * np.log(visits / target), -np.inf)
            chances = moves * np.exp(repelled - repelled.max(axis=1, keepdims=True))
        return {"nodes": nodes.ravel()}

    def plan(self, batches: cr.Batches, context: cr.Context) -> cr.Batches:
        """Positions to ids."""
        return batches.with_indices(context.prepared["nodes"][batches.indices])


def standard_library() -> tuple[npt.NDArray[np.str_], npt.NDArray[np.bool_]]:
    """Modules of Python's standard library (below 60 kB), and which import one another first thing: parsed, not run."""
    files = [file for file in sorted(Path(ast.__file__).parent.glob("*.py")) if file.stat().st_size < 60_000]
    trees = {file.stem: ast.parse(file.read_bytes()) for file in files}
    names, imports = np.array(list(trees)), np.zeros((len(trees), len(trees)), np.bool_)
    for node, tree in enumerate(trees.values()):
        imported = [alias.name for one in tree.body if isinstance(one, ast.Import) for alias in one.names]
        imported += [one.module or "" for one in tree.body if isinstance(one, ast.ImportFrom)]
        imports[node] = np.isin(names, imported) & (names != names[node])
    edges = imports | imports.T
    is_met = edges.sum(axis=0) == edges.sum(axis=0).max()  # what hangs together with the most connected modules
    for _ in names:
        is_met |= edges[is_met].any(axis=0)
    return names[is_met], edges[np.ix_(is_met, is_met)]


if __name__ == "__main__":
    names, edges = standard_library()
    target = np.full(names.size, 1 / names.size)
    for alpha in (0.0, 1.0, 5.0, 20.0):
        plan = cr.chain(SelfRepellentWalk(metropolis(edges, target), alpha, steps=1000, tokens=4), cr.FixedSize(4))
        walks = np.array([deal.ids for deal in cr.Dealer(plan, cr.Table(target=target), seed=0)])
        shares = np.array([np.bincount(walk, minlength=names.size) / walk.size for walk in walks.T])
        distance = np.abs(shares - target).sum(axis=1).mean() / 2
        print(
            f"alpha {alpha}: visits {distance:.3f} from even, {(shares == 0).mean():.0%} unseen,", *names[walks[:6, 0]]
        )

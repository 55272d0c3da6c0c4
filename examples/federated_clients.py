"""Deal the clients of a federated job: a cohort each round, and who of the cohort only looks and who moves.

The ids are clients, a batch is the cohort of a round (under ``cr.Balanced()`` that of all ranks), and each client comes
once an epoch. ``Anchors`` marks each client of a cohort as an anchor with probability p; the others are miners.

Source: Wu et al., "Anchor sampling for federated learning with partial client participation" (FedAMD, ICML 2023,
2206.05891), its algorithm; details as in the authors' published program:
- The cohort is sent the model x, and v, the mean of the gradients that are cached of all clients.
- An anchor takes its gradient at x on a large batch, for the cache.
- A miner takes K steps x_k+1 = x_k - rate v_k on small batches b, from v_0 = v, with v_k = v_k-1 + g_b(x_k) -
  g_b(x_k-1). The server adds the mean of the miners' moves to x; without miners, x stays.

Caches are filled by a gradient of every client first. FedAvg gets the same cohorts, all of whom take K steps along
g_b(x_k). An anchor reads as many rows here as two clients of FedAvg.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import croupier as cr

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Anchors:
    """Mark ids as anchors, each by a draw of its own: column ``is_anchor``.

    Guarantees: a mark depends on seed, epoch and id alone, not on cohorts, ranks or restarts. An id that comes twice in
    an epoch is marked alike: put it behind an order that deals each once, without Tail.CARRY.
    """

    probability: float
    name: str = "anchors"

    def plan(self, batches: cr.Batches, context: cr.Context) -> cr.Batches:
        """Add the column."""
        uniform = (cr.draws(context.epoch_key.bits, batches.indices) >> np.uint64(11)) / 2.0**53
        return batches.with_columns(is_anchor=uniform < self.probability)


class LeastSquares:
    """Clients with features and solutions of their own; the loss is the mean of theirs."""

    def __init__(self, clients: int, rows: int, size: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.features = rng.normal(size=(clients, rows, size)) * rng.lognormal(0.0, 0.5, size=(clients, 1, size))
        solved = np.einsum("crs,cs->cr", self.features, rng.normal(size=(clients, size), scale=2.0))
        self.targets = solved + rng.normal(size=(clients, rows), scale=0.5)
        self.best = np.linalg.lstsq(self.features.reshape(-1, size), self.targets.ravel(), rcond=None)[0]

    def gradient(self, client: int, x: Float64, rows: npt.NDArray[np.int64] | slice = slice(None)) -> Float64:
        """Of half the mean square on these rows, all by default."""
        features = self.features[client][rows]
        return features.T @ (features @ x - self.targets[client][rows]) / len(features)

    def excess(self, x: Float64) -> float:
        """The loss above that of the best model."""
        return float(np.square(self.features @ (x - self.best)).mean() / 2)


def train(problem: LeastSquares, dealer: cr.Dealer, rounds: int, rate: float, *, use_anchors: bool) -> Iterator[float]:
    """The excess loss after each round: FedAMD, or FedAvg on the same cohorts."""
    rng, clients, x = np.random.default_rng(0), len(problem.features), np.zeros_like(problem.best)
    cache = np.array([problem.gradient(client, x) for client in range(clients)])
    for _, deal in zip(range(rounds), (deal for _ in range(rounds) for deal in dealer), strict=False):
        direction, moves = cache.mean(axis=0), []
        for client, is_anchor in zip(deal, deal.columns["is_anchor"], strict=True):
            if use_anchors and is_anchor:
                cache[client] = problem.gradient(client, x)
                continue
            here, before, step = x, x, direction
            for rows in rng.integers(problem.targets.shape[1], size=(5, 4)):
                ahead = problem.gradient(client, here, rows)
                step = step + ahead - problem.gradient(client, before, rows) if use_anchors else ahead
                here, before = here - rate * step, here
            moves.append(here - x)
        x = x + np.mean(moves, axis=0) if moves else x
        yield problem.excess(x)


if __name__ == "__main__":
    problem = LeastSquares(clients=40, rows=40, size=8, seed=0)
    plan = cr.chain(cr.Shuffle(), Anchors(0.5), cr.FixedSize(10))
    for name in ("FedAvg", "FedAMD"):
        losses = train(problem, cr.Dealer(plan, cr.Table(size=40), seed=0), 100, 0.01, use_anchors=name == "FedAMD")
        print(name, "excess loss every 10 rounds:", *np.round(list(losses), 5)[9::10])

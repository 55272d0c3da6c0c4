"""Deal examples of many source tasks, most of them from the few that matter to a target task with little data.

The ids are examples of source tasks that share a representation B; task t has a head w_t on it, the target w_0. Rounds
alternate: deal, fit B and the heads, find the sources that the target is made of.

Source: Wang, Chen, Jamieson, Du, "Improved active multi-task representation learning via Lasso" (L1-A-MTRL, ICML 2023,
2306.02556): by Lasso, nu = argmin |W nu - w_0|_2^2 + lambda |nu|_1, and n_t = max(N_min, N |nu_t| / |nu|_1) samples of
source t in the next round. Our reading: lambda's scale, and N such that each round has the samples it is given; and B,
from least squares for each task, then singular vectors, weighted by samples.

A round is an epoch of a mixture whose shares follow ``Stages``. Each appends the stage it has found; those before stay,
so no row comes again before its task runs out. Where shares are known before, the plan of the last round is the run.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import Lasso

import croupier as cr

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


def relevance(heads: Float64, target_head: Float64, strength: float) -> Float64:
    """A sparse nu with heads @ nu near the target's head; heads of shape (k, tasks), strength is lambda."""
    alpha = strength / (2 * target_head.size)  # this Lasso halves the mean square
    return Lasso(alpha=alpha, fit_intercept=False, max_iter=100_000).fit(heads, target_head).coef_


def round_counts(nu: Float64, samples: int, least: int) -> Int64:
    """Samples of each task in a round: max(least, N |nu|), for the N with which they sum to ``samples``."""
    if least * nu.size > samples:
        raise ValueError(f"least must be at most {samples // nu.size} for {nu.size} tasks, got {least}")
    weights = np.abs(nu) if nu.any() else np.ones(nu.size)
    # Where the m largest are above the least; of all m, the right one gives the smallest N.
    fitting = (samples - least * np.arange(nu.size - 1, -1, -1)) / np.cumsum(np.sort(weights)[::-1])
    counts = np.maximum(least, fitting.min() * weights)
    return np.diff(np.floor(np.cumsum(counts).round(6) + 0.5), prepend=0.0).astype(np.int64)


def deal_round(tasks: cr.Table, rounds: Sequence[Int64], seed: int = 0) -> Int64:
    """The ids of the last of these rounds, by their counts."""
    samples = int(rounds[0].sum())
    shares = cr.Stages([(place * samples, dict(enumerate(counts.tolist()))) for place, counts in enumerate(rounds)])
    dealer = cr.Dealer(cr.chain(cr.Mixture("task", shares, epoch_end=samples), cr.FixedSize(100)), tasks, seed=seed)
    dealer.set_epoch(len(rounds) - 1)
    return np.concatenate([deal.ids for deal in dealer])


class LowRankTasks:
    """24 source tasks of 2000 rows, 40 features, k = 16; the target is 1.0 x task 3 + 0.7 x task 11, with 500 rows."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        heads = rng.normal(size=(16, 24))
        models = np.linalg.qr(rng.normal(size=(40, 16)))[0] @ (heads / np.linalg.norm(heads, axis=0))
        self.table = cr.Table(task=np.repeat(np.arange(24), 2000))
        self.features = rng.normal(size=(48_500, 40))
        self.model = models[:, 3] + 0.7 * models[:, 11]
        of_rows = np.vstack([models.T[self.table.column("task")], np.tile(self.model, (500, 1))])
        self.targets = (self.features * of_rows).sum(axis=1) + rng.normal(size=48_500)

    def fit(self, ids: Int64) -> tuple[Float64, Float64, float]:
        """The heads of the sources and of the target, and the squared error of the target's model."""
        task = self.table.column("task")[ids]
        rows = [(self.features[ids[task == t]], self.targets[ids[task == t]]) for t in range(24)]
        fits = np.transpose([np.linalg.solve(x.T @ x, x.T @ y) for x, y in rows])
        basis = np.linalg.svd(fits * np.sqrt(np.bincount(task)))[0][:, :16]
        head = np.linalg.lstsq(self.features[48_000:] @ basis, self.targets[48_000:], rcond=None)[0]
        return basis.T @ fits, head, float(np.square(basis @ head - self.model).sum())


def alternate(tasks: LowRankTasks, strength: float) -> tuple[list[Int64], float]:
    """Three rounds of 3000 samples, the first even: the counts by task of each, and the target's error in the end."""
    rounds, ids = [round_counts(np.zeros(24), 3000, least=40)], np.empty(0, np.int64)
    while True:
        ids = np.append(ids, deal_round(tasks.table, rounds))
        heads, head, error = tasks.fit(ids)
        if len(rounds) == 3:
            return rounds, error
        rounds.append(round_counts(relevance(heads, head, strength), 3000, least=40))


if __name__ == "__main__":
    for seed, strength in ((0, 1e9), (0, 0.2), (1, 1e9), (1, 0.2)):  # with 1e9 nu is 0, and all rounds are even
        rounds, error = alternate(LowRankTasks(seed), strength)
        print(f"error {error:.4f} with a last round of", *rounds[-1])

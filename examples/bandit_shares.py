"""Let what training observes decide the shares of sources: a bandit whose decisions are stages of the plan.

A round is an epoch of a mixture whose shares follow ``Stages``. After it, a rule turns what all ranks observed so far
into the next round's shares, which are appended; stages before stay, so no row comes again before its source runs out.
A state holds the shares that were decided and the sums they came from: a restart decides nothing anew.

Source: Foster, Rakhlin, "Beyond UCB" (ICML 2020, 2002.04926), SquareCB: of A arms, one whose predicted reward is lower
than the best one's by g has the probability 1 / (A + gamma g), and the best has what is left; gamma grows with the root
of rounds. Ours: the probabilities are dealt as shares, so every arm is seen in every round; the regression is a mean.
Other rules: ``group_shares.py``, ``revisit_periods.py``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import croupier as cr

Float64 = npt.NDArray[np.float64]
Rule = Callable[[Float64], Float64]  # mean rewards (rounds, arms), NaN where not dealt, to weights (arms,)
FINEST = 2**20  # rewards are whole parts of this, so that sums do not depend on ranks


class LearnedShares:
    """A run over rounds; ``run`` is the dealer's seed, rank, world_size, split."""

    def __init__(self, table: cr.Table, column: str, rule: Rule, sizes: tuple[int, int], **run: Any) -> None:
        self.table, self.column, self.rule, (self.round_samples, self.batch), self.run = table, column, rule, sizes, run
        arms = len(cr.Mixture(column, cr.Uniform()).source_names(table))
        self.rewards, self.sums = np.empty((0, arms)), np.zeros((2, arms), np.int64)
        self.stages = [(0, self._shares())]
        self.dealer = self._dealer()

    def observe(self, deal: cr.Deal, rewards: npt.ArrayLike) -> None:
        """A reward for each id of a deal."""
        if not deal.is_padding:
            parts = np.rint(np.asarray(rewards, np.float64) * FINEST).astype(np.int64)
            np.add.at(self.sums, (0, deal.columns["source"]), 1)
            np.add.at(self.sums, (1, deal.columns["source"]), parts)

    def round(self, gather: Callable[[Any], list[Any]] = lambda mine: [mine]) -> Iterator[cr.Deal]:
        """What is left of a round; after it, the next shares: ``gather`` returns the sums of all ranks."""
        if self.dealer.cursor.epoch == len(self.rewards):  # not stopped between the last deal and the decision
            yield from self.dealer
        counts, parts = np.sum(gather(self.sums), axis=0)
        means = np.divide(parts / FINEST, counts, out=np.full(counts.size, np.nan), where=counts > 0)
        self.rewards, self.sums = np.vstack([self.rewards, means]), np.zeros_like(self.sums)
        self.stages = [*self.stages, (len(self.stages) * self.round_samples, self._shares())]
        state, self.dealer = self.dealer.state_dict(), self._dealer()
        self.dealer.load_state_dict(state, accept=["plan.stages[0].shares"])

    def state_dict(self) -> dict[str, Any]:
        """Of this rank: what it observed in a round that is not over is its own."""
        arrays = {"rewards": self.rewards.tolist(), "sums": self.sums.tolist()}
        return {"dealer": self.dealer.state_dict(), "stages": self.stages, **arrays}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """On as many ranks, or between rounds on any."""
        self.stages = [(start, dict(shares)) for start, shares in state["stages"]]
        self.rewards = np.array(state["rewards"], np.float64).reshape(-1, self.sums.shape[1])
        self.sums, self.dealer = np.array(state["sums"], np.int64), self._dealer()
        self.dealer.load_state_dict(state["dealer"])

    def weights(self) -> list[float]:
        """Of the coming round."""
        return list(self.stages[-1][1].values())

    def _shares(self) -> dict[str, float]:
        names = cr.Mixture(self.column, cr.Uniform()).source_names(self.table)
        weights = self.rule(self.rewards).round(6)  # so that last bits decide nothing
        return dict(zip(names, weights.tolist(), strict=True))

    def _dealer(self) -> cr.Dealer:
        mixture = cr.Mixture(self.column, cr.Stages(self.stages), epoch_end=self.round_samples)
        return cr.Dealer(cr.chain(mixture, cr.FixedSize(self.batch)), self.table, **self.run)


@dataclass(frozen=True, slots=True)
class SquareCB:
    """Predictions are means of the past, each round counting ``memory`` times as much as the one after it.

    A round without a reward of an arm says nothing of it; an arm that never had one is taken for as good as the best.
    """

    scale: float
    memory: float = 1.0

    def __call__(self, rewards: Float64) -> Float64:
        """Every arm is dealt, and so seen, in every round that is long enough for its share."""
        rounds, arms = rewards.shape
        seen = ~np.isnan(rewards)
        counts = self.memory ** np.arange(rounds)[::-1]
        predicted, known = counts @ np.where(seen, rewards, 0.0), counts @ seen
        predicted = np.divide(predicted, known, out=np.full(arms, -np.inf), where=known > 0)
        predicted[known == 0] = predicted.max() if known.any() else 0.0
        weights = 1 / (arms + self.scale * np.sqrt(arms * rounds) * (predicted.max() - predicted))
        weights[predicted.argmax()] += 1 - weights.sum()
        return weights


if __name__ == "__main__":
    table, best = cr.Table(source=np.repeat(np.arange(4), 500)), np.array([0.2, 0.5, 0.8, 0.6])
    noise = np.random.default_rng(0).normal(size=2000)
    run = LearnedShares(table, "source", SquareCB(scale=2.0, memory=0.7), (400, 40), seed=0)
    for number in range(20):
        if number == 10:
            best = best[::-1]  # what was best is not any more
        for deal in run.round():
            run.observe(deal, best[deal.columns["source"]] + noise[deal.ids])
        print(f"round {number}: rewards", *run.rewards[-1].round(2), "next", *run.weights())

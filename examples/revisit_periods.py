"""Deal each source once in a period of its own: where its reward falls when it is dealt and recovers while it is not.

Source: Simchi-Levi, Zheng, Zhu, "Dynamic planning and learning under recovering rewards" (ICML 2021, 2106.14813): up to
K of N arms are played in a round; an arm's expected reward is a function of its idle time; purely periodic policies
play each arm once in so many rounds, and come within a factor of 1 - O(1 / sqrt(K)) of the best. Only the abstract was
read. Ours: periods maximise the sum of reward / period under a price for each play, the price by halving intervals;
the K most overdue arms are played; idle times are explored first, where theirs are learned under upper bounds.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import croupier as cr
from bandit_shares import LearnedShares

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


def periods(recovery: Float64, per_round: int) -> Float64:
    """Of each arm, from rewards (arms, D) after 1 .. D idle rounds; infinite for an arm that is not worth a play.

    At the lowest price with at most so many plays a round; what room is left goes to arms that play more just below it.
    """
    choices = np.append(np.arange(1.0, recovery.shape[1] + 1), np.inf)
    rewards = np.pad(recovery, ((0, 0), (0, 1)))

    def at(price: float) -> Float64:
        return choices[((rewards - price) / choices).argmax(axis=1)]

    low, high = -1.0, float(recovery.max(initial=0.0)) + 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if (1 / at(middle)).sum() <= per_round else (middle, high)
    chosen, more = at(high), at(max(low, 0.0))
    for arm in np.argsort(more, kind="stable"):
        raised = np.where(np.arange(chosen.size) == arm, more, chosen)
        chosen = raised if (1 / raised).sum() <= per_round + 1e-9 else chosen
    return chosen


def idle_rounds(is_played: npt.NDArray[np.bool_], longest: int) -> Int64:
    """How long each arm had not been played, up to ``longest``, before each round and now, shape (rounds + 1, arms)."""
    idle = np.full((len(is_played) + 1, is_played.shape[1]), longest)
    for number, played in enumerate(is_played):
        idle[number + 1] = np.where(played, 1, np.minimum(idle[number] + 1, longest))
    return idle


@dataclass(frozen=True, slots=True)
class Recovering:
    """A rule for ``LearnedShares``: equal shares for the arms that are played in the coming round.

    First every arm is played ``repeats`` times after 1, 2, 4, ... ``longest`` idle rounds each; a turn that was missed
    comes after those that can be had. Then by the periods of what was seen, means and straight lines between.
    """

    per_round: int
    longest: int
    repeats: int = 2

    def __call__(self, rewards: Float64) -> Float64:
        """From mean rewards (rounds, arms), NaN where an arm was not played."""
        is_played, arms = ~np.isnan(rewards), rewards.shape[1]
        idle = idle_rounds(is_played, self.longest)
        sums, counts = np.zeros((2, arms, self.longest))
        places = (np.nonzero(is_played)[1], idle[:-1][is_played] - 1)
        np.add.at(sums, places, rewards[is_played])
        np.add.at(counts, places, 1)
        tried = 2 ** np.arange(self.longest.bit_length())
        lacking = np.maximum(self.repeats - counts[:, tried - 1], 0)
        if is_exploring := lacking.any():
            target = np.where(lacking.any(axis=1), tried[lacking.argmax(axis=1)], np.inf)
        else:
            every = np.arange(1, self.longest + 1)
            seen = [np.interp(every, every[n > 0], s[n > 0] / n[n > 0]) for s, n in zip(sums, counts, strict=True)]
            target = periods(np.array(seen), self.per_round)
        overdue = np.where(is_exploring & (idle[-1] == target), np.inf, idle[-1] / target)
        first = np.argsort(-overdue, kind="stable")[: self.per_round]
        weights = np.zeros(arms)
        weights[first] = overdue[first] >= 1 if is_exploring else overdue[first] > 0
        if not weights.any():
            weights[overdue.argmin()] = 1.0  # a round deals something: what loses least by it
        return weights


def recovered(idle: Int64) -> Float64:
    """The true rewards of eight sources, some worth more and some fresh sooner, after so many idle rounds."""
    worth, rounds = np.linspace(0.4, 1.0, 8), np.array([2.0, 9.0, 3.0, 6.0, 1.0, 12.0, 5.0, 8.0])
    return worth * (1 - np.exp(-idle / rounds))


if __name__ == "__main__":
    table, noise = cr.Table(source=np.repeat(np.arange(8), 300)), np.random.default_rng(0).normal(size=2400) / 10
    run, gained = LearnedShares(table, "source", Recovering(per_round=2, longest=16), (100, 100), seed=0), []
    for _ in range(140):
        now = recovered(idle_rounds(~np.isnan(run.rewards), 16)[-1])
        for deal in run.round():
            run.observe(deal, now[deal.columns["source"]] + noise[deal.ids])
        gained.append(np.nansum(run.rewards[-1]))
    best = np.array([recovered(np.full(8, idle)) for idle in range(1, 17)]).T
    print("periods", *periods(best, per_round=2))
    print(f"reward of a round: {np.mean(gained[:50]):.3f} in the first 50, {np.mean(gained[-50:]):.3f} in the last 50")
    print("played in the last 50 rounds:", *(~np.isnan(run.rewards[-50:])).sum(axis=0))

"""Shares of sources that no group of rounds regrets, where groups overlap.

What a round is for - a slice that is evaluated, a phase, a language, all of them - makes it belong to groups. One rule
for all serves the largest; here each group has a learner, and the learners of a round's groups are mixed.

Source: Acharya et al., "Oracle efficient algorithms for groupwise regret" (ICLR 2024, 2310.04652): an external-regret
learner for each group, and sleeping experts above them, by AdaNormalHedge (Luo, Schapire, "Achieving all with no
parameters", COLT 2015). Read: the abstract and its reviews; the weights are from memory, and agree with the derivative
in a published program. Ours: the learners are Hedge with a rate that falls; sources are dealt in every round, so all
rewards are seen, and a learner learns in its group's rounds alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import croupier as cr
from bandit_shares import LearnedShares

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GroupShares:
    """No group of rounds regrets what it got: ``awake(round)`` says which there are; rewards in [0, 1]."""

    awake: Callable[[int], list[bool]]
    rate: float = 1.0
    least: float = 0.02

    def __call__(self, rewards: Float64) -> Float64:
        """Hedge for each group, of which those of the coming round are mixed; played again from the beginning."""
        arms = rewards.shape[1]
        gains = np.zeros((len(self.awake(0)), arms))
        regret, moved = np.zeros(len(gains)), np.zeros(len(gains))
        for number in range(len(rewards) + 1):
            is_awake = np.array(self.awake(number))
            rate = self.rate / np.sqrt(1 + np.abs(gains).max(axis=1, keepdims=True))
            advice = np.exp(rate * (gains - gains.max(axis=1, keepdims=True)))
            advice /= advice.sum(axis=1, keepdims=True)
            trust = np.where(is_awake, hedge_weight(regret, moved), 0.0)
            trust = trust if trust.any() else is_awake * 1.0
            weights = trust @ advice / trust.sum()
            if number == len(rewards):
                return self.least / arms + (1 - self.least) * weights
            gained = np.where(is_awake, (advice - weights) @ rewards[number], 0.0)
            regret, moved = regret + gained, moved + np.abs(gained)
            gains[is_awake] += rewards[number]
        raise AssertionError


def hedge_weight(regret: Float64, moved: Float64) -> Float64:
    """AdaNormalHedge: half of phi(R + 1, C + 1) - phi(R - 1, C + 1), where phi(R, C) = exp(max(R, 0)^2 / 3C)."""
    above, below = (np.maximum(regret + step, 0) ** 2 / (3 * (moved + 1)) for step in (1, -1))
    return (np.exp(above) - np.exp(below)) / 2


def groups_of(number: int) -> list[bool]:
    """All rounds; every third; every other: a round may be of any of these."""
    return [True, number % 3 == 0, number % 2 == 0]


def rewarded(number: int) -> Float64:
    """Of four sources: the first is best in most rounds, in every third the second, or the third in every other one."""
    if number % 3:
        return np.array([0.7, 0.2, 0.3, 0.5])
    return np.array([0.2, 0.6, 0.9, 0.3] if number % 2 == 0 else [0.2, 0.8, 0.1, 0.3])


if __name__ == "__main__":
    table, noise = cr.Table(source=np.repeat(np.arange(4), 500)), np.random.default_rng(0).uniform(-0.1, 0.1, 2000)
    for name, awake in {"one for all": lambda _number: [True], "groups": groups_of}.items():
        run, gained = LearnedShares(table, "source", GroupShares(awake), (200, 40), seed=0), []
        for number in range(60):
            gained.append(np.dot(run.weights(), rewarded(number)) / sum(run.weights()))
            for deal in run.round():
                run.observe(deal, rewarded(number)[deal.columns["source"]] + noise[deal.ids])
        for group in range(3):
            mine = [number for number in range(60) if groups_of(number)[group]]
            best = np.mean([rewarded(number) for number in mine], axis=0).max()
            print(
                f"{name}, group {group}: {np.mean(np.array(gained)[mine]):.3f} a round, best single source {best:.3f}"
            )

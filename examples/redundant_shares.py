"""Deal redundant shares of a step: its gradient is whole although some workers are late.

A part is what a rank would be dealt, under any plan and split: n parts for n workers. A worker gets s + 1 of them and
sends one weighted sum of their gradients (times ``loss_scale``). From any n - s of these the sum of all is decoded.

- Tandon, Lei, Dimakis, Karampatziakis, "Gradient coding" (ICML 2017, 1612.03301): fractional repetition, and the cyclic
  scheme of its algorithm 2. Our reading: H is uniform, and so the same on every platform, where theirs is normal.
- Krishnan, Ebrahimi, Khisti, "Sequential gradient coding for straggler mitigation" (ICLR 2023, 2211.13802): the first
  of two schemes, simulated. From the abstract: step t begins in round t and ends by round t + T, unfinished work is
  repeated, several models train at once. From the authors' published program: of v > s workers that have not returned
  step t in its round, v - s repeat it in round t + T, in place of that round's step. T = B and s = ceil(B L / (W - 1 +
  B)) are enough if in any W rounds at most L workers are late, each within B rounds in a row; B divides W - 1. Ours:
  T + 1 models in turn; late workers drop what they do; a round ends once its due step is whole and either its new step
  is too or ``patience`` times the fastest's seconds are over (theirs: then, or after all if lateness is not like that).
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

import croupier as cr

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class RedundantShares:
    """Worker w sends the sum over parts p of ``matrix[w, p]`` times their gradients; so many stragglers may be late."""

    matrix: Float64  # one for all: what two kinds of machine make may differ in last bits
    stragglers: int

    def dealers(self, worker: int, plan: cr.Chain, table: cr.Table, **settings: Any) -> list[cr.Dealer]:
        """One for each of the worker's parts, in order; the state of any loads into all, of other matrices too."""
        parts = np.flatnonzero(self.matrix[worker]).tolist()
        return [cr.Dealer(plan, table, rank=part, world_size=len(self.matrix), **settings) for part in parts]

    def decoding(self, finished: Bool) -> Float64:
        """The weight of each worker's sum, 0 of those who are late: ``weights @ sums`` is the sum over all parts."""
        weights, least = np.zeros(finished.size), finished.size - self.stragglers
        if finished.sum() < least:
            raise ValueError(f"finished must be at least n - s = {least} workers, got {finished.sum()}; wait for more")
        weights[finished] = np.linalg.lstsq(self.matrix[finished].T, np.ones(finished.size), rcond=1e-12)[0]
        if (error := np.abs(weights @ self.matrix - 1).max()) > 1e-6:
            raise ValueError(f"matrix must decode each part to 1, got an error of {error:.1g}; take another key")
        return weights

    def worst(self) -> tuple[float, float]:
        """Of all sets of s late: the largest factor by which decoding magnifies rounding, and condition number."""
        workers, factors, conditions = range(len(self.matrix)), [], []
        for late in combinations(workers, self.stragglers):
            finished = ~np.isin(workers, late)
            values = np.linalg.svd(self.matrix[finished], compute_uv=False)
            conditions.append(values[0] / values[values > 1e-12 * values[0]].min())
            factors.append((np.abs(self.decoding(finished)) @ np.abs(self.matrix)).max())
        return max(factors), max(conditions)


def uniform(key: cr.Key, *shape: int) -> Float64:
    """Draws in [0, 1)."""
    return (cr.draws(key.bits, np.arange(np.prod(shape))) >> np.uint64(11)).reshape(shape) / 2.0**53


def fractional(workers: int, stragglers: int) -> RedundantShares:
    """Blocks of s + 1 parts, each given whole to s + 1 workers."""
    if not 0 <= stragglers < workers or workers % (stragglers + 1):
        raise ValueError(f"stragglers + 1 must divide {workers} workers, got {stragglers} stragglers; choose cyclic")
    block = np.arange(workers) // (stragglers + 1)
    return RedundantShares(np.equal.outer(np.arange(workers) % (block[-1] + 1), block) * 1.0, stragglers)


def cyclic(workers: int, stragglers: int, key: cr.Key) -> RedundantShares:
    """Parts w .. w + s for worker w, in rows that a random H maps to 0, as it does the row of ones."""
    if not 0 <= stragglers < workers:
        raise ValueError(f"stragglers must be 0 to {workers - 1}, fewer than the workers, got {stragglers}")
    h, matrix = uniform(key, stragglers, workers), np.eye(workers)
    h[:, -1] = -h[:, :-1].sum(axis=1)
    for worker in range(workers):
        others = (worker + 1 + np.arange(stragglers)) % workers
        matrix[worker, others] = -np.linalg.solve(h[:, others], h[:, worker])
    return RedundantShares(matrix, stragglers)


def bursts(key: cr.Key, rounds: int, workers: int, begins: float, ends: float) -> Bool:
    """Who is late in each round, by Gilbert and Elliott: lateness begins and ends with these chances in a round."""
    late = (draws := uniform(key, rounds, workers)) < begins / (begins + ends)
    for now in range(1, rounds):
        late[now] = draws[now] < np.where(late[now - 1], 1 - ends, begins)
    return late


def play(seconds: Float64, stragglers: int, delay: int, patience: float = 1.5) -> tuple[Bool, float]:
    """Whose sums of each step come in, shape (steps, workers), and the seconds of all rounds; delay (T) 0 repeats none.

    Given the seconds that each worker takes in each round, shape (steps + delay, workers).
    """
    finished, total, steps, needed = seconds < 0, 0.0, len(seconds) - delay, seconds.shape[1] - stragglers
    for now, due in enumerate(range(-delay, steps)):
        step, lacking = np.full(seconds.shape[1], now), max(0, needed - finished[due].sum()) if due >= 0 else 0
        step[np.flatnonzero(~finished[due])[:lacking]] = due
        arrivals = [np.sort(np.append(0.0, np.where(step == of, seconds[now], np.inf))) for of in (due, now)]
        cutoff = patience * seconds[now].min() if now < steps else 0.0
        end = max(arrivals[0][lacking], min(arrivals[1][needed], cutoff))
        finished[step[seconds[now] <= end], seconds[now] <= end] = True
        total += end
    return finished[:steps], total


if __name__ == "__main__":
    for shares in (fractional(8, 3), *(cyclic(8, 3, cr.Key(0).child("matrix", number)) for number in range(8))):
        print("8 workers, 3 stragglers: rounding errors times {:.3g}, condition number {:.3g}".format(*shares.worst()))
    late = bursts(cr.Key(0).child("late"), 1002, 16, begins=0.04, ends=0.5)
    for s in range(7):
        seconds = (1 + 0.1 * (s + 1)) * np.where(late, 5.0, 1.0)
        coded, repeated = play(seconds[:1000], s, delay=0)[1], play(seconds, s, delay=2)[1]
        print(f"{s + 1} parts of 16 each: {coded / 1000:.2f} s a step, with repeats {repeated / 1000:.2f} s")

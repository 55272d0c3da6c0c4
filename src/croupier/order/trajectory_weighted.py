"""Draw transitions of good trajectories more often: offline reinforcement learning on mixed data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.cumulative_weights import CumulativeWeights, cumulative_weights, weight_column
from croupier.core.key import Key
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadTable, checked_flag, checked_kind, checked_positive, keep_plain_numbers
from croupier.kernels.elementary import exponential

__all__ = ["TrajectoryWeighted"]

Float64 = npt.NDArray[np.float64]

ADVANTAGE_STEPS = 2.0**24
"""Advantages are rounded to this part of their range: solvers of linear equations differ in the last bits."""


@dataclass(frozen=True, slots=True)
class TrajectoryWeighted:
    """Draw transitions with replacement, by the return of their trajectory or by how much better it is than expected.

    Parameters
    ----------
    reward, trajectory : str
        Columns of the reward of each transition, and of the trajectory it belongs to (strings, or codes 0, 1, 2...).
    temperature : float
        With u a trajectory's score, min-max normalised to [0, 1], a transition weighs exp(u / temperature). The paper
        uses 0.1; higher is more uniform.
    initial_state : str, optional
        A column of states, shape (rows,) or (rows, d). With it the score is the return less what a linear regression
        on the trajectory's first state (its first row in the table) expects: advantage-weighted. Without it, the score
        is the return: return-weighted.
    per_trajectory : bool
        False: the softmax is over transitions, as published, so long trajectories are favoured. True: over
        trajectories, each of them drawn by its weight and then one of its transitions uniformly.

    Adds columns ``probability`` and ``importance_weight``. An epoch has as many draws as the table has rows.

    Guarantees: those of :class:`Weighted`. Prepares 8 to 12 bytes a row.

    Source: Hong et al., "Harnessing mixed offline reinforcement learning datasets via trajectory weighting" (ICLR
    2023), equations 6 to 8. Some published code normalises after the softmax; the normalisation belongs before it.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(reward=[1.0, 1.0, 0.0, 0.5], episode=[0, 0, 1, 2])      # returns 2, 0, 0.5
    >>> plan = cr.chain(TrajectoryWeighted("reward", "episode", temperature=1.0), cr.FixedSize(1))
    >>> weights = TrajectoryWeighted("reward", "episode", temperature=1.0).transition_weights(table)
    >>> (weights / weights[2]).round(3).tolist()                                 # exp(1), exp(1), exp(0), exp(1/4)
    [2.718, 2.718, 1.0, 1.284]
    """

    reward: str
    trajectory: str
    temperature: float = 0.1
    initial_state: str | None = None
    per_trajectory: bool = False
    name: str = "trajectory_weighted"

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        object.__setattr__(
            self, "per_trajectory", checked_flag("per_trajectory", self.per_trajectory, fix="pass True or False")
        )
        temperature = checked_positive("temperature", self.temperature, fix="the paper uses 0.1")
        object.__setattr__(self, "temperature", temperature)

    @property
    def prepared_per_epoch(self) -> bool:
        """Returns hold for the run."""
        return False

    def epoch_size(self, table: Table, epoch: int) -> int:
        """As many draws as rows."""
        return table.size

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """Running sums of the weights, and a guide to search them by."""
        return {"sums": cumulative_weights(self.transition_weights(table), self.reward)}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        sums: CumulativeWeights = context.prepared["sums"]
        return sums.draw(batches, context.epoch_key)

    def transition_weights(self, table: Table) -> Float64:
        """The weight of each transition, the largest 1 (or 1 over its length), shape (rows,)."""
        checked_kind("table", table, Table, fix="write Table(**columns)")
        counts = table.counts(self.trajectory)
        codes = table.column(self.trajectory).astype(np.int64)
        rewards = weight_column(table, self.reward).astype(np.float64)
        if not np.isfinite(rewards).all():
            bad = int(np.flatnonzero(~np.isfinite(rewards))[0])
            raise BadTable(self.reward, "be finite", f"{rewards[bad]} in row {bad}", "mend the rewards")
        there = np.flatnonzero(counts)
        returns = np.bincount(codes, weights=rewards, minlength=counts.size)
        scores: Float64 = returns.astype(np.float64)[there]
        if self.initial_state is not None:
            scores = _advantages(scores, self._first_states(table, self.initial_state, counts.size)[there])
        spread = float(scores.max() - scores.min())
        normalised = (scores - scores.min()) / spread if spread else np.zeros(scores.size)
        # Relative to the best, so that nothing overflows; what would vanish keeps the least weight there is.
        weights = np.zeros(counts.size)
        weights[there] = np.maximum(exponential((normalised - normalised.max()) / float(self.temperature)), 1e-300)
        per_row = weights / np.maximum(counts, 1) if self.per_trajectory else weights
        return per_row[codes]

    def _first_states(self, table: Table, state: str, trajectories: int) -> Float64:
        states = table.column(state)
        first: Int64 = np.full(trajectories, table.size - 1, dtype=np.int64)
        np.minimum.at(first, table.column(self.trajectory).astype(np.int64), np.arange(table.size))
        initial = states[first].reshape(trajectories, -1).astype(np.float64)
        if not np.isfinite(initial).all():
            raise BadTable(state, "be finite", "NaN or inf in a first state", "mend the states")
        return initial


def _advantages(returns: Float64, states: Float64) -> Float64:
    """Returns less their linear regression on the first states, in whole steps of the range of the returns."""
    design = np.column_stack([np.ones(returns.size), states])
    expected = design @ np.linalg.lstsq(design, returns, rcond=None)[0]
    step = float(returns.max() - returns.min()) / ADVANTAGE_STEPS
    return np.rint((returns - expected) / step) * step if step else np.zeros(returns.size)

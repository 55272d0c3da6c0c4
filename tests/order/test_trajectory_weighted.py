from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument, BadTable
from statistics_of_draws import standardised_chi_square

REWARDS = np.array([1.0, 1.0, 0.0, 0.5, 0.5, 0.25, -1.0, 4.0])
EPISODES = np.array([0, 0, 1, 2, 1, 2, 3, 3])
STATES = np.array([[0.0, 1.0], [9.0, 9.0], [1.0, 0.0], [2.0, 2.0], [9.0, 9.0], [9.0, 9.0], [0.0, 3.0], [9.0, 9.0]])


def table():
    return cr.Table(reward=REWARDS, episode=EPISODES, state=STATES)


def published(scores, alpha):
    """Min-max normalised scores of trajectories, softmax over transitions."""
    normalised = (scores - scores.min()) / (scores.max() - scores.min())
    weights = np.exp(normalised / alpha)[EPISODES]
    return weights / weights.sum()


@pytest.mark.parametrize("alpha", [0.1, 1.0])
def test_return_weights_are_the_formula(alpha):
    returns = np.array([REWARDS[i == EPISODES].sum() for i in range(4)])
    weights = cr.TrajectoryWeighted("reward", "episode", alpha).transition_weights(table())
    assert weights / weights.sum() == pytest.approx(published(returns, alpha))
    raw = np.exp(returns / alpha)[EPISODES]
    assert raw / raw.sum() != pytest.approx(published(returns, alpha), rel=0.1), "the mutant: raw returns"


def test_advantage_weights_are_the_formula():
    """Of five trajectories, for three coefficients fit three exactly."""
    rng = np.random.default_rng(0)
    episodes, rewards, states = np.repeat(np.arange(5), 3), rng.normal(size=15), rng.normal(size=(15, 2))
    returns = np.array([rewards[episodes == i].sum() for i in range(5)])
    first = states[[0, 3, 6, 9, 12]]
    design = np.column_stack([np.ones(5), first])
    residual = returns - design @ np.linalg.solve(design.T @ design, design.T @ returns)
    normalised = (residual - residual.min()) / np.ptp(residual)
    expected = np.exp(normalised / 0.5)[episodes]
    facts = cr.Table(reward=rewards, episode=episodes, state=states)
    weights = cr.TrajectoryWeighted("reward", "episode", 0.5, initial_state="state").transition_weights(facts)
    assert weights / weights.sum() == pytest.approx(expected / expected.sum(), rel=1e-5)


def test_trajectories_may_be_drawn_whatever_their_length():
    weights = cr.TrajectoryWeighted("reward", "episode", 1.0, per_trajectory=True).transition_weights(table())
    by_trajectory = np.bincount(EPISODES, weights=weights)
    returns = np.bincount(EPISODES, weights=REWARDS)
    expected = np.exp((returns - returns.min()) / np.ptp(returns))
    assert by_trajectory / by_trajectory.sum() == pytest.approx(expected / expected.sum())


def test_draws_follow_the_weights():
    """Chi-square over 8 transitions, 40 epochs of 8; repeated to 32,000 draws; 6 is passed below 1e-6."""
    plan = cr.chain(cr.TrajectoryWeighted("reward", "episode", 1.0), cr.FixedSize(8))
    program = cr.Dealer(plan, table(), seed=0).program
    ids = np.concatenate([program.segment(epoch, 0).batches.indices for epoch in range(4000)])
    returns = np.bincount(EPISODES, weights=REWARDS)
    assert abs(standardised_chi_square(np.bincount(ids, minlength=8), ids.size * published(returns, 1.0))) < 6
    assert abs(standardised_chi_square(np.bincount(ids, minlength=8), ids.size * published(returns, 0.8))) > 6


def test_equal_returns_and_extreme_temperatures_are_no_special_case():
    facts = cr.Table(reward=[1.0, 1.0, 2.0], episode=["a", "b", "c"])
    flat = cr.TrajectoryWeighted("reward", "episode").transition_weights(cr.Table(reward=[1.0, 1.0], episode=[0, 1]))
    assert flat.tolist() == [1.0, 1.0]
    cold = cr.TrajectoryWeighted("reward", "episode", 1e-9)
    assert cr.Dealer(cr.chain(cold, cr.FixedSize(3)), facts, seed=0).first() == [2, 2, 2]


def test_bad_arguments_are_refused():
    with pytest.raises(BadArgument, match=r"temperature must be a number above 0, got 0; the paper uses 0.1"):
        cr.TrajectoryWeighted("reward", "episode", 0)
    with pytest.raises(BadTable, match=r"'reward' must be finite, got nan in row 1"):
        cr.TrajectoryWeighted("reward", "episode").transition_weights(cr.Table(reward=[0.0, np.nan], episode=[0, 1]))
    with pytest.raises(BadTable, match=r"'episode' must hold strings or codes"):
        cr.TrajectoryWeighted("reward", "episode").transition_weights(cr.Table(reward=[0.0, 1.0], episode=[0.5, 1]))


def test_odd_columns_are_taken_or_refused():
    weights = cr.TrajectoryWeighted("reward", "episode").transition_weights(
        cr.Table(reward=[1.0, 2.0], episode=np.array([True, False]))
    )
    assert weights.shape == (2,)
    facts = cr.Table(reward=[1.0, 2.0, 3.0], episode=[0, 1, 2], state=[0.0, np.nan, 1.0])
    with pytest.raises(BadTable, match=r"'state' must be finite, got NaN or inf in a first state; mend the states"):
        cr.TrajectoryWeighted("reward", "episode", initial_state="state").transition_weights(facts)

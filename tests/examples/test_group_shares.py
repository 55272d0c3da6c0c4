from __future__ import annotations

import runpy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import group_shares as example


def all_groups(_number):
    return [True]


def shares_of(rule, rewards):
    return np.array([rule(rewards[:number]) for number in range(len(rewards))])


def regret(shares, rewards, is_mine):
    """Of a group: the best single source's rewards less those of the shares."""
    return rewards[is_mine].sum(axis=0).max() - (shares * rewards)[is_mine].sum()


def adversary(seed, rounds=150, arms=4):
    """Rewards in [0, 1] that reverse in every group."""
    rng = np.random.default_rng(seed)
    rewards = rng.uniform(0, 0.4, (rounds, arms))
    for step, arm in ((1, 0), (3, 1), (2, 2)):
        rewards[::step, arm] = rng.uniform(0.5, 1.0, len(rewards[::step]))
    return rewards


@pytest.mark.parametrize("seed", range(4))
def test_no_group_regrets(seed):
    """150 rounds: each group's regret is below 2 sqrt(T_group ln(arms groups)) + the price of the least share."""
    rewards = adversary(seed)
    is_in = np.array([example.groups_of(number) for number in range(len(rewards))])
    shares = shares_of(example.GroupShares(example.groups_of), rewards)
    for group in range(3):
        size = is_in[:, group].sum()
        assert regret(shares, rewards, is_in[:, group]) < 2 * np.sqrt(size * np.log(12)) + 0.02 * size


def test_one_rule_for_all_lets_a_group_down():
    """Planted: the bound of the test above is broken by a learner that knows no groups."""
    rewards = np.array([example.rewarded(number) for number in range(150)])
    is_in = np.array([example.groups_of(number) for number in range(150)])
    found = {}
    for name, awake in {"groups": example.groups_of, "one": all_groups}.items():
        shares = shares_of(example.GroupShares(awake), rewards)
        found[name] = [regret(shares, rewards, is_in[:, group]) / is_in[:, group].sum() for group in range(3)]
    assert max(found["groups"]) < 0.17
    assert found["one"][1] > 2 * found["groups"][1]


def test_those_asleep_neither_speak_nor_learn():
    """A group that is awake in odd rounds alone: what happens in even ones does not move its advice."""

    def awake(number):
        return [number % 2 == 1]

    rule = example.GroupShares(lambda number: [*awake(number), not awake(number)[0]], least=0.0)
    rewards = np.zeros((21, 3))
    rewards[1::2, 0] = rewards[::2, 2] = 1.0
    odd, even = rule(rewards), rule(rewards[:20])
    assert odd.argmax() == 0
    assert even.argmax() == 2
    rewards[::2] = rewards[::2, ::-1]
    assert rule(rewards) == pytest.approx(odd)


def test_hedge_weight():
    """From the definition; and for a small step its derivative by R, that of published programs, to a tenth."""

    def phi(r, c):
        return np.exp(max(r, 0) ** 2 / (3 * c))

    for r, c in ((0.0, 0.0), (-5.0, 8.0), (0.4, 2.0), (12.0, 40.0)):
        found = example.hedge_weight(np.array([r]), np.array([c]))[0]
        assert found == pytest.approx((phi(r + 1, c + 1) - phi(r - 1, c + 1)) / 2)
    r, c = 30.0, 400.0
    slope = 2 * r / (3 * c) * np.exp(r**2 / (3 * c))
    assert example.hedge_weight(np.array([r]), np.array([c]))[0] == pytest.approx(slope, rel=0.1)
    assert example.hedge_weight(np.array([-5.0]), np.array([8.0]))[0] == 0


@given(st.integers(0, 10**6), st.integers(0, 12), st.integers(2, 5))
def test_weights_are_shares_and_none_vanishes(seed, rounds, arms):
    """Also where all groups that are awake have done badly, and no weight is left; and where none is awake."""
    rewards = np.random.default_rng(seed).uniform(0, 1, (rounds, arms))
    for awake in (example.groups_of, all_groups, lambda number: [number % 5 == 1, True, number % 2 == 0]):
        weights = example.GroupShares(awake)(rewards)
        assert weights.sum() == pytest.approx(1.0)
        assert weights.min() >= 0.02 / arms - 1e-12


def test_its_figures(capsys):
    runpy.run_path(example.__file__, run_name="__main__")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    gained = [float(line[line.index("a") - 1]) for line in lines]
    assert len(gained) == 6
    assert gained[4] > gained[1] + 0.1
    assert all(grouped > alone + 0.01 for alone, grouped in zip(gained[:3], gained[3:], strict=True))

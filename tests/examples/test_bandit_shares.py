from __future__ import annotations

import json
import runpy
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bandit_shares as example
import croupier as cr

TABLE = cr.Table(source=np.repeat(np.arange(3), [90, 60, 150]))
RULE = example.SquareCB(scale=2.0, memory=0.9)
NOISE = np.random.default_rng(0).normal(size=300)


def begun(rule=RULE, **run):
    return example.LearnedShares(TABLE, "source", rule, (60, 10), **{"seed": 3, **run})


def reward(deal, best=(0.2, 0.9, 0.5)):
    return np.array(best)[deal.columns["source"]] + NOISE[deal.ids]


def play(run, rounds):
    """Rounds of one rank; the deals, and the shares that were decided."""
    deals = []
    for _ in range(rounds):
        for deal in run.round():
            run.observe(deal, reward(deal))
            deals.append(list(deal))
    return deals


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=6), st.floats(0.1, 20.0), st.integers(1, 30))
def test_square_cb_is_the_formula(means, scale, rounds):
    """Every arm but the best has 1 / (A + gamma gap), the best the rest: no less than any other."""
    means = np.array(means).round(3)
    weights = example.SquareCB(scale)(np.tile(means, (rounds, 1)))
    assert weights.sum() == pytest.approx(1.0)
    gamma, best = scale * np.sqrt(means.size * rounds), int(means.argmax())
    for arm, mean in enumerate(means):
        if arm != best:
            assert weights[arm] == pytest.approx(1 / (means.size + gamma * (means[best] - mean)))
            assert weights[best] >= weights[arm] - 1e-12


def test_nothing_seen_is_even_and_the_past_is_forgotten():
    assert example.SquareCB(1.0)(np.empty((0, 4))).tolist() == pytest.approx([0.25] * 4)
    rewards = np.vstack([np.tile([1.0, 0.0], (10, 1)), np.tile([0.0, 1.0], (5, 1))])
    assert example.SquareCB(1.0, memory=1.0)(rewards).argmax() == 0
    assert example.SquareCB(1.0, memory=0.5)(rewards).argmax() == 1


def test_an_arm_without_a_reward_in_a_round_is_known_from_others():
    """Where a round is short or an arm's share small; and one that never had any counts as the best."""
    rewards = np.array([[0.5, 0.9, np.nan], [0.5, np.nan, np.nan]])
    weights = example.SquareCB(1.0)(rewards)
    assert weights.tolist() == pytest.approx(example.SquareCB(1.0)(np.tile([0.5, 0.9, 0.9], (2, 1))).tolist())
    assert example.SquareCB(1.0)(np.full((2, 3), np.nan)).tolist() == pytest.approx([1 / 3] * 3)
    short = example.LearnedShares(TABLE, "source", RULE, (2, 2), seed=3)
    play(short, 4)
    assert np.isnan(short.rewards).any()
    assert len(short.stages) == 5


def test_rounds_are_dealt_by_the_shares_that_were_decided():
    """Within the four of the mixture's rule; and no row comes again before its source runs out."""
    run = begun()
    deals = play(run, 6)
    shares = np.array([list(shares.values()) for _, shares in run.stages])
    assert shares.argmax(axis=1)[1:].tolist() == [1] * 6
    for number in range(6):
        ids = np.concatenate(deals[6 * number : 6 * number + 6])
        counts = np.bincount(TABLE.column("source")[ids], minlength=3)
        assert np.abs(counts - 60 * shares[number] / shares[number].sum()).max() <= 4
        assert run.rewards[number] == pytest.approx(
            [(np.array([0.2, 0.9, 0.5])[s] + NOISE[ids[TABLE.column("source")[ids] == s]]).mean() for s in range(3)],
            abs=1e-5,
        )
    first_of = [i for i in np.concatenate(deals) if TABLE.column("source")[i] == 2]
    assert len(set(first_of[:150])) == len(first_of[:150])


def test_totals_go_on_over_rounds():
    """A schedule of samples sees one run, not many."""
    run = begun()
    play(run, 3)
    assert (run.dealer.cursor.samples, run.dealer.cursor.steps, run.dealer.cursor.epoch) == (180, 18, 3)


@pytest.mark.parametrize("stop", [0, 4, 6, 9, 17])
def test_a_run_that_stops_goes_on_as_if_it_had_not(stop):
    """Also within a round, and from a state that was written as text; also where the rule has changed meanwhile."""

    def steps(run, count, rounds):
        def all_of():
            for _ in range(rounds):
                for deal in run.round():
                    run.observe(deal, reward(deal))
                    yield list(deal)

        return list(islice(all_of(), count))

    whole, stopped, resumed = begun(), begun(), begun()
    deals = steps(whole, 24, 4)
    first = steps(stopped, stop, 4)
    resumed.load_state_dict(json.loads(json.dumps(stopped.state_dict())))
    assert first + steps(resumed, 24 - stop, 5) == deals
    other = begun(rule=example.SquareCB(scale=20.0))
    other.load_state_dict(stopped.state_dict())
    assert other.stages == stopped.stages  # what was decided stays decided


def test_ranks_decide_alike_and_as_one_does():
    """Two ranks that exchange sums; and whole numbers, so that their order decides nothing. Planted: each by itself."""
    alone = begun()
    play(alone, 4)
    ranks = [begun(rank=rank, world_size=2) for rank in range(2)]
    lonely = [begun(rank=rank, world_size=2) for rank in range(2)]
    for _ in range(4):
        sums = []
        rounds = [run.round(lambda _mine, sums=sums: sums) for run in ranks]
        for run, deals in zip(ranks, rounds, strict=True):
            for deal in islice(deals, 3):
                run.observe(deal, reward(deal))
            sums.append(run.sums)
        for deals in rounds:
            assert next(deals, None) is None
        for run in lonely:
            for deal in run.round():
                run.observe(deal, reward(deal))
    assert ranks[0].stages == ranks[1].stages == alone.stages
    assert lonely[0].stages != lonely[1].stages


def test_regret_is_below_that_of_even_shares_and_falls():
    """Bernoulli rewards in four problems of 5 arms and 200 rounds: less than a half, later rounds less than early."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        best, rewards, regrets = rng.uniform(0, 1, 5), np.empty((0, 5)), []
        for _ in range(200):
            weights = example.SquareCB(1.0)(rewards)
            regrets.append(best.max() - weights @ best)
            rewards = np.vstack([rewards, rng.binomial(40, best) / 40])
        assert np.mean(regrets) < (best.max() - best.mean()) / 2
        assert np.mean(regrets[150:]) < 0.7 * np.mean(regrets[:50])


def test_padding_is_not_observed():
    ranks = [begun(rank=rank, world_size=4) for rank in range(4)]
    for run in ranks:
        for deal in islice(run.round(), 2):
            run.observe(deal, np.ones(len(deal)))
    assert sum(run.sums[0].sum() for run in ranks) == 60


def test_its_figures(capsys):
    runpy.run_path(example.__file__, run_name="__main__")
    following = [[float(word) for word in line.split()[-4:]] for line in capsys.readouterr().out.splitlines()]
    assert [int(np.argmax(shares)) for shares in following] == [2] * 13 + [1] * 7

from __future__ import annotations

import runpy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
import source_tasks as example


def planted(seed, k=16, tasks=24):
    """Unit heads, and a target made of two of them."""
    heads = np.random.default_rng(seed).normal(size=(k, tasks))
    heads /= np.linalg.norm(heads, axis=0)
    return heads, heads[:, 3] + 0.7 * heads[:, 11]


@pytest.mark.parametrize("seed", range(10))
def test_nu_finds_the_tasks_that_the_target_is_made_of(seed):
    heads, target = planted(seed)
    nu = example.relevance(heads, target, strength=0.02)
    assert np.flatnonzero(np.abs(nu) > 0.05).tolist() == [3, 11]
    assert nu[[3, 11]] == pytest.approx([1.0, 0.7], abs=0.1)


@given(st.integers(0, 10**6), st.floats(0.01, 1.0), st.integers(2, 20), st.integers(1, 30))
def test_nu_is_the_least(seed, strength, k, tasks):
    """The gradient of the first term is -lambda times the sign where nu is not 0, and at most lambda elsewhere."""
    rng = np.random.default_rng(seed)
    heads, target = rng.normal(size=(k, tasks)), rng.normal(size=k)
    nu = example.relevance(heads, target, strength)
    gradient = 2 * heads.T @ (heads @ nu - target)
    slack = 0.02 * max(1.0, np.square(target).sum())
    assert np.abs(gradient).max() <= strength + slack
    assert gradient[nu != 0] == pytest.approx(-strength * np.sign(nu[nu != 0]), abs=slack)


def test_the_scale_of_lambda_is_seen():
    """Planted: the solver's own penalty, taken for lambda, breaks the condition."""
    heads, target = planted(0)
    nu = example.relevance(heads, target, 0.5 * 2 * 16)
    gradient = 2 * heads.T @ (heads @ nu - target)
    assert np.abs(gradient).max() > 2 * 0.5


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=12), st.integers(0, 30), st.integers(0, 500))
def test_round_counts(nu, least, more):
    """The oracle finds N by halving intervals."""
    nu = np.array(nu).round(3)
    samples = least * nu.size + more
    counts = example.round_counts(nu, samples, least)
    assert counts.sum() == samples
    assert (counts >= least).all()
    weights = np.abs(nu) if nu.any() else np.ones(nu.size)
    low, high = 0.0, samples / weights.max() + 1
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(least, middle * weights).sum() < samples else (low, middle)
    assert np.abs(counts - np.maximum(least, low * weights)).max() < 1.001


def test_too_large_a_least_is_refused():
    with pytest.raises(ValueError, match=r"least must be at most 33 for 3 tasks, got 34"):
        example.round_counts(np.ones(3), 100, least=34)


COUNTS = [np.array([250, 250, 250, 250]), np.array([600, 50, 300, 50]), np.array([40, 41, 42, 877])]
TABLE = cr.Table(task=np.repeat(np.arange(4), [1200, 900, 800, 1500]))


def test_rounds_are_dealt_by_their_counts():
    """Within the two samples of the mixture's rule; N_min of a task is honoured as nearly."""
    for last in range(3):
        ids = example.deal_round(TABLE, COUNTS[: last + 1])
        assert ids.size == 1000
        assert np.abs(np.bincount(TABLE.column("task")[ids]) - COUNTS[last]).max() <= 2


def test_no_row_comes_again_and_the_last_plan_is_the_run():
    rounds = [example.deal_round(TABLE, COUNTS[: last + 1], seed=5) for last in range(3)]
    ids = np.concatenate(rounds)
    assert np.unique(ids).size == 3000
    shares = cr.Stages(
        [(0, dict(enumerate(COUNTS[0]))), (1000, dict(enumerate(COUNTS[1]))), (2000, dict(enumerate(COUNTS[2])))]
    )
    dealer = cr.Dealer(cr.chain(cr.Mixture("task", shares, epoch_end=1000), cr.FixedSize(100)), TABLE, seed=5)
    assert [i for _ in range(3) for deal in dealer for i in deal] == ids.tolist()
    # Planted: a chain of its own for each round begins its passes anew.
    alone = [example.deal_round(TABLE, [counts], seed=5) for counts in COUNTS]
    assert np.unique(np.concatenate(alone)).size < 3000


def test_resumes_and_splits_over_ranks(check_resume_and_ranks):
    shares = cr.Stages([(place * 1000, dict(enumerate(counts))) for place, counts in enumerate(COUNTS)])
    check_resume_and_ranks(cr.chain(cr.Mixture("task", shares, epoch_end=1000), cr.FixedSize(50)), TABLE)


def test_the_error_is_lower_than_with_even_shares():
    """Six problems, equal samples: lower in each, and by a third or more on average; N_min honoured in the counts."""
    errors = []
    for seed in range(6):
        tasks = example.LowRankTasks(seed)
        even, rounds = example.alternate(tasks, 1e9), example.alternate(tasks, 0.2)
        assert all((counts == 125).all() for counts in even[0])
        assert all(counts.min() >= 40 and counts.sum() == 3000 for counts in rounds[0])
        assert set(np.argsort(rounds[0][-1])[-2:].tolist()) == {3, 11}
        errors.append((even[1], rounds[1]))
    assert all(by_nu < evenly for evenly, by_nu in errors)
    assert np.mean([by_nu for _, by_nu in errors]) < np.mean([evenly for evenly, _ in errors]) * 2 / 3


def test_shares_of_other_tasks_do_not_help():
    """Planted: the same rounds, with the counts of the two tasks given to two others."""
    tasks = example.LowRankTasks(0)
    rounds, error = example.alternate(tasks, 0.2)
    moved = [np.roll(counts, 5) for counts in rounds]
    ids = np.concatenate([example.deal_round(tasks.table, moved[: last + 1]) for last in range(3)])
    assert tasks.fit(ids)[2] > 1.5 * error


def test_its_figures(capsys):
    runpy.run_path(example.__file__, run_name="__main__")
    errors = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    assert len(errors) == 4
    assert all(by_nu < evenly for evenly, by_nu in zip(errors[::2], errors[1::2], strict=True))

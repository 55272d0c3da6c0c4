from __future__ import annotations

import runpy

import numpy as np
import pytest

import croupier as cr
import federated_clients as example


def plan_of(probability=0.5, cohort=10, order=None):
    return cr.chain(order or cr.Shuffle(), example.Anchors(probability), cr.FixedSize(cohort))


def marks_of(plan, clients, epochs, seed=0):
    """Whether each client is an anchor in each epoch, shape (epochs, clients)."""
    dealer, marks = cr.Dealer(plan, cr.Table(size=clients), seed=seed), np.full((epochs, clients), -1)
    for epoch in range(epochs):
        for deal in dealer:
            marks[epoch, deal.ids] = deal.columns["is_anchor"]
    assert (marks >= 0).all()
    return marks


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_the_share_of_anchors(probability):
    """100 clients, 60 epochs: each client, each epoch and all of them, and two epochs in a row, within 5 deviations.

    False alarms: below 3e-3 a case, by binomial tails. The mutant, a probability 0.1 larger, is caught by the whole.
    """

    def is_off(marks, expected):
        whole = marks.mean(axis=None)
        by = [(whole, marks.size), *((m, 60) for m in marks.mean(0)), *((m, 100) for m in marks.mean(1))]
        return max(abs(m - expected) / np.sqrt(expected * (1 - expected) / n) for m, n in by) > 5

    marks = marks_of(plan_of(probability), 100, 60)
    assert not is_off(marks, probability)
    mutant = marks_of(plan_of(probability + 0.0999), 100, 60)
    assert is_off(mutant, probability)
    both = (marks[1:] & marks[:-1]).mean()
    assert abs(both - probability**2) < 5 * np.sqrt(3 * probability**2 * (1 - probability**2) / 5900)


def test_none_and_all():
    assert marks_of(plan_of(0.0), 50, 3).sum() == 0
    assert marks_of(plan_of(1.0), 50, 3).sum() == 150


def test_marks_depend_on_seed_epoch_and_client_alone():
    """Not on the cohort, nor on the order that dealt the client."""
    marks = marks_of(plan_of(), 60, 4)
    assert (marks == marks_of(plan_of(cohort=7), 60, 4)).all()
    assert (marks == marks_of(plan_of(order=cr.Sequential()), 60, 4)).all()
    assert (marks != marks_of(plan_of(), 60, 4, seed=1)).any()
    assert (marks[0] != marks[1]).any()


def test_resumes_and_splits_over_ranks(check_resume_and_ranks):
    check_resume_and_ranks(plan_of(cohort=10), cr.Table(size=80))


@pytest.mark.parametrize("world_size", [1, 2, 5])
def test_a_cohort_shared_out_over_ranks_is_the_same(world_size, stream):
    """Cohorts, with their anchors, on ranks under Balanced; each client once an epoch."""
    table, plan = cr.Table(size=40), plan_of()
    ranks = [
        cr.Dealer(plan, table, seed=0, rank=r, world_size=world_size, split=cr.Balanced()) for r in range(world_size)
    ]
    whole = cr.Dealer(plan, table, seed=0)
    for _ in range(3):
        seen = []
        for shares, deal in zip(zip(*ranks, strict=True), whole, strict=True):
            marks = {i: bool(m) for share in shares for i, m in zip(share, share.columns["is_anchor"], strict=True)}
            assert marks == dict(zip(deal, deal.columns["is_anchor"].tolist(), strict=True))
            seen += marks
        assert sorted(seen) == list(range(40))


def last_losses(seed, rate, **anchors):
    problem = example.LeastSquares(clients=40, rows=40, size=8, seed=seed)
    losses = list(example.train(problem, cr.Dealer(plan_of(), cr.Table(size=40), seed=seed), 100, rate, **anchors))
    assert len(losses) == 100
    return np.mean(losses[-20:])


def test_the_gradient_and_the_best_model():
    problem = example.LeastSquares(clients=5, rows=30, size=4, seed=1)
    x, small = np.ones(4), 1e-6
    losses = [np.square(problem.features[2] @ (x + small * e) - problem.targets[2]).mean() / 2 for e in np.eye(4)]
    base = np.square(problem.features[2] @ x - problem.targets[2]).mean() / 2
    assert problem.gradient(2, x) == pytest.approx((np.array(losses) - base) / small, abs=1e-3)
    mean = np.mean([problem.gradient(client, problem.best) for client in range(5)], axis=0)
    assert np.abs(mean).max() < 1e-9
    assert problem.excess(problem.best) == 0
    whole = np.square(np.einsum("crs,s->cr", problem.features, x) - problem.targets).mean() / 2
    least = np.square(np.einsum("crs,s->cr", problem.features, problem.best) - problem.targets).mean() / 2
    assert problem.excess(x) == pytest.approx(whole - least)


@pytest.mark.parametrize("seed", range(4))
def test_fedamd_ends_lower_than_fedavg(seed):
    """Mean excess loss of the last 20 of 100 rounds: less than a tenth, whichever of three rates FedAvg is given."""
    fedavg = min(last_losses(seed, rate, use_anchors=False) for rate in (0.005, 0.01, 0.02))
    assert last_losses(seed, 0.01, use_anchors=True) < fedavg / 10


def test_without_corrections_it_is_no_better(monkeypatch):
    """Planted: a cache that is never refreshed."""
    fedavg = last_losses(0, 0.01, use_anchors=False)

    def nobody(self, batches, context):
        return batches.with_columns(is_anchor=np.zeros(batches.indices.size, bool))

    monkeypatch.setattr(example.Anchors, "plan", nobody)
    assert last_losses(0, 0.01, use_anchors=True) > fedavg


def test_its_figures(capsys):
    runpy.run_path(example.__file__, run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    losses = [[float(word) for word in line.split(":")[1].split()] for line in lines]
    assert len(losses[0]) == len(losses[1]) == 10
    assert losses[1][-1] < 0.001
    assert losses[0][-1] > 0.01

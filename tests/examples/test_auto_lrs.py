from __future__ import annotations

import numpy as np
import pytest
import torch

import auto_lrs as example
import croupier as cr
from croupier.torch import BatchSampler, Loader, Rewindable


def quadratic():
    """Curvatures from 0.2 to 1, noise in each row: above a rate of 2 it diverges, and the best is not far below."""
    generator = torch.Generator().manual_seed(0)
    rows = 0.02 * torch.randn(600, 10, generator=generator)
    curvatures = torch.linspace(0.2, 1, 10)
    sampler = BatchSampler(cr.chain(cr.Shuffle(), cr.FixedSize(20)), cr.Table(size=600), seed=0)
    model = torch.nn.Linear(10, 1, bias=False)
    torch.nn.init.constant_(model.weight, 5.0)

    def loss(model, batch):
        return (curvatures * (model.weight - batch) ** 2).sum(dim=1).mean() / 2

    stream = Rewindable(Loader(rows, sampler))
    return example.Training(model, torch.optim.SGD(model.parameters()), stream, loss)


def bits(training):
    moments = [value for state in training.optimizer.state_dict()["state"].values() for value in state.values()]
    return [tensor.clone() for tensor in (*training.model.state_dict().values(), *moments, torch.get_rng_state())]


@pytest.mark.parametrize("fresh_batches", [False, True])
def test_a_search_leaves_no_trace(fresh_batches):
    """With Adam's moments and dropout, over the end of an epoch: weights, moments, draws, stream as without it."""
    searched, plain = (example.digits(torch.optim.Adam) for _ in range(2))
    draws = torch.get_rng_state()
    searched.train(1e-3, 50)
    before = bits(searched)
    rate, tried = example.Search(1e-4, 1.0, 4, fresh_batches)(searched, 40)
    assert rate in [r for r, _ in tried]
    assert len(tried) == 4
    assert all(torch.equal(old, new) for old, new in zip(before, bits(searched), strict=True))
    assert searched.stream.kept_batches == (16 if fresh_batches else 4)
    after = searched.train(rate, 40)
    torch.set_rng_state(draws)
    plain.train(1e-3, 50)
    assert plain.train(rate, 40) == after
    assert all(torch.equal(old, new) for old, new in zip(bits(plain), bits(searched), strict=True))
    assert plain.stream.state_dict() == searched.stream.state_dict()


def test_probes_see_the_same_batches_or_fresh_ones():
    seen = []

    class Watched(example.Training):
        def train(self, rate, steps):
            seen.append([next(self.stream).sum().item() for _ in range(steps)])
            return [1.0 / rate] * steps

    made = quadratic()
    watched = Watched(made.model, made.optimizer, made.stream, made.loss)
    example.Search(0.1, 10.0, 3)(watched, 50)
    assert seen[0] == seen[1] == seen[2]
    example.Search(0.1, 10.0, 3, fresh_batches=True)(watched, 50)
    assert seen[3] == seen[0]
    assert len({tuple(batches) for batches in seen[3:]}) == 3


def test_the_rate_is_near_the_best_there_is():
    def after(rate):
        return float(np.mean(quadratic().train(rate, 60)[-6:]))

    rates = np.geomspace(1e-3, 10, 25)
    best = rates[np.nanargmin([after(rate) for rate in rates])]
    rate, tried = example.Search(1e-3, 10.0)(quadratic(), 60)
    assert 0.3 < best < 2
    assert best / 3 < rate < 2
    assert after(rate) < 1.5 * after(best)
    assert max(loss for r, loss in tried if r > 2) > 10 * min(loss for _, loss in tried)


@pytest.mark.parametrize("scale", [5.0, 40.0])
def test_forecasts_of_what_falls_exponentially(scale):
    time = np.arange(40)
    assert example.forecast((3 * np.exp(-time / scale) + 0.5).tolist(), 400) == pytest.approx(0.5, abs=0.05)
    noise = np.random.default_rng(0).normal(0, 0.05, 40)
    assert example.forecast((3 * np.exp(-time / scale) + 0.5 + noise).tolist(), 400) == pytest.approx(0.5, abs=0.3)


def test_forecasts_of_what_does_not_fall():
    assert example.forecast([1.0, np.inf, np.nan, np.nan], 40) == 2.0
    assert example.forecast([1.0, 9.0, 40.0, 7.0, 5.0, 4.0], 40) == 2.0
    assert example.forecast([1.0, 1.2, 1.1, 1.1], 40) == pytest.approx(1.1)


def test_proposals_find_the_lowest_place():
    tried, losses = [], []
    for _ in range(10):
        tried.append(example.proposal(tried, losses))
        losses.append((tried[-1] - 0.73) ** 2)
    assert abs(tried[int(np.argmin(losses))] - 0.73) < 0.03
    assert len(set(tried)) >= 8


def test_stages_double_and_train_on():
    training = quadratic()
    stages = list(example.auto_lrs(training, example.Search(1e-3, 10.0, 4), stages=5, tau=10))
    assert [steps for steps, _, _ in stages] == [10, 20, 40, 80, 80]
    assert training.stream.cursor.steps == 230
    assert stages[-1][2] < 0.01

"""A loop whose batches grow: it learns in fewer steps, resumes bit for bit, and the published rule overshoots."""

from __future__ import annotations

import copy
import math
import runpy

import pytest
import torch

import adadagrad as example
import croupier as cr


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def corrected(eta=1.0, **settings):
    return cr.BatchSizeController(cr.NormTest(eta=eta), quantum=4, most=512, **settings)


def epochs_of(training, count):
    return [list(training.epoch()) for _ in range(count)]


def test_batches_grow_and_every_row_is_dealt_once_an_epoch():
    training = example.digits(corrected())
    epochs = epochs_of(training, 3)
    sizes = [size for epoch in epochs for size, _ in epoch[:-1]]
    assert sizes[0] == 8
    assert sizes == sorted(sizes)
    assert sizes[-1] >= 32
    assert all(size % 4 == 0 for size in sizes)
    assert [sum(size for size, _ in epoch) for epoch in epochs] == [1797] * 3
    assert len(epochs[0]) > 2 * len(epochs[2])


def test_it_learns_as_small_batches_do_in_fewer_steps():
    """The loss of the last epoch, after as many samples; a fixed size of 8 takes 675 steps."""
    fixed = example.digits(corrected(pace=cr.ResizePace(growth=1.0)))
    small = epochs_of(fixed, 3)
    grown = epochs_of(example.digits(corrected()), 3)
    assert sum(map(len, small)) == 675
    assert sum(map(len, grown)) < 675 / 4
    last = [sum(loss for _, loss in epochs[2]) / len(epochs[2]) for epochs in (small, grown)]
    assert last[1] < 0.5 < sum(loss for _, loss in small[0][:20]) / 20
    assert last[1] < 4 * last[0]


@pytest.mark.parametrize("stop", [1, 20, 60])
def test_it_resumes_bit_for_bit(stop):
    whole = example.digits(corrected())
    steps = [step for _ in range(2) for step in whole.epoch()]
    stopped = example.digits(corrected())
    going = (step for _ in range(2) for step in stopped.epoch())
    before = [next(going) for _ in range(stop)]
    state = copy.deepcopy(stopped.state_dict())
    resumed = example.digits(corrected())
    resumed.load_state_dict(state)
    left = list(resumed.epoch())
    if len(before) + len(left) < len(steps):
        left += resumed.epoch()
    assert before + left == steps
    assert all(torch.equal(a, b) for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True))


def test_the_published_rule_goes_further_on_the_same_data():
    """It ratchets up on the noise of single batches; at eta 1 the interval of the corrected one says it is too far."""
    published = example.digits(cr.adadagrad(cr.NormTest(eta=1.0), quantum=4, most=512))
    epochs_of(published, 2)
    ours = example.digits(corrected())
    epochs_of(ours, 2)
    assert published.held.size > ours.held.size


def test_a_step_weighs_its_own_samples_where_every_step_is_observed():
    """Between tests too: as where none says how many samples have passed."""
    training, alone = example.digits(corrected(pace=cr.ResizePace(test_steps=50))), cr.GradientNoise(5_000)
    observe = training.noise.observe
    training.noise.observe = lambda norms, **told: (observe(norms, **told), alone.observe(norms))
    epochs_of(training, 1)
    assert training.noise.state_dict() == alone.state_dict()


def test_single_samples_are_looked_at_where_a_test_is_due(monkeypatch):
    looked = []
    counted = example.per_sample_norms
    monkeypatch.setattr(example, "per_sample_norms", lambda *a, **k: looked.append(1) or counted(*a, **k))
    pace = cr.ResizePace(test_steps=10, confidence=0.8)
    controller = cr.BatchSizeController(cr.AugmentedTest(theta=0.9, nu=2.0), quantum=4, most=64, pace=pace)
    training = example.digits(controller, by_samples=True)
    steps = list(training.epoch())
    assert len(looked) == len(steps) // 10
    assert math.isfinite(training.noise.estimate.along)


def test_it_runs(capsys):
    runpy.run_path(example.__file__, run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines] == [
        "norm test, corrected", "norm test, as published", "augmented inner product, corrected",
    ]  # fmt: skip
    assert all(float(line.split()[-1]) < 0.6 for line in lines)

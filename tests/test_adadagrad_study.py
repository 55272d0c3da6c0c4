from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import adadagrad, gradient_overhead  # noqa: E402
from benchmarks.adadagrad import Arm, Run  # noqa: E402

import croupier as cr  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data():
    """Pictures of one bright row each, which says the class."""
    rng = np.random.default_rng(0)

    def pictures(count):
        labels = rng.integers(0, 10, count)
        images = rng.normal(size=(count, 1, 28, 28)).astype(np.float32)
        images[np.arange(count), 0, 2 * labels + 3] += 2
        return torch.from_numpy(images), torch.from_numpy(labels)

    return SimpleNamespace(train=pictures(60_000), test=pictures(200))


def test_arms_are_what_they_say():
    arms = {arm.name: arm for arm in adadagrad.arms()}
    assert [arm.size for name, arm in arms.items() if name.startswith("fixed")] == [8, 64, 512]
    assert all(arm.controller is None for name, arm in arms.items() if name.startswith("fixed"))
    assert isinstance(arms["published, eta 0.1"].controller.policy, cr.AsPublished)
    assert arms["published, eta 0.1"].per_sample
    assert arms["corrected, eta 2.0"].controller.policy == cr.NormTest(2.0)
    assert arms["eta 2.0, rate by root"].rate_by_root


def test_runs_are_counted_and_what_grows_is_logged(data):
    for arm in adadagrad.arms():
        run = adadagrad.train(arm, data, 1, budget=0.3, every=0.1)
        assert run.seconds[-1] >= 0.2
        assert run.steps == sorted(run.steps)
        assert sum(np.diff([0, *run.samples]) <= 0) == 0
        if arm.name.startswith("fixed"):
            assert run.samples[-1] == arm.size * run.steps[-1]
        assert bool(run.log) == arm.name.startswith(("corrected", "eta"))


def test_a_network_learns_and_other_rules_can_be_asked(data):
    arm = next(arm for arm in adadagrad.arms() if arm.name == "corrected, eta 1.0")
    run = adadagrad.train(arm, data, 2, budget=3.0, every=1.0)
    assert run.accuracy[-1] > 0.5
    sizes = adadagrad.what_others_would_do(run)
    assert all(8 <= size <= adadagrad.MOST for chosen in sizes.values() for size in chosen)
    assert sizes["norm test, eta 0.5"][-1] >= sizes["norm test, eta 1 (the noise scale)"][-1]


def test_a_target_is_reached_by_three_evaluations_together():
    run = Run("any", 0, steps=[1, 2, 3, 4, 5], seconds=[0.1, 0.2, 0.3, 0.4, 0.5], accuracy=[0.5, 0.9, 0.7, 0.8, 0.9])
    assert run.until(0.79) == (4, 0.4)
    assert run.until(0.85) is None


def test_what_is_shown(data, capsys):
    runs = [adadagrad.train(Arm(f"fixed {size}", size), data, seed, budget=0.3, every=0.1)
            for size in (8, 64) for seed in (1, 2)]  # fmt: skip
    adadagrad.show(runs)
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in shown[1:3]] == [["fixed", "8"], ["fixed", "64"]]


def test_overhead_is_a_share_of_a_step():
    for work in gradient_overhead.works():
        milliseconds, percent = gradient_overhead.added(work, steps=6)
        assert milliseconds > 1
        assert -90 < percent < 200

from __future__ import annotations

import runpy

import numpy as np
import pytest
import torch

import croupier as cr
import on_policy_correction as example

SHAPE = (example.STATES, example.ACTIONS)
TARGET = torch.randn(*SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def runs(count):
    return TARGET.expand(count, -1, -1)


def buffers(count, steps=40, seed=0):
    """Counts of actions drawn on-policy."""
    return example.collect(runs(count), torch.zeros(count, *SHAPE), steps, cr.Key(seed), correcting=False)[-1]


def test_the_descent_begins_against_the_excess_of_counts():
    """To be exact: against the count of an action less what the target gives it of its state's."""
    counts, moved = buffers(6), runs(6).clone().requires_grad_()
    share = counts / counts.sum(dim=(1, 2), keepdim=True)
    ratio = (moved.log_softmax(dim=-1) - runs(6).log_softmax(dim=-1)).exp()
    (share * torch.maximum(ratio, ratio.clamp(0.7, 1.3))).sum().backward()
    excess = share - share.sum(dim=-1, keepdim=True) * runs(6).softmax(dim=-1)
    assert torch.allclose(moved.grad, excess, atol=1e-6)


def test_what_is_held_too_often_becomes_less_likely_and_within_bounds():
    counts = buffers(30)
    behaviour = example.corrected(runs(30), counts)
    aim, found = runs(30).softmax(dim=-1), behaviour.softmax(dim=-1)
    of_state = counts / counts.sum(dim=-1, keepdim=True).clamp(min=1)
    expected = (counts.sum(dim=-1, keepdim=True) * (of_state - aim) * (found - aim)).sum()
    assert expected < 0
    share = counts.sum(dim=-1) / counts.sum(dim=(1, 2))[:, None]
    apart = (share * (aim * (aim / found).log()).sum(dim=-1)).sum(dim=-1)
    assert (apart <= 0.03 + 1e-6).all()
    assert apart.mean() > 0.01


def test_a_buffer_that_is_on_policy_is_left_alone():
    """As far as steps of a fixed length can: nothing but rounding is descended, and every run by itself."""
    exact = runs(1).softmax(dim=-1) * 8
    behaviour = example.corrected(runs(1), exact)
    excess = example.corrected(runs(1), exact + torch.eye(5, 4) * 8)
    assert (behaviour - runs(1)).softmax(dim=-1).std() < (excess - runs(1)).softmax(dim=-1).std()
    several = example.corrected(runs(4), buffers(4))
    assert torch.equal(several[2], example.corrected(runs(4)[2:3], buffers(4)[2:3])[0])


def test_the_sampling_error_falls_faster():
    """Over 24 runs of 32 to 256 steps: on-policy as 1 / n, corrected in a steeper line, by a third at least.

    The error on-policy is near (A - 1) S / 2 n. Planted: pushing up what the buffer holds makes it no better.
    """
    steps = np.array([32, 64, 128, 256])

    def errors(correcting):
        history = example.collect(runs(24), torch.zeros(24, *SHAPE), 256, cr.Key(5), correcting=correcting)
        return np.array([example.sampling_error(runs(24), history[n]).mean().item() for n in steps])

    on_policy, corrected = errors(correcting=False), errors(correcting=True)
    assert on_policy[-1] == pytest.approx(3 * 5 / 2 / 256, rel=0.25)
    slopes = [np.polyfit(np.log(steps), np.log(each), 1)[0] for each in (on_policy, corrected)]
    assert slopes[0] == pytest.approx(-1, abs=0.15)
    assert slopes[1] < slopes[0] - 0.2
    assert corrected[-1] < on_policy[-1] / 2


def test_pushing_the_other_way_does_not_help(monkeypatch):
    """Planted: the behaviour's move, mirrored in the target."""
    mend = example.corrected
    monkeypatch.setattr(example, "corrected", lambda target, counts: 2 * target - mend(target, counts))
    history = example.collect(runs(24), torch.zeros(24, *SHAPE), 128, cr.Key(5), correcting=True)
    mirrored = example.sampling_error(runs(24), history[-1]).mean()
    assert mirrored > 1.5 * example.sampling_error(runs(24), buffers(24, 128, seed=5)).mean()


def test_sampling_error_is_the_divergence():
    """From the definition, state by state; a state or an action that is not in the buffer adds nothing."""
    counts = buffers(3, steps=12)
    for run in range(3):
        total, n = 0.0, counts[run].sum().item()
        for state in range(example.STATES):
            here = counts[run, state]
            for action in range(example.ACTIONS):
                if here[action]:
                    found = (here[action] / here.sum()).item()
                    total += here.sum().item() / n * found * np.log(found / TARGET[state].softmax(0)[action].item())
        assert example.sampling_error(runs(3), counts)[run].item() == pytest.approx(total, abs=1e-5)


def test_every_step_adds_an_action_and_keys_decide_all():
    history = example.collect(runs(5), torch.zeros(5, *SHAPE), 30, cr.Key(1), correcting=True)
    assert [int(counts.sum()) for counts in history] == [5 * n for n in range(31)]
    again, other = (
        example.collect(runs(5), torch.zeros(5, *SHAPE), 30, cr.Key(key), correcting=True)[-1] for key in (1, 2)
    )
    assert torch.equal(history[-1], again)
    assert not torch.equal(history[-1], other)


def test_actions_are_drawn_by_the_policy():
    """40,000 of one state, within 5 deviations: false alarms below 3e-6. Caught: the policy of another state."""
    policy, draws = runs(1).expand(40_000, -1, -1), torch.rand(40_000, generator=torch.Generator().manual_seed(0))
    counts = np.bincount(example.drawn(policy, torch.full((40_000,), 2), draws), minlength=4)

    def is_off(state):
        share = TARGET[state].softmax(0).numpy()
        return (np.abs(counts - 40_000 * share) > 5 * np.sqrt(40_000 * share * (1 - share))).any()

    assert not is_off(2)
    assert is_off(3)


def test_its_figures(capsys, monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda _threads: None)
    runpy.run_path(example.__file__, run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    errors = [[float(word) for word in line.split(":")[1].split()] for line in lines]
    assert errors[2][-1] < errors[0][-1] / 2
    assert errors[3][-1] < errors[1][-1]

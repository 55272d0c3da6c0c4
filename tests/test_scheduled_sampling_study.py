from __future__ import annotations

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import scheduled_sampling as study  # noqa: E402
from benchmarks.scheduled_sampling import FORCED, NOISE, OWN_HALF, Control, Run, Sizes  # noqa: E402

import croupier as cr  # noqa: E402

SMALL = Sizes(run_samples=96, held_out=8, width=8, layers=2, control_epochs=0)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def text():
    return study.read_text(SMALL.held_out)


def model_of(seed=0):
    torch.manual_seed(seed)
    return study.ByteModel(8, 2)


def controls(gain, noise=0.01):
    rng = np.random.default_rng(0)
    return [
        Control(arm, seed, 0.9, 0.6 + gain * (arm == OWN_HALF) + rng.normal(0, noise))
        for seed in range(5)
        for arm in (FORCED, OWN_HALF)
    ]


def runs(alone):
    rng = np.random.default_rng(0)
    found = []
    for seed in range(5):
        shift = rng.normal(0, 0.1)
        for arm in study.arms(2):
            figures = [0.4 + shift, 0.3 + shift, [0.1] * len(study.HORIZONS), alone.get(arm, 0.1) + shift, 0.1]
            found.append(Run(arm, seed, 1.0, *figures))
    return found


def test_text_has_no_runs_of_blanks_and_none_of_what_is_held_out(text):
    train, held_out = (samples.tobytes() for samples in text)
    assert not re.search(rb"  |\t|\n\n", text[0][5].tobytes() + text[1][5].tobytes())
    assert text[0].shape[1] == text[1].shape[1] == study.SAMPLE_BYTES + 1
    assert all(sample.tobytes() not in train for sample in text[1])
    assert len(held_out) == SMALL.held_out * (study.SAMPLE_BYTES + 1)


def test_arms_end_where_they_say_and_work_is_matched():
    arms = study.arms(8000)
    ends = {arm: (share(0), share(8000), length) for arm, (share, length) in arms.items()}
    assert ends[FORCED] == (1.0, 1.0, 1.0)
    assert ends[study.FORCED_LONGER] == (1.0, 1.0, pytest.approx(5 / 3))
    assert ends[study.OWN_QUARTER] == ends[NOISE] == (1.0, 0.75, 1.0)
    assert ends[OWN_HALF] == (1.0, 0.5, 1.0)


def test_figures_are_what_they_are_called(text):
    """From the definition: byte after byte, each row alone."""
    model, held_out = model_of(), text[1]
    truth, mixed, horizons, alone, spaces = study.measured(model, held_out)
    end = study.PROMPT_BYTES + study.FREE_BYTES
    is_right, written = [], []
    with torch.no_grad():
        for row in torch.from_numpy(held_out[:, :end].astype(np.int64)):
            own = row[: study.PROMPT_BYTES]
            for _ in range(study.FREE_BYTES):
                own = torch.cat([own, model(own[None])[0, -1:].argmax(dim=-1)])
            is_right.append((own == row)[study.PROMPT_BYTES :].double())
            written.append((own == 32)[study.PROMPT_BYTES :].double())
        rows = torch.from_numpy(held_out[:, :end].astype(np.int64))
        said = model(rows[:, :-1]).argmax(dim=-1)[:, study.PROMPT_BYTES - 1 :]
    assert truth == pytest.approx((said == rows[:, study.PROMPT_BYTES :]).double().mean().item())
    assert alone == pytest.approx(torch.stack(is_right).mean().item())
    assert horizons[2] == pytest.approx(torch.stack(is_right)[:, 2:4].mean().item())
    assert spaces == pytest.approx(torch.stack(written).mean().item())
    assert 0 <= mixed <= 1


def test_noise_stands_where_own_bytes_would_and_is_of_the_text(text):
    """And the labels are the truth in both."""
    batch, key = study.as_batch(text[0][:32], range(32), prompt=1), cr.Key(3)
    noise = study.noisy(batch, text[0], 0.5, key)
    is_changed = noise["input_ids"] != batch.tokens
    is_own = (batch.draws(key.child("own")) >= 0.5) & batch.is_answer
    assert not is_changed[~is_own].any()
    assert is_changed[is_own].double().mean() > 0.8  # the rest is the same byte by chance
    assert torch.equal(noise["labels"], batch.inputs(batch.tokens)["labels"])
    assert set(noise["input_ids"].unique().tolist()) <= set(np.unique(text[0]).tolist())


def test_a_seed_gives_all_arms_the_same_beginning_and_another_not(text, monkeypatch):
    """Before a share of own bytes has come up, arms are the same run."""
    monkeypatch.setattr(study, "arms", lambda _samples: dict.fromkeys("abc", (lambda _samples: 1.0, 1.0)))
    first, second = (study.train(arm, text, 5, SMALL) for arm in "ab")
    assert first.given_truth == second.given_truth
    assert first.alone == second.alone
    other = study.train("c", text, 6, SMALL)
    assert (other.given_truth, other.given_mixed) != (first.given_truth, first.given_mixed)


def test_the_whole_study_gives_the_same_again_and_prints_it(text, capsys):
    found = list(study.study(text, [1, 2], SMALL))
    apart = [one for one in found if isinstance(one, Run)]
    assert len({(run.arm, run.seed) for run in apart}) == len(apart) == 2 * len(study.arms(2))
    for run in (apart[3], apart[-1]):
        again = study.train(run.arm, text, run.seed, SMALL)
        assert (run.given_truth, run.given_mixed, run.alone) == (again.given_truth, again.given_mixed, again.alone)
    study.show(apart, [one for one in found if isinstance(one, Control)], text[1])
    printed = capsys.readouterr().out
    assert "VOID: the control failed" in printed  # nothing was trained
    assert "own, to 1/2 - teacher forcing" in printed


def test_the_control_is_what_was_decided():
    assert study.control_holds(controls(0.2))
    assert not study.control_holds(controls(0.05))
    assert not study.control_holds(controls(0.15, noise=0.2))
    assert not study.control_holds(controls(-0.2))


def test_differences_are_paired_by_seed():
    """A shift by seed, ten times the difference, does not hide it."""
    found = study.comparisons(runs({OWN_HALF: 0.11}))
    gain = found[OWN_HALF, FORCED, "alone_mean"]
    assert gain.mean == pytest.approx(0.01)
    assert gain.is_seen
    assert not found[NOISE, FORCED, "alone_mean"].is_seen

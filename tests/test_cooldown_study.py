from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import cooldown  # noqa: E402
from benchmarks.cooldown import COOLDOWN_ARM, HIGH_ARM, LOW_ARM, PLANTED, UPWEIGHT_ARM, Difference, Run, Sizes  # noqa: E402

import croupier as cr  # noqa: E402

SMALL = Sizes(run_samples=128, batch_samples=32, width=8, layers=2, evaluations=2)
NAMES = ["large", "middle", "small", "smallest", PLANTED]


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def sources():
    return cooldown.read_sources()


@pytest.fixture(scope="module")
def few(sources):
    return [sources[place] for place in (3, 4, 5, 6, 7)]


def invented(losses, *, seeds=3):
    """Runs that ended with these losses by arm; each seed moves all arms alike, and each run a little by itself."""
    rng = np.random.default_rng(0)
    runs = []
    for seed in range(seeds):
        shift = rng.normal(0, 0.5)
        for arm, values in losses.items():
            held_out = (np.array(values) + shift + rng.normal(0, 0.01, len(values))).tolist()
            runs.append(Run(arm, seed, 1.0, [1.0] * len(values), [held_out] * 2, held_out))
    return runs


def everywhere(**planted):
    return {
        arm: [2.0, 2.0, 2.0, 2.0, planted.get(name, 2.0)] for arm, name in zip(cooldown.arms(2), "abcd", strict=True)
    }


def test_sources_are_of_very_unequal_size_and_share_no_text_with_what_is_held_out(sources):
    sizes = [len(source.train) for source in sources if source.name != PLANTED]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 50 * sizes[-1]
    for source in sources:
        assert source.train.shape[1] == source.held_out.shape[1] == cooldown.SAMPLE_BYTES + 1
        assert 12 <= len(source.held_out) <= cooldown.MOST_HELD_OUT


def test_every_byte_of_a_text_is_predicted_once_on_one_side():
    text = np.random.default_rng(0).integers(0, 256, 20 * cooldown.BLOCK_BYTES + 1, dtype=np.uint8)
    cut = cooldown.source_of("text", text.tobytes())
    predicted = np.concatenate([cut.train[:, 1:].ravel(), cut.held_out[:, 1:].ravel()])
    assert Counter(predicted.tolist()) == Counter(text[1:].tolist())
    assert len(cut.held_out) == 4 * cooldown.BLOCK_BYTES // cooldown.SAMPLE_BYTES
    whole = text.tobytes()
    assert all(whole.count(sample.tobytes()) == 1 for sample in cut.train[:8])


def test_the_planted_language_is_a_fixed_table_of_keys_and_values():
    records = cooldown.planted_language(20_000).split(b";")[:-1]
    table = dict(record.split(b"=") for record in records)
    assert len(table) == cooldown.KEYS
    assert all(table[key] == value for key, value in (record.split(b"=") for record in records))
    assert len(set(table.values())) == cooldown.KEYS
    assert cooldown.planted_language(20_000)[:5000] == cooldown.planted_language(5000)


def test_arms_deal_what_their_names_say():
    table = cr.Table(domain=["large"] * 3200 + ["small"] * 100)
    dealt = {}
    for arm, mixture in cooldown.arms(2000).items():
        deals = list(cr.Dealer(cr.chain(mixture, cr.FixedSize(10)), table, seed=0))
        assert sum(map(len, deals)) == 2000
        small = [sum(row >= 3200 for deal in half for row in deal) for half in (deals[:100], deals[100:])]
        dealt[arm] = small
    low, high = 1000 * 1 / 33, 1000 * 1 / 3  # 32 ** (1 / 5) is 2
    expected = {LOW_ARM: (low, low), HIGH_ARM: (high, high), COOLDOWN_ARM: (high, low), UPWEIGHT_ARM: (low, low)}
    for arm, counts in dealt.items():
        assert counts == pytest.approx(expected[arm], abs=2), arm


def test_the_upweighted_arm_reaches_the_target_of_the_upsampled_one(sources):
    counts = [len(source.train) for source in sources]
    table = cr.Table(domain=np.repeat([source.name for source in sources], counts))
    weights, dealt = np.zeros(len(counts)), np.zeros(len(counts))
    owners = np.repeat(np.arange(len(counts)), counts)
    for arm, into in ((UPWEIGHT_ARM, weights), (HIGH_ARM, dealt)):
        for deal in cr.Dealer(cr.chain(cooldown.arms(50_000)[arm], cr.FixedSize(1000)), table, seed=0):
            np.add.at(into, owners[deal.ids], deal.columns.get("weight", np.ones(len(deal))))
    assert weights / weights.sum() == pytest.approx(dealt / dealt.sum(), rel=0.01)


def test_the_model_sees_only_the_past():
    torch.manual_seed(0)
    model = cooldown.ByteModel(width=8, layers=3)
    data = torch.randint(0, 256, (1, 40))
    changed = data.clone()
    changed[0, 20] = (changed[0, 20] + 1) % 256
    moved = (model(data) - model(changed)).abs().sum(dim=2)[0] > 1e-6
    assert not moved[:20].any()
    assert not moved[28:].any()
    assert moved[20]


def test_learning_rates_rise_once_and_fall_to_a_tenth():
    shares = [cooldown.learning_rate_share(step, 200) for step in range(200)]
    assert max(shares) == pytest.approx(1.0)
    assert shares[:10] == sorted(shares[:10])
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert shares[-1] == pytest.approx(0.1, abs=0.01)


def test_runs_are_paired_and_repeat_themselves(few):
    by_arm = {run.arm: run for run in cooldown.study(few, [3], SMALL)}
    assert list(by_arm) == list(cooldown.arms(2))
    for arm in (COOLDOWN_ARM, UPWEIGHT_ARM):
        again = cooldown.train(arm, cooldown.arms(SMALL.run_samples)[arm], few, 3, SMALL)
        assert replace(again, seconds=0) == replace(by_arm[arm], seconds=0)
    assert len(by_arm[LOW_ARM].held_out) == SMALL.evaluations
    # Until it switches, Cooldown is the fixed high temperature: the same weights, the same batches, the same losses.
    assert by_arm[COOLDOWN_ARM].held_out[0] == by_arm[HIGH_ARM].held_out[0]
    assert by_arm[COOLDOWN_ARM].held_out[1] != by_arm[HIGH_ARM].held_out[1]
    assert by_arm[UPWEIGHT_ARM].held_out[0] != by_arm[LOW_ARM].held_out[0]
    assert by_arm[UPWEIGHT_ARM].passes == by_arm[LOW_ARM].passes


def test_the_order_of_arms_changes_from_seed_to_seed(few):
    arms = [run.arm for run in cooldown.study(few, [1, 2], replace(SMALL, run_samples=64))]
    assert arms[0] == LOW_ARM
    assert arms[4] == HIGH_ARM
    assert Counter(arms) == dict.fromkeys(cooldown.arms(2), 2)


def test_differences_are_paired_and_their_interval_covers():
    """Of 400 intervals at 95 % about 20 miss; more than 36 or fewer than 7 come with probability below 1e-3."""
    rng = np.random.default_rng(1)
    seen = 0
    for _ in range(400):
        common = rng.normal(0, 10, 4)
        seen += Difference.of((common + rng.normal(0, 1, 4)).tolist(), (common + rng.normal(0, 1, 4)).tolist()).is_seen
    assert 7 <= seen <= 36
    assert Difference.of([1.0, 2.0, 3.0], [0.0, 1.0, 2.1]).mean == pytest.approx(2.9 / 3)


def test_groups_are_the_larger_and_the_smaller_half_without_the_planted_source():
    assert cooldown.groups(NAMES) == {"largest": [0], "head": [0, 1], "tail": [2, 3], PLANTED: [4]}


@pytest.mark.parametrize(
    ("planted", "holds"),
    [
        ({"a": 2.0, "b": 1.0}, True),
        ({"a": 2.0, "b": 1.85}, False),  # sure, but small
        ({"a": 1.0, "b": 2.0}, False),  # the wrong way round
        ({}, False),  # a harness whose arms are all the same
        ({"b": float("nan")}, False),
    ],
)
def test_the_control_asks_for_a_large_and_sure_gain(planted, holds):
    assert cooldown.control_holds(invented(everywhere(**planted)), NAMES) is holds


def test_the_control_refuses_a_large_gain_that_is_not_sure():
    runs = invented(everywhere())
    for run in runs:
        if run.arm == HIGH_ARM:
            run.held_out[-1][-1] -= (0.1, 0.2, 3.0)[run.seed]
    assert not cooldown.control_holds(runs, NAMES)


def test_it_says_void_where_the_control_fails_and_what_was_found_where_it_holds(few, capsys):
    cooldown.show(invented(everywhere()), few)
    assert "VOID" in capsys.readouterr().out
    losses = everywhere(b=1.0)
    losses[COOLDOWN_ARM] = [2.5, 2.5, 1.5, 1.5, 1.5]
    cooldown.show(invented(losses), few)
    shown = capsys.readouterr().out
    assert "VOID" not in shown
    assert "tail, cooldown against T=1: lower by 0.5" in shown
    assert "largest source, cooldown against T=1: HIGHER by 0.5" in shown
    cooldown.show(invented({**losses, COOLDOWN_ARM: losses[LOW_ARM]}), few)
    assert "tail, cooldown against T=1: no difference seen" in capsys.readouterr().out


def test_the_report_is_json(few):
    written = json.loads(json.dumps(cooldown.report(invented(everywhere(b=1.0)), few, SMALL)))
    assert written["control_holds"] is True
    assert len(written["runs"]) == 12
    assert {entry["group"] for entry in written["differences"]} == {"largest", "head", "tail", PLANTED}


def test_a_trained_model_shows_the_planted_effect_and_a_harness_without_arms_does_not(few, monkeypatch):
    """The control end to end, at sizes that take seconds; the mutant deals every arm at T = 1."""
    names = [source.name for source in few]
    sizes = Sizes(run_samples=768, batch_samples=8, width=24, layers=3, evaluations=1)
    chosen = {arm: mixture for arm, mixture in cooldown.arms(sizes.run_samples).items() if arm in (LOW_ARM, HIGH_ARM)}
    monkeypatch.setattr(cooldown, "arms", lambda _: chosen)
    assert cooldown.control_holds(list(cooldown.study(few, [1, 2], sizes)), names)
    mutant = dict.fromkeys(chosen, chosen[LOW_ARM])
    monkeypatch.setattr(cooldown, "arms", lambda _: mutant)
    assert not cooldown.control_holds(list(cooldown.study(few, [1, 2], sizes)), names)

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier import schedules as s
from croupier.errors import BadArgument

RAMP = cr.BatchSizeRamp([(0, 256), (10_000, 512), (50_000, 1024)])
SEESAWED = s.Seesaw(largest=1024).of(s.cosine(10**6), 256, length=10**6)
ADAM = s.KeptInSamples(256, beta2=0.95, weight_decay=0.1)


@given(st.integers(0, 10**6))
def test_it_is_the_schedule_times_the_rule_at_the_size_of_the_moment(samples):
    lr = s.cosine(10**6, warmup=10**4, peak=3e-4)
    plan = cr.TrainingPlan(RAMP, lr, rule=s.SqrtScaling(256))
    assert plan(samples) == lr(samples) * (RAMP.size_at(samples) / 256) ** 0.5
    assert cr.TrainingPlan(RAMP, lr)(samples) == lr(samples)


def test_a_schedule_in_tokens_is_read_in_tokens():
    clock = cr.TrainingClock(RAMP, tokens_per_sample=2048)
    lr = s.linear(10**9, warmup=10**8)
    plan = cr.TrainingPlan(clock, lr, s.Clock.TOKENS)
    assert [plan(samples) for samples in (0, 12_345, 10**5)] == [lr(samples * 2048) for samples in (0, 12_345, 10**5)]


def test_every_row_is_a_step_and_every_change_has_one():
    clock = cr.TrainingClock(RAMP, tokens_per_sample=2048)
    plan = cr.TrainingPlan(clock, s.linear(10**5), rule=s.LinearScaling(256), optimizer=ADAM)
    table = plan.table(10**5, world_size=4, micro_batch=32, lines=5)
    assert {row.step for row in table.rows} >= {stretch.steps for stretch in RAMP.stretches}
    for row in table.rows:
        assert row.sample == RAMP.samples_at(row.step)
        assert row.tokens == 2048 * row.sample
        assert row.batch_size == RAMP.size_at(row.sample) == 4 * 32 * row.accumulation
        assert row.learning_rate == plan(row.sample)
        assert row.beta2 == pytest.approx(0.95 ** (row.batch_size / 256))
        assert row.weight_decay == pytest.approx(0.1)  # a linear rule leaves it
    assert table.steps == RAMP.steps_at(10**5)
    assert table.steps_of_first_size == 10**5 // 256


def test_it_prints_what_is_known_and_nothing_else():
    text = str(cr.TrainingPlan(RAMP, s.constant(peak=3e-4)).table(10**5, world_size=8, lines=1))
    head, *rows, last = text.splitlines()
    assert head.split("  ") == ["sample", "step", "batch size", "accumulation", "learning rate"]
    assert len(rows) == 4
    assert rows[1].split() == ["10,240", "40", "512", "1", "0.0003"]
    assert last == "100,000 samples in 166 steps, 57.4% fewer than with the first batch size"


def test_seesaw_is_planned_without_a_rule():
    lr = s.cosine(10**6, warmup=10**4, peak=1e-3)
    seesawed = s.Seesaw(largest=1024, multiple_of=32).of(lr, 256, length=10**6, warmup=10**4)
    plan = cr.TrainingPlan(seesawed.ramp, seesawed.learning_rate)
    rates = [row.learning_rate for row in plan.table(10**6, world_size=8, micro_batch=4).rows if row.sample >= 10**4]
    assert rates == sorted(rates, reverse=True)


def test_it_is_json():
    clock = cr.TrainingClock(RAMP, tokens_per_sample=2048.5)
    written = json.loads(json.dumps(cr.TrainingPlan(clock, s.linear(10**5), optimizer=ADAM).table(10**5).to_dict()))
    assert written["steps"] == RAMP.steps_at(10**5)
    assert set(written["rows"][0]) == {
        "sample", "tokens", "step", "batch_size", "accumulation", "learning_rate", "beta2", "weight_decay",
    }  # fmt: skip
    assert "linear" in written["plan"].lower()


def test_arrays_of_samples_for_a_plot():
    plan = cr.TrainingPlan(RAMP, s.cosine(10**5), rule=s.SqrtScaling(256))
    samples = np.arange(0, 10**5, 977)
    assert plan(samples) == pytest.approx([plan(int(at)) for at in samples])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: cr.TrainingPlan(256, s.constant()), r"clock must be a TrainingClock or a BatchSizeRamp, got 256"),
        (lambda: cr.TrainingPlan(RAMP, 3e-4), r"learning_rate must be callable, got 0.0003; write schedules.constant"),
        (lambda: cr.TrainingPlan(RAMP, s.Phases), r"learning_rate must be callable, got <class"),
        (
            lambda: cr.TrainingPlan(RAMP, s.constant(), "steps"),
            r"reads must be a Clock, got 'steps'; write schedules.Clock",
        ),
        (
            lambda: cr.TrainingPlan(RAMP, s.constant(), rule="sqrt"),
            r"rule must be callable, got 'sqrt'; write schedules",
        ),
        (lambda: cr.TrainingPlan(RAMP, s.constant(), rule=s.SqrtScaling), r"rule must be callable, got <class"),
        (
            lambda: cr.TrainingPlan(SEESAWED.ramp, SEESAWED.learning_rate, rule=s.SqrtScaling(64)),
            r"rule must be left out with the rate of Seesaw, got SqrtScaling\(tuned_at=64\); its rate goes by the batc",
        ),
        (
            lambda: cr.TrainingPlan(RAMP, s.constant(), optimizer={"beta2": 0.95}),
            r"optimizer must be KeptInSamples, got 'dict'; write KeptInSamples\(256",
        ),
        (
            lambda: cr.TrainingPlan(RAMP, s.constant(), s.Clock.STEPS),
            r"reads must be another clock than steps where the",
        ),
        (
            lambda: cr.TrainingPlan(RAMP, s.constant(), s.Clock.TOKENS),
            r"tokens_per_sample must be known to read",
        ),
        (lambda: cr.TrainingPlan(RAMP, s.constant()).table(0), r"length must be an integer >= 1, got 0"),
        (
            lambda: cr.TrainingPlan(RAMP, s.constant()).table(9, lines=0),
            r"lines must be an integer >= 1 and <= 10000, got 0",
        ),
        (
            lambda: cr.TrainingPlan(RAMP, s.constant()).table(10**5, world_size=3),
            r"batch size must be a multiple of world_size x micro_batch = 3 x 85, got 256 from sample 0; change",
        ),
    ],
)
def test_bad_plans_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()


def test_steps_are_a_clock_where_the_batch_size_stays():
    plan = cr.TrainingPlan(cr.TrainingClock(256), s.linear(100), s.Clock.STEPS)
    assert plan(50 * 256) == 0.5


@pytest.mark.parametrize("now", [float("nan"), float("inf"), np.float32("-inf")])
def test_no_moment_has_no_rate(now):
    with pytest.raises(BadArgument, match=r"now must be a number of samples, got .*; pass cursor.samples"):
        s.TrainingPlan(RAMP, s.cosine(10**6), rule=s.SqrtScaling(256))(now)

from __future__ import annotations

import json

import numpy as np
import pytest

import croupier as cr
from croupier import schedules
from croupier.errors import BadArgument

RAMP = cr.BatchSizeRamp([(0, 10), (100, 20)])
PLAN = cr.TrainingPlan(RAMP, schedules.cosine(400, warmup=40, peak=1e-3), rule=schedules.SqrtScaling(10))


def as_planned(steps=20):
    samples = [RAMP.samples_at(step) for step in range(steps)]
    return [cr.TakenStep(at, RAMP.size_at(at), float(np.float32(PLAN(at)))) for at in samples]


def test_a_run_that_followed_its_plan_is_said_to_have():
    compared = cr.compare_schedule(PLAN, as_planned())
    assert str(compared) == "20 steps, 300 samples\nbatch size: as planned\nlearning rate: as planned"
    told = json.loads(json.dumps(compared.to_dict()))
    assert told["size_parts_at"] is told["rate_parts_at"] is None
    assert told["largest_rate_ratio"] == pytest.approx(1)


def test_where_a_run_left_its_plan_is_said():
    taken = as_planned()
    taken[7:] = [step._replace(learning_rate=step.learning_rate * 2) for step in taken[7:]]
    taken[12] = taken[12]._replace(batch_size=10)
    compared = cr.compare_schedule(PLAN, taken)
    assert (compared.rate_parts_at, compared.size_parts_at) == (70, 140)
    assert compared.to_dict()["steps_of_another_size"] == 1
    assert compared.to_dict()["largest_rate_ratio"] == pytest.approx(2)
    assert "batch size: not as planned from sample 140 on, 10 for 20" in str(compared)


def test_a_rate_that_is_no_number_is_none_of_the_plan():
    taken = as_planned()
    taken[9] = taken[9]._replace(learning_rate=float("nan"))
    compared = cr.compare_schedule(PLAN, taken)
    assert compared.rate_parts_at == 90
    assert "learning rate: not as planned from sample 90 on, nan for" in str(compared)
    assert compared.to_dict()["largest_rate_ratio"] == float("inf")


def test_schedules_that_take_numbers_alone_are_compared_too():
    for schedule in (lambda now: 1e-3 if now < 50 else 1e-4, lambda _: 1e-3):
        plan = cr.TrainingPlan(RAMP, schedule)
        taken = [step._replace(learning_rate=schedule(step.samples)) for step in as_planned()]
        assert cr.compare_schedule(plan, taken).rate_parts_at is None


def test_bad_arguments_are_refused():
    with pytest.raises(BadArgument, match=r"plan must be a TrainingPlan, got 3"):
        cr.compare_schedule(3, as_planned())
    with pytest.raises(BadArgument, match=r"taken must be TakenSteps, one at least"):
        cr.compare_schedule(PLAN, [])
    with pytest.raises(BadArgument, match=r"taken must ascend in samples, got 0 after 180; drop what was logged"):
        cr.compare_schedule(PLAN, [*as_planned(15), *as_planned(2)])

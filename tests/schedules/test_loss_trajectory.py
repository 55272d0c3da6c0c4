from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import schedules as s
from croupier.errors import BadArgument

LAW = s.CriticalBatchLaw.kaplan()
TRAJECTORY = s.LossTrajectory(2.0, scale=2_100, alpha=0.76, law=LAW)


@given(st.floats(10, 1e7), st.floats(1e3, 1e8))
def test_the_loss_is_the_one_on_both_sides(steps, size):
    loss = TRAJECTORY.loss(steps, size)
    least = steps / (1 + LAW(loss) / size)
    assert loss == pytest.approx(2.0 + (2_100 / least) ** 0.76, rel=1e-9)
    assert TRAJECTORY.steps(loss, size) == pytest.approx(steps, rel=1e-6)


def test_at_the_critical_batch_size_it_takes_twice_the_least_steps_and_samples():
    loss = 2.5
    critical = LAW(loss)
    least_steps, least_samples = TRAJECTORY.steps(loss, 1e30), TRAJECTORY.steps(loss, 1e-9) * 1e-9
    assert TRAJECTORY.steps(loss, critical) == pytest.approx(2 * least_steps)
    assert TRAJECTORY.steps(loss, critical) * critical == pytest.approx(2 * least_samples)


def test_a_small_run_at_one_size_predicts_others():
    """Fitted to a run of one batch size, it gives the loss at four and a quarter of it."""
    steps = np.geomspace(300, 30_000, 60)
    seen = TRAJECTORY.loss(steps, 200_000) * np.exp(1e-4 * np.random.default_rng(0).normal(size=60))
    fitted = s.LossTrajectory.fit(steps, seen, batch_size=200_000, law=LAW)
    assert (fitted.limit, fitted.alpha) == (pytest.approx(2.0, rel=0.01), pytest.approx(0.76, rel=0.02))
    for size in (50_000, 800_000):
        assert fitted.loss(steps, size) == pytest.approx(TRAJECTORY.loss(steps, size), rel=5e-3)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: s.LossTrajectory(0, 1, 1, LAW), r"limit must be a number above 0, got 0; fit it: .fit"),
        (
            lambda: s.LossTrajectory(1, 1, 1, 2048),
            r"law must be a CriticalBatchLaw, got 2048; write CriticalBatchLaw.ka",
        ),
        (
            lambda: s.LossTrajectory.fit([1], [1], batch_size=1, law=s.CriticalBatchLaw),
            r"law must be a CriticalBatchLaw",
        ),
        (
            lambda: TRAJECTORY.loss(0, 10),
            r"steps must be above 0, got 0; the loss before the first",
        ),
        (
            lambda: TRAJECTORY.loss([1000, float("nan")], 5e5),
            r"steps must be above 0, got \[1000, nan",
        ),
        (lambda: TRAJECTORY.loss(1000, float("nan")), r"batch_size must be above 0, got nan"),
        (lambda: TRAJECTORY.steps(float("nan"), 10), r"loss must be above 0, got nan"),
        (
            lambda: s.LossTrajectory.fit([float("nan"), *range(1, 9)], range(9, 0, -1), batch_size=1, law=LAW),
            r"(steps|losses) must be above 0",
        ),
        (lambda: TRAJECTORY.steps(2.0, 10), r"loss must be above the limit 2.0, got 2.0; a larger model has a lower"),
        (lambda: s.LossTrajectory.fit([1, 2], [3, 2], batch_size=1, law=LAW), r"losses must be 8 or more above 0"),
        (
            lambda: s.LossTrajectory.fit(range(1, 10), range(1, 10), batch_size=1, law=LAW),
            r"losses must fall to a limit above 0, got 1.0 to 9.0; smooth, or train longer",
        ),
    ],
)
def test_bad_values_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()

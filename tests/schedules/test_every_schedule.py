"""What holds for every schedule: it is a value, of numbers and of arrays, and never asks an array a question."""

from __future__ import annotations

import importlib
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest

import croupier as cr
from croupier import schedules as s

RAMP = cr.BatchSizeRamp([(0, 8), (40, 16), (200, 32)])
CLOCK = cr.TrainingClock(RAMP, tokens_per_sample=4, flops_per_token=6, seconds_per_step={8: 1, 16: 1.5, 32: 2})

SCHEDULES = {
    "constant": s.constant(warmup=10),
    "linear": s.linear(100, warmup=10, peak=3e-4, floor=0.1),
    "cosine": s.cosine(100, warmup=10),
    "polynomial": s.polynomial(100, power=3),
    "rex": s.rex(100, a=0.9),
    "exponential": s.exponential(30, floor=0.2),
    "inverse_sqrt": s.inverse_sqrt(warmup=10),
    "warmup_stable_decay": s.warmup_stable_decay(100, warmup=10, decay=30),
    "cosine_with_restarts": s.cosine_with_restarts(100, cycles=3, growth=2, warmup=10),
    "one_cycle": s.one_cycle(100),
    "phases": s.Phases([s.Hold(10, 0.5), s.Warmup(10, 0.5, s.Cosine()), s.Decay(30, s.Exponential(3))], start=7),
    "square": s.Phases([s.Decay(90, s.OneMinusSquare())]),
    "cooldown": s.Cooldown(s.inverse_sqrt(warmup=10), begins=50, length=20, floor=0.1),
    "falling cooldown": s.Cooldown(s.inverse_sqrt(warmup=10), begins=50, length=20, keeps_falling=True),
    "scaled": s.Scaled(s.linear(100), 3),
    "stretched": s.Stretched(s.linear(20), Fraction(13, 3)),
    "warmed": s.Warmed(s.exponential(30), 20),
    "power law": s.PowerLaw(RAMP, tokens_per_sample=4, peak=20.0),
    "power": s.power(s.PowerLaw(RAMP, 1, peak=20.0), 100, warmup=20, decay=20),
    "tabulated": s.Tabulated([0.0, 1.0, 0.2, 0.0], length=90, peak=2.0),
    "seesaw": s.Seesaw(64).of(s.cosine(100, warmup=10), 8, length=100, warmup=10).learning_rate,
    "on clock": s.OnClock(s.linear(400), CLOCK, reads=s.Clock.TOKENS, given=s.Clock.STEPS),
    "plan": cr.TrainingPlan(CLOCK, s.linear(700), s.Clock.TOKENS, s.SqrtScaling(8)),
}  # fmt: skip
EVERY = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
MOMENTS = np.arange(0, 130)


class Traced(np.ndarray):
    """An array that is not known yet, as under ``jax.jit``: it has no truth, and no number comes out of it."""

    def __bool__(self):
        raise TypeError("a traced value was asked for its truth")

    __int__ = __float__ = __index__ = __bool__


@EVERY
def test_a_number_gives_a_float_and_an_array_the_same_floats(schedule):
    one_by_one = [schedule(int(moment)) for moment in MOMENTS]
    assert {type(value) for value in one_by_one} == {float}
    together = schedule(MOMENTS)
    assert together.dtype == np.float64
    assert together.tolist() == pytest.approx(one_by_one, rel=1e-13)
    assert schedule(MOMENTS.reshape(13, 10)).tolist() == together.reshape(13, 10).tolist()
    assert type(schedule(np.int64(7))) is float
    assert min(one_by_one) >= 0


@EVERY
def test_no_array_is_asked_for_its_truth(schedule):
    traced = MOMENTS.astype(float).view(Traced)
    assert np.asarray(schedule(traced)).tolist() == schedule(MOMENTS).tolist()


@EVERY
def test_it_is_traced_by_jax(schedule):
    """Live where JAX is installed, in its float32."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed; a stand-in that refuses the same is tested above")
    jax = importlib.import_module("jax")
    traced = jax.jit(schedule)(jax.numpy.arange(130))
    assert np.asarray(traced).tolist() == pytest.approx(schedule(MOMENTS).tolist(), rel=1e-4, abs=1e-4)


@EVERY
def test_it_is_a_value(schedule):
    copy = pickle.loads(pickle.dumps(schedule))
    assert copy == schedule
    assert copy(33) == schedule(33)
    assert hash(copy) == hash(schedule)


@EVERY
def test_after_its_end_it_stays_or_falls(schedule):
    late = schedule(np.array([500, 501, 10**6, 10**9, 10**15]))
    assert np.all(np.diff(late) <= 0)
    assert schedule(2**62) <= late[-1] * (1 + 1e-12)


@pytest.mark.parametrize("name", ["cosine", "phases", "falling cooldown", "stretched", "power", "seesaw"])
def test_its_repr_makes_it_again(name):
    names = {**vars(s), "Fraction": Fraction, "inf": math.inf}
    assert eval(repr(SCHEDULES[name]), names) == SCHEDULES[name]


def test_clocks_beyond_the_floats_are_exact():
    """A warm-up of a million samples, a quadrillion times a thousand into a clock: not a sample is lost."""
    start = 2**62
    schedule = s.Phases([s.Warmup(10**6)], start=start)
    assert [schedule(start + k) for k in (0, 1, 250_000)] == [0.0, pytest.approx(1e-6, rel=1e-9), 0.25]
    assert s.linear(2**63)(2**62) == 0.5


def test_torch_and_its_kin_take_them_as_they_are():
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=3e-4)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, s.linear(10, warmup=2))
    rates = []
    for _ in range(11):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx(
        [3e-4 * factor for factor in [0, 0.5, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8, 0]]
    )


def test_a_clock_of_the_run_drives_torch_and_survives_a_restart():
    """The rate follows the samples that were dealt, so a resumed run goes on with the rate it would have had."""
    torch = pytest.importorskip("torch")

    def run(dealer, steps):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        schedule = s.cosine(100, warmup=20)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: schedule(dealer.cursor.samples))
        rates = []
        for _, _ in zip(range(steps), dealer, strict=False):
            optimizer.step()
            scheduler.step()
            rates.append(optimizer.param_groups[0]["lr"])
        return rates

    def dealer():
        return cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(7)), cr.Table(size=100), seed=0)

    whole, first = run(dealer(), 12), dealer()
    begun = run(first, 5)
    second = dealer()
    second.load_state_dict(first.state_dict())
    assert begun + run(second, 7) == whole

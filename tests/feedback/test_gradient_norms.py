"""Two numbers without bias, from groups of any sizes and weights; refusals by their text."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import GradientNorms, InnerProducts
from croupier.errors import BadArgument
from gaussian_gradients import spectrum, steps

NOISE_SCALE = 30.0


def standard_errors_off(values, truth):
    return abs(np.mean(values) - truth) / (np.std(values, ddof=1) / math.sqrt(len(values)))


@pytest.mark.parametrize("sizes", [[8, 8], [4] * 8, [1, 2, 5, 24], [1] * 16])
def test_both_numbers_are_unbiased(sizes):
    """2,000 steps of known gradients. Within 4.5 standard errors: false alarms below 1e-5 each; fixed seed.

    The mutants, 1 / n for 1 / (n - 1) and the batch's own square, are further away than that.
    """
    log = list(steps(2000, groups=0, size=0, sizes=sizes, noise_scale=NOISE_SCALE))
    assert standard_errors_off([norms.gradient_squared for norms in log], 1.0) < 4.5
    assert standard_errors_off([norms.noise_trace for norms in log], NOISE_SCALE) < 4.5
    assert standard_errors_off([norms.whole for norms in log], 1.0) > 10
    n = len(sizes)
    assert standard_errors_off([norms.noise_trace * (n - 1) / n for norms in log], NOISE_SCALE) > 4.5


def test_unequal_groups_that_count_alike():
    """A mean of means, over groups of 1, 2, 5 and 24 samples; as :func:`test_both_numbers_are_unbiased`.

    The planted mutant takes them for four groups of 8.
    """
    rng = np.random.default_rng(0)
    sizes = np.array([1, 2, 5, 24])
    deviations = np.sqrt(spectrum(NOISE_SCALE, 20) / sizes[:, None])
    right, mutant = [], []
    for _ in range(2000):
        gradients = 20**-0.5 + rng.normal(size=(4, 20)) * deviations
        squares, whole = (gradients**2).sum(1), (gradients.mean(0) ** 2).sum()
        right.append(GradientNorms.of_groups(squares, whole, sizes, np.ones(4)))
        mutant.append(GradientNorms.of_groups(squares, whole, 8))
    for name, truth in (("gradient_squared", 1.0), ("noise_trace", NOISE_SCALE)):
        assert standard_errors_off([getattr(norms, name) for norms in right], truth) < 4.5
    assert standard_errors_off([norms.noise_trace for norms in mutant], NOISE_SCALE) > 20


@given(
    st.lists(st.tuples(st.integers(1, 40), st.floats(0.1, 10)), min_size=2, max_size=6),
    st.integers(0, 2**32 - 1),
)
def test_what_a_weighted_mean_costs_is_what_is_added(groups, seed):
    """The two equations of ``of_groups``, solved by NumPy."""
    sizes, weights = np.array([size for size, _ in groups], float), np.array([weight for _, weight in groups])
    gradients = np.random.default_rng(seed).normal(size=(len(groups), 3))
    shares = weights / weights.sum()
    norms = GradientNorms.of_groups((gradients**2).sum(1), ((shares @ gradients) ** 2).sum(), sizes, weights)
    equations = [[1, (shares / sizes).sum()], [1, (shares**2 / sizes).sum()]]
    expected = np.linalg.solve(equations, [norms.groups, norms.whole])
    assert [norms.gradient_squared, norms.noise_trace] == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert norms.noise_trace > -1e-9


def test_equal_groups_are_what_adaptdl_has():
    """(count * total - local) / (count - 1) and (local - total) * scale / (count - 1), with the samples of a group."""
    norms = GradientNorms(groups=5.0, whole=2.0, group_samples=8, samples=32)
    assert norms.gradient_squared == pytest.approx((4 * 2.0 - 5.0) / 3)
    assert norms.noise_trace == pytest.approx((5.0 - 2.0) * 4 / 3 * 8)


def test_a_log_is_plain_numbers():
    norms = GradientNorms(3.0, 1.0, 2, 8, InnerProducts(0.1, -0.3), 0.7)
    again = GradientNorms.from_dict(json.loads(json.dumps(norms.to_dict())))
    assert again == norms
    assert again.inner.along == -0.3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GradientNorms(math.nan, 1, 1, 2), r"groups must be a finite number >= 0, got nan; leave out a step"),
        (lambda: GradientNorms(1, math.inf, 1, 2), r"whole must be a finite number >= 0, got inf; leave out a step wh"),
        (lambda: GradientNorms(1, -1, 1, 2), r"whole must be a finite number >= 0, got -1;"),
        (
            lambda: GradientNorms(1, 1, 8, 8),
            r"group_samples must be above 0 and below samples=8, got 8.0; take two gro",
        ),
        (lambda: GradientNorms(1, 1, 0, 8), r"group_samples must be above 0 and below samples=8, got 0.0"),
        (lambda: GradientNorms(1, 1, 1, 2, (-1, 0)), r"inner.variance must be a finite number >= 0, got -1"),
        (lambda: GradientNorms(1, 1, 1, 2, (1, math.nan)), r"inner.along must be finite, got nan; leave out such a"),
        (lambda: GradientNorms(1, 1, 1, 2, None, math.inf), r"loss must be finite, got inf; leave out such a step"),
        (lambda: GradientNorms.of_groups([1.0], 1, 2), r"squared_norms must be those of two groups at least, got \(1"),
        (
            lambda: GradientNorms.of_groups([1.0, 1.0], whole=9.0, samples=8),
            r"whole must be at most the mean of squared_norms, 1, got 9.0; pass the squared norm of the groups' mean",
        ),
        (lambda: GradientNorms.of_groups([1.0, 1], 1, [2, 0]), r"samples must be above 0, got \[2.0, 0.0\]; leave out"),
        (lambda: GradientNorms.of_groups([1.0, 1], 1, 2, [1, -1]), r"weights must be above 0, got \[1.0, -1.0\]"),
    ],
)
def test_errors(call, message):
    with pytest.raises(BadArgument, match=message):
        call()


@pytest.mark.parametrize(("samples", "rule"), [(1e-200, "and >= 1e-150"), (1e200, r"and <= 1e\+150")])
def test_numbers_of_samples_have_a_size_that_can_be_calculated_with(samples, rule):
    with pytest.raises(BadArgument, match=rf"samples must be above 0 {rule}, got"):
        GradientNorms.of_groups([1.0, 2.0], whole=1.0, samples=samples)

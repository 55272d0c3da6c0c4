from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.core.stage import Learned
from croupier.errors import BadArgument


def plan_of(stage, losses, draws):
    values = np.asarray(losses, dtype=np.float32)
    context = cr.Context(table=cr.Table(size=values.size), key=cr.Key(2), learned=Learned(values, version=5))
    return stage.plan(cr.Batches.of(np.arange(draws)), context)


def test_draws_follow_their_stated_probability():
    """Standardised chi-square over 50 rows; 6 is passed with a probability below 1e-6."""
    losses = np.random.default_rng(0).exponential(size=50)
    out = plan_of(cr.LossWeighted(uniform_share=0.2), losses, 200_000)
    counts = np.bincount(out.indices, minlength=50)
    stated = 0.8 * losses / losses.sum() + 0.2 / 50
    chi2 = ((counts - 200_000 * stated) ** 2 / (200_000 * stated)).sum()
    assert abs(chi2 - 49) / np.sqrt(98) < 6
    assert np.allclose(out.columns["probability"], stated[out.indices], rtol=1e-5)
    assert set(out.columns["score_version"].tolist()) == {5}
    shifted = np.roll(stated, 1)
    assert (((counts - 200_000 * shifted) ** 2 / (200_000 * shifted)).sum() - 49) / np.sqrt(98) > 6, "off by one"


def test_the_importance_weighted_mean_is_unbiased():
    rng = np.random.default_rng(1)
    losses, values = rng.exponential(size=1000), rng.normal(1.0, 1.0, size=1000)
    out = plan_of(cr.LossWeighted(), losses, 100_000)
    weighted = out.columns["importance_weight"] * values[out.indices]
    error = weighted.std() / np.sqrt(weighted.size)
    assert abs(weighted.mean() - values.mean()) < 5 * error
    assert out.columns["importance_weight"].max() <= 1 / 0.1 + 1e-6


def test_unobserved_rows_are_drawn_alike_and_zero_losses_are_no_trap():
    for losses in (np.ones(10), np.zeros(10)):
        out = plan_of(cr.LossWeighted(), losses, 10)
        assert np.allclose(out.columns["probability"], 0.1)
    out = plan_of(cr.LossWeighted(), [0.0, 0.0, 5.0], 30_000)
    assert set(out.indices.tolist()) == {0, 1, 2}


def test_the_last_loss_of_an_id_counts():
    seen = cr.LossWeighted().observe(np.zeros(5, np.float32), np.array([3, 1, 3]), np.array([1, 2, 7], np.float32))
    assert (seen.ids.tolist(), seen.values.tolist()) == ([1, 3], [2.0, 7.0])


def test_no_importance_weight_exceeds_the_inverse_of_the_uniform_share():
    losses = np.zeros(100_000)
    losses[0] = 1.0
    assert plan_of(cr.LossWeighted(uniform_share=0.1), losses, 1000).columns["importance_weight"].max() <= 10


@pytest.mark.parametrize("uniform_share", [1 - 2.0**-20, 1 - 2.0**-40, 1 - 2.0**-53])
def test_a_share_near_1_keeps_its_probabilities(uniform_share):
    """Losses of 4096 under a share so near 1 come to more than 2**62 units."""
    losses = np.linspace(0.0, 5000.0, 2000)
    out = plan_of(cr.LossWeighted(uniform_share=uniform_share), losses, 1000)
    clipped = np.minimum(losses, 4096.0)
    stated = (1 - uniform_share) * clipped / clipped.sum() + uniform_share / losses.size
    assert np.allclose(out.columns["probability"], stated[out.indices], rtol=1e-6)
    assert len(set(out.indices.tolist())) > 600


def test_negative_losses_are_refused():
    with pytest.raises(BadArgument, match=r"signal must be losses >= 0, got -2.0; report a loss"):
        cr.LossWeighted().check_signal(np.array([1.0, -2.0], np.float32))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"uniform_share": 0}, r"uniform_share must be a number in \(0, 1\]"),
        ({"initial_loss": -1}, r"initial_loss must be in \[0, 4096\], got -1"),
        ({"initial_loss": float("nan")}, r"initial_loss must be in \[0, 4096\]"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.LossWeighted(**arguments)

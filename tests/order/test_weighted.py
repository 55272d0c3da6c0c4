from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.core.key import Key
from croupier.errors import BadArgument, BadTable
from croupier.kernels.mixing import hash64
from statistics_of_draws import kolmogorov_smirnov, standardised_chi_square


def draws_of(weights, count, *, seed=0, epoch=0):
    plan = cr.chain(cr.Weighted("w", epoch_samples=count), cr.FixedSize(count))
    dealer = cr.Dealer(plan, cr.Table(w=weights), seed=seed)
    dealer.set_epoch(epoch)
    return dealer.first()


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40).filter(any), st.integers(0, 2**32), st.integers(0, 3))
def test_each_draw_is_the_row_its_hash_falls_on(weights, seed, epoch):
    """The oracle: 64 hashed bits as a fraction of the total, in exact arithmetic, row by row."""
    deal = draws_of(weights, 20, seed=seed, epoch=epoch)
    key = Key(seed).child("weighted", epoch).bits
    for place, row in enumerate(deal):
        point = Fraction(hash64(key, place), 2**64) * sum(weights)
        assert sum(weights[:row]) <= point < sum(weights[: row + 1])
    assert deal.columns["probability"] == pytest.approx(np.array(weights)[list(deal)] / sum(weights), rel=1e-12)


def test_draws_follow_the_weights():
    """Chi-square over 200 rows; 6 is passed with a probability below 1e-6."""
    weights = np.random.default_rng(0).lognormal(0, 1.5, 200)
    weights[::7] = 0
    counts = np.bincount(draws_of(weights, 300_000).ids, minlength=200)
    expected = 300_000 * weights / weights.sum()
    assert abs(standardised_chi_square(counts, expected)) < 6
    off_by_one = np.bincount((draws_of(weights, 300_000).ids + 1) % 200, minlength=200)
    assert (off_by_one[expected == 0] > 0).any(), "the off-by-one mutant deals rows of weight 0"


def test_rows_beyond_the_reach_of_float32_sums():
    """2**24 + 2**20 equal weights, where torch refuses and a float32 running sum stops growing at 2**24.

    The rows drawn, as fractions of the table, against uniform: 2.7 is passed with a probability below 1e-6.
    """
    rows = 2**24 + 2**20
    ids = draws_of(np.ones(rows, np.float32), 100_000).ids
    assert kolmogorov_smirnov((ids + 0.5) / rows) < 2.7
    running = np.minimum(np.arange(1, rows + 1), 2**24).astype(np.float32)  # what float32 addition gives
    mutant = np.searchsorted(running, np.random.default_rng(0).uniform(0, running[-1], 100_000), side="right")
    assert kolmogorov_smirnov((mutant + 0.5) / rows) > 2.7, "a sum in float32 never reaches the last 2**20 rows"
    assert mutant.max() < 2**24


def test_importance_weights_make_the_mean_that_of_all_rows():
    """Five standard errors are passed with a probability below 1e-6."""
    rng = np.random.default_rng(1)
    weights, values = rng.exponential(size=1000), rng.normal(3.0, 1.0, 1000)
    weights[:100] = 0  # never drawn, so the mean is that of the other rows
    deal = draws_of(weights, 100_000)
    weighted = deal.columns["importance_weight"] * values[list(deal)]
    error = weighted.std() / np.sqrt(weighted.size)
    assert abs(weighted.mean() - values[100:].mean()) < 5 * error
    assert abs(deal.columns["importance_weight"].mean() - 1) < 0.05


def test_epochs_and_names_draw_anew_and_positions_do_not_depend_on_each_other():
    weights = np.arange(1.0, 100.0)
    assert list(draws_of(weights, 50)) != list(draws_of(weights, 50, epoch=1))
    assert list(draws_of(weights, 50)) == list(draws_of(weights, 200))[:50]


def test_a_mapped_column_is_read_in_place(tmp_path):
    weights = np.random.default_rng(0).lognormal(size=5000).astype(np.float32)
    np.save(tmp_path / "w.npy", weights)
    mapped = np.load(tmp_path / "w.npy", mmap_mode="r")
    assert list(draws_of(mapped, 30)) == list(draws_of(weights, 30))


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([0.0, 0.0], r"table column 'w' must have a weight above 0"),
        ([1.0, np.nan], r"table column 'w' must be finite and >= 0, got nan in row 1"),
        ([1.0, -1.0], r"got -1.0 in row 1"),
        ([1.0, np.inf], r"got inf in row 1"),
    ],
)
def test_bad_weights_are_refused_at_construction(weights, text):
    with pytest.raises(BadTable, match=text):
        cr.Dealer(cr.chain(cr.Weighted("w"), cr.FixedSize(2)), cr.Table(w=weights), seed=0)


def test_bad_arguments_are_refused():
    with pytest.raises(BadArgument, match=r"epoch_samples must be an integer >= 1, got 0; pass None"):
        cr.Weighted("w", epoch_samples=0)
    with pytest.raises(BadTable, match=r"table column 'w' must be there"):
        cr.Dealer(cr.chain(cr.Weighted("w"), cr.FixedSize(2)), cr.Table(size=3), seed=0)

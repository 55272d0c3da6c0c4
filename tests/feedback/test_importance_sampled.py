from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.core.stage import Learned
from croupier.errors import BadArgument, BadTable
from statistics_of_draws import standardised_chi_square


def plan_of(stage, scores, draws):
    values = np.asarray(scores, dtype=np.float32)
    context = cr.Context(table=cr.Table(size=values.size), key=cr.Key(2), learned=Learned(values, version=5))
    return stage.plan(cr.Batches.of(np.arange(draws)), context)


def test_draws_follow_their_stated_probability():
    """Standardised chi-square over 50 rows; 6 is passed with a probability below 1e-6."""
    scores = np.random.default_rng(0).exponential(size=50) * 1e6
    out = plan_of(cr.ImportanceSampled(uniform_share=0.2), scores, 200_000)
    stated = 0.8 * scores / scores.sum() + 0.2 / 50
    counts = np.bincount(out.indices, minlength=50)
    assert standardised_chi_square(counts, 200_000 * stated) < 6
    assert np.allclose(out.columns["probability"], stated[out.indices], rtol=2e-3)
    assert np.allclose(out.columns["importance_weight"], 1 / (50 * out.columns["probability"]))
    assert set(out.columns["score_version"].tolist()) == {5}
    assert standardised_chi_square(counts, 200_000 * np.roll(stated, 1)) > 6, "off by one"


def test_the_importance_weighted_mean_is_unbiased_and_the_control_has_mean_0():
    """Within five standard errors: a false alarm in two million."""
    rng = np.random.default_rng(1)
    scores, values = rng.exponential(size=1000), rng.normal(1.0, 1.0, size=1000)
    out = plan_of(cr.ImportanceSampled(), scores, 100_000)
    for measured, true in ((values[out.indices], values.mean()), (out.columns["control"], 0.0)):
        weighted = out.columns["importance_weight"] * measured
        assert abs(weighted.mean() - true) < 5 * weighted.std() / np.sqrt(weighted.size)
    assert np.allclose(out.columns["control"] + scores.mean(), scores[out.indices], rtol=2e-3, atol=2e-3)


def test_the_guard_makes_draws_worth_their_number_and_says_so():
    scores = np.full(1000, 1e-3)
    scores[:3] = 1.0
    free = plan_of(cr.ImportanceSampled(effective_share=0.01), scores, 50_000)
    held = plan_of(cr.ImportanceSampled(effective_share=0.6), scores, 50_000)
    level = plan_of(cr.ImportanceSampled(effective_share=1.0), scores, 1_000)

    def worth(batches):
        weights = batches.columns["importance_weight"]
        return weights.sum() ** 2 / (weights**2).sum() / weights.size

    assert worth(free) < 0.4
    assert worth(held) > 0.59
    assert not free.ledger
    assert held.ledger.ids("drawn more evenly, to be worth their number") == 50_000
    assert np.allclose(level.columns["probability"], 1e-3, rtol=1e-2)
    assert held.columns["probability"].max() > 50 * held.columns["probability"].min(), "no more than it takes"


def test_equal_scores_and_no_scores_are_drawn_alike():
    for scores in (np.ones(10), np.zeros(10), np.full(10, 2.0**64)):
        out = plan_of(cr.ImportanceSampled(effective_share=1.0), scores, 10)
        assert np.allclose(out.columns["probability"], 0.1)
        assert not out.ledger


def test_no_weight_exceeds_the_inverse_of_the_uniform_share():
    scores = np.zeros(10_000)
    scores[0] = 1.0
    out = plan_of(cr.ImportanceSampled(uniform_share=0.1, effective_share=0.01), scores, 1000)
    assert out.columns["importance_weight"].max() <= 10


def test_the_last_score_of_an_id_counts():
    seen = cr.ImportanceSampled().observe(np.zeros(5, np.float32), np.array([3, 1, 3]), np.array([1, 2, 7], np.float32))
    assert (seen.ids.tolist(), seen.values.tolist()) == ([1, 3], [2.0, 7.0])


def test_resume_in_the_middle_is_bit_identical_with_the_guard_at_work():
    def dealer():
        plan = cr.chain(cr.ImportanceSampled(effective_share=0.8), cr.FixedSize(4), segment_ids=16)
        return cr.Dealer(plan, cr.Table(size=64), seed=3)

    def follow(run, deals):
        for deal in deals:
            run.observe(deal, [1.0 + 40.0 * (i % 7 == 0) for i in deal])
            yield deal.ids.tolist(), {name: values.tolist() for name, values in deal.columns.items()}

    whole = dealer()
    pairs = [(seen, whole.state_dict()) for _ in range(3) for seen in follow(whole, whole)]
    for place in (0, 9, 16, 30):
        resumed = dealer()
        resumed.load_state_dict(pairs[place][1])
        rest = list(follow(resumed, resumed)) + list(follow(resumed, resumed))
        expected = [seen for seen, _ in pairs[place + 1 :]]
        assert rest[: len(expected)] == expected[: len(rest)]
    assert whole.ledger.ids("drawn more evenly, to be worth their number") > 0


def test_a_column_it_would_write_over_is_refused():
    with pytest.raises(BadTable, match=r"table column 'control' must not be there: 'importance_sampled' adds a column"):
        cr.Dealer(cr.chain(cr.ImportanceSampled(), cr.FixedSize(2)), cr.Table(control=[1, 2, 3]), seed=0)


def test_a_table_too_large_for_exact_sums_is_refused():
    with pytest.raises(
        BadArgument, match=r"table must have fewer than 2\*\*31 rows, got 2147483648; draw shards of it"
    ):
        cr.ImportanceSampled().prepare(cr.Table(size=2**31), cr.Key(0), 0)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1.0, -2.0], r"signal must be scores in \[0, 2\*\*64\], got -2.0; report a norm or a loss"),
        ([1.0, 1e30], r"signal must be scores in \[0, 2\*\*64\], got 1\.0+\d*e\+30; report a norm"),
    ],
)
def test_bad_signals_are_refused(values, text):
    with pytest.raises(BadArgument, match=text):
        cr.ImportanceSampled().check_signal(np.array(values, np.float32))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"uniform_share": 0}, r"uniform_share must be a number in \(0, 1\], got 0; pass a share like 0.1"),
        ({"effective_share": 1.5}, r"effective_share must be a number in \(0, 1\], got 1.5; pass a share like 0.5"),
        ({"initial_score": -1}, r"initial_score must be in \[0, 2\*\*64\], got -1; pass a typical first score"),
        ({"initial_score": float("nan")}, r"initial_score must be in \[0, 2\*\*64\]"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.ImportanceSampled(**arguments)

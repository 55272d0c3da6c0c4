from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument, BadTable

PAIR = ("frames", "tokens")


def speech(rows=6_000, wrong=()):
    rng = np.random.default_rng(0)
    frames = rng.integers(100, 3_000, rows)
    tokens = np.maximum(1, frames * 0.03 * rng.lognormal(0, 0.15, rows)).astype(np.int64)
    for row in wrong:
        tokens[row] = frames[row] // 5
    return cr.Table(frames=frames, tokens=tokens)


def found(outliers, table):
    lengths = np.stack([table.column(name) for name in PAIR], axis=1)
    return np.flatnonzero(outliers.find(lengths, outliers.prepare(table, PAIR))).tolist()


def test_it_is_the_z_score_among_inputs_of_similar_length():
    wrong = [5, 77, 4_000]
    table, outliers = speech(wrong=wrong), cr.RateOutliers(max_z_score=6.0)
    assert found(outliers, table) == wrong
    frames, tokens = (table.column(name).astype(float) for name in PAIR)
    limits = outliers.prepare(table, PAIR)
    assert limits["rate_ends"].size == 6, "a thousand rows a class"
    place = np.searchsorted(limits["rate_ends"], frames)
    for one in range(6):
        rates = (tokens / frames)[place == one]
        assert limits["rate_limits"][one] / 2**20 == pytest.approx(rates.mean() + 6 * rates.std(), abs=1e-5)


def test_each_policy_and_its_entry():
    table = speech(wrong=[5, 77])
    tokens = int(table.column("tokens")[[5, 77]].sum())

    def plan(policy):
        buckets = cr.LengthBuckets(6, length=PAIR, outliers=cr.RateOutliers(6.0, policy))
        return cr.chain(cr.Shuffle(), buckets, cr.TokenBudget(40_000, length=PAIR))

    def dealt(policy):
        dealer = cr.Dealer(plan(policy), table, seed=0)
        return list(dealer), dealer.ledger

    deals, ledger = dealt(cr.TooLong.DROP)
    assert sorted(i for deal in deals for i in deal) == [i for i in range(6_000) if i not in (5, 77)]
    assert str(ledger) == f"length_buckets: 2 ids dropped for its rate of tokens ({tokens:,} tokens)"
    deals, ledger = dealt(cr.TooLong.ALONE)
    assert sorted(i for deal in deals for i in deal) == list(range(6_000))
    assert {frozenset(deal) for deal in deals if set(deal) & {5, 77}} <= {
        frozenset([5, 77]), frozenset([5]), frozenset([77]),
    }  # fmt: skip
    assert ledger.ids("dealt apart for its rate of tokens") == 2
    with pytest.raises(BadTable, match=r"'tokens' must have no rate to 'frames' above a z-score of 6.0, got 2 rows"):
        cr.Dealer(plan(cr.TooLong.REFUSE), table, seed=0)


def test_bounds_are_made_without_what_is_dropped():
    with_it = cr.LengthBuckets(6, length=PAIR).prepare(speech(wrong=[5]), cr.Key(0), 0)["bounds"]
    outliers = cr.RateOutliers(6.0)
    without = cr.LengthBuckets(6, length=PAIR, outliers=outliers).prepare(speech(wrong=[5]), cr.Key(0), 0)["bounds"]
    frames, tokens = (int(speech(wrong=[5]).column(name)[5]) for name in PAIR)
    assert any(bound[0] >= frames and bound[1] >= tokens for bound in with_it.tolist())
    assert without[:, 1].max() < with_it[:, 1].max() or without.shape != with_it.shape or (without != with_it).any()


def test_rates_of_any_size_are_summed_without_overflow():
    table = cr.Table(frames=[0] * 9 + [1], tokens=[2**40] * 9 + [1])
    assert found(cr.RateOutliers(0.5), table) == []
    assert found(cr.RateOutliers(1e19), speech(wrong=[5])) == []


def test_arguments_are_checked():
    with pytest.raises(BadArgument, match=r"max_z_score must be a number above 0, got 0; pass 4.0"):
        cr.RateOutliers(0)
    with pytest.raises(BadArgument, match=r"too_long must be TooLong.DROP, TooLong.ALONE or TooLong.REFUSE, got"):
        cr.RateOutliers(too_long=cr.TooLong.SPLIT)
    with pytest.raises(BadArgument, match=r"outliers must be None where there is one length"):
        cr.LengthBuckets(3, outliers=cr.RateOutliers())
    with pytest.raises(BadArgument, match=r"outliers must be RateOutliers or None, got 4.0"):
        cr.LengthBuckets(3, PAIR, outliers=4.0)
    with pytest.raises(BadArgument, match=r"buckets must be an integer >= 1 and <= 512, got 1024; pass 60 for pairs"):
        cr.LengthBuckets(1024, PAIR)
    with pytest.raises(
        BadTable, match=r"must be in so large a unit that the lengths of all rows sum to less than 2\*\*62"
    ):
        cr.Dealer(
            cr.chain(cr.Shuffle(), cr.LengthBuckets(2, multiple_of=2**30), cr.FixedSize(1)),
            cr.Table(length=[2**40] * 2**23),
            seed=0,
        )

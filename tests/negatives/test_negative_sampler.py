from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument
from croupier.negatives import negative_sampler
from statistics_of_draws import standardised_chi_square


@given(data=st.data(), is_weighted=st.booleans(), has_time=st.booleans(), has_group=st.booleans())
def test_what_may_be_drawn_and_its_probability_are_those_of_brute_force(data, is_weighted, has_time, has_group):
    items = data.draw(st.integers(1, 10))
    pairs = data.draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, items - 1)), max_size=25))
    numbers = st.lists(st.integers(0, 3), min_size=items, max_size=items)
    weights = data.draw(numbers.filter(any)) if is_weighted else [1] * items
    times, groups = data.draw(numbers), data.draw(numbers)
    candidates = cr.Candidates(
        items,
        weights=weights if is_weighted else None,
        before=cr.Before("at", times) if has_time else None,
        same_group=cr.SameGroup("kind", groups) if has_group else None,
    )
    known = cr.KnownPositives.of([query for query, _ in pairs], [item for _, item in pairs])
    asked = data.draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 4)), max_size=6))
    query, at, kind = np.array(asked, np.int64).reshape(-1, 3).T
    sampler = cr.NegativeSampler(candidates, known)
    drawn = sampler.draw(query, 40, key=cr.Key(3), facts={"at": at, "kind": kind})
    for row in range(query.size):
        mass = {
            item: weights[item]
            for item in range(items)
            if (query[row], item) not in pairs and weights[item]
            and (not has_time or times[item] < at[row]) and (not has_group or groups[item] == kind[row])
        }  # fmt: skip
        assert set(drawn.items[row].tolist()) <= (set(mass) or {-1})
        for item, log_q in zip(drawn.items[row].tolist(), drawn.log_q[row].tolist(), strict=True):
            assert log_q == (pytest.approx(np.log(mass[item] / sum(mass.values()))) if mass else -np.inf)
    assert sampler.has_negative(query, {"at": at, "kind": kind}).tolist() == (drawn.items[:, 0] >= 0).tolist()


def heavy_user(rows=500_000, weighted=True, **conditions):
    """Counts of 500,000 draws for a user with 737 of 1,682 items, and what is expected."""
    rng = np.random.default_rng(1)
    popularity = rng.zipf(1.4, 1_682).clip(max=583)
    positives = rng.choice(1_682, 737, replace=False, p=popularity / popularity.sum())
    candidates = (
        cr.Candidates.by_popularity(popularity, **conditions) if weighted else cr.Candidates(1_682, **conditions)
    )
    known = cr.KnownPositives.of(np.repeat([3, 4], 737), np.tile(positives, 2))
    facts = {name: np.full(rows, 800) for name in candidates.columns}
    drawn = cr.NegativeSampler(candidates, known).draw(np.full(rows, 3), key=cr.Key(5), facts=facts)
    weights = np.ones(1_682) if candidates.weights is None else candidates.weights.copy()
    weights[positives] = 0
    if candidates.before is not None:
        weights[candidates.before.times >= 800] = 0
    return np.bincount(drawn.items.ravel(), minlength=1_682), weights / weights.sum() * rows


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("conditions", [{}, {"before": cr.Before("at", np.arange(1_682)[::-1].copy())}])
def test_the_heaviest_users_draws_are_in_proportion(weighted, conditions):
    """Standardised chi-square over some hundred to a thousand items; 6 is passed with a probability below 1e-6."""
    assert abs(standardised_chi_square(*heavy_user(weighted=weighted, **conditions))) < 6


def test_the_statistic_catches_shifts_that_are_one_positive_late(monkeypatch):
    exact = negative_sampler.draw_outside

    def late(key, first, per_query, lists, outside, *rest):
        return exact(key, first, per_query, lists, outside._replace(free_before=outside.free_before + 1), *rest)

    monkeypatch.setattr(negative_sampler, "draw_outside", late)
    with pytest.raises(AssertionError):
        assert abs(standardised_chi_square(*heavy_user(weighted=False))) < 6


@pytest.mark.parametrize("weights", [None, np.arange(1.0, 1_001.0)])
def test_the_last_free_item_is_found_at_once(weights):
    positives = [item for item in range(1_000) if item != 617]
    known = cr.KnownPositives.of(np.zeros(999, int), positives)
    drawn = cr.NegativeSampler(cr.Candidates(1_000, weights), known).draw([0], 50, key=cr.Key(0))
    assert set(drawn.items.ravel().tolist()) == {617}
    assert drawn.log_q.ravel().tolist() == pytest.approx([0.0] * 50)


def test_calls_that_count_on_draw_what_one_call_draws():
    known = cr.KnownPositives.of([0, 1, 2], [4, 5, 6])
    sampler = cr.NegativeSampler(50, known)
    whole = sampler.draw([0, 1, 2, 0], 3, key=cr.Key(1)).items
    parts = [sampler.draw([0, 1], 3, key=cr.Key(1)).items, sampler.draw([2, 0], 3, key=cr.Key(1), first=6).items]
    assert np.concatenate(parts).tolist() == whole.tolist()


def test_queries_and_items_of_any_size_are_drawn_for():
    known = cr.KnownPositives.of([2**60, 7], [2**39, 1])
    drawn = cr.NegativeSampler(2**40, known).draw([2**60, 5], 1_000, key=cr.Key(1))
    assert int(drawn.items.max()) > 2**39
    assert drawn.log_q[:, 0].tolist() == pytest.approx([-np.log(2**40 - 1), -np.log(2**40)])


def test_memory_is_linear_in_the_positives_and_not_in_users_times_items():
    rng = np.random.default_rng(0)
    known = cr.KnownPositives.of(rng.integers(0, 20_000, 100_000), rng.integers(0, 50_000, 100_000))
    assert cr.NegativeSampler(50_000, known).nbytes < 60 * 100_000 < 20_000 * 50_000 / 8


def test_bad_arguments_are_refused():
    known = cr.KnownPositives.of([0], [9])
    with pytest.raises(BadArgument, match="known must have items below the 5 candidates, got 9; raise candidates"):
        cr.NegativeSampler(5, known)
    with pytest.raises(BadArgument, match="known must be KnownPositives"):
        cr.NegativeSampler(5, [[0, 1]])
    with pytest.raises(BadArgument, match="per_query must be an integer >= 1"):
        cr.NegativeSampler(10, known).draw([0], 0, key=cr.Key(0))
    timed = cr.NegativeSampler(cr.Candidates(10, before=cr.Before("at", np.arange(10))), known)
    with pytest.raises(BadArgument, match=r"facts must hold 'at', which a condition of the candidates asks for"):
        timed.draw([0], key=cr.Key(0))
    for first in (1.5, -1, True):
        with pytest.raises(
            BadArgument, match=r"first must be an integer >= 0, got .*; pass how many draws of this key"
        ):
            cr.NegativeSampler(10, known).draw([0], key=cr.Key(0), first=first)
    with pytest.raises(BadArgument, match=r"key must be a Key, got 0; pass Key\(0\), say"):
        cr.NegativeSampler(10, known).draw([0], key=0)


@pytest.mark.parametrize("facts", [[3], [3, 3, 3], 3, [[3, 3]]])
def test_facts_of_other_queries_than_those_asked_for(facts):
    """One fact for two queries would serve both, one too many would shift what is read beside it."""
    timed = cr.NegativeSampler(cr.Candidates(10, before=cr.Before("at", np.arange(10))), cr.KnownPositives.of([0], [9]))
    for ask in (timed.has_negative, lambda queries, facts: timed.draw(queries, key=cr.Key(0), facts=facts)):
        with pytest.raises(
            BadArgument, match=r"facts must have one value for each of 2 queries, got shape .* in 'at'; p"
        ):
            ask([0, 1], facts={"at": facts})
    with pytest.raises(BadArgument, match=r"facts must be a mapping of columns to values, got \[3\]; pass"):
        timed.has_negative([0], facts=[3])

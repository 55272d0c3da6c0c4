from __future__ import annotations

import runpy
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
import supernet_subnetworks as example


def ids_of(order, table, epochs=1, seed=0):
    dealer = cr.Dealer(cr.chain(order, cr.FixedSize(1)), table, seed=seed)
    return np.array([i for _ in range(epochs) for deal in dealer for i in deal])


costs = st.lists(st.integers(0, 1000), min_size=1, max_size=40)


@given(costs, st.integers(0, 300), st.integers(0, 9))
def test_each_once_an_epoch_in_bounded_steps(flops, slack, seed):
    """Any costs, any bound that is allowed, any seed: also where one epoch meets the next."""
    table = cr.Table(flops=np.array(flops))
    bound = example.largest_step(table.column("flops"), 2) + slack
    ids = ids_of(example.UpAndDown(bound), table, epochs=4, seed=seed)
    for epoch in ids.reshape(4, -1):
        assert sorted(epoch.tolist()) == list(range(len(flops)))
    assert np.abs(np.diff(table.column("flops")[ids])).max(initial=0) <= bound


@given(st.integers(2, 60), st.integers(1, 12), st.integers(0, 9))
def test_places_apart(size, half, seed):
    """Costs that are places: the bound 4w - 1 allows windows of 2w and no more, and is nearly used."""
    table = cr.Table(flops=np.random.default_rng(seed).permutation(size))
    bound = 4 * half - 1
    steps = np.abs(np.diff(table.column("flops")[ids_of(example.UpAndDown(bound), table, epochs=5, seed=seed)]))
    assert steps.max() <= bound
    if half > 1 and size > 8 * half:
        assert steps.max() > 2 * half


def test_a_shuffle_breaks_the_bound():
    """Planted: what the bound tests for is no accident."""
    table = example.subnetworks(parts=4)
    for order, is_within in ((example.UpAndDown(35_000_000), True), (cr.Shuffle(), False)):
        steps = np.abs(np.diff(table.column("flops")[ids_of(order, table)]))
        assert (steps.max() <= 35_000_000) == is_within


def best_round_trip(costs):
    """By brute force: the least largest step of any round trip through all."""
    trips = ((costs[0], *rest, costs[0]) for rest in permutations(costs[1:]))
    return min(max(abs(a - b) for a, b in pairwise(trip)) for trip in trips)


@given(st.lists(st.integers(0, 30), min_size=3, max_size=7))
def test_what_is_refused_is_impossible(flops):
    table = cr.Table(flops=np.array(flops))
    least = best_round_trip(flops)
    assert least == example.largest_step(np.array(flops), 2)
    assert len(ids_of(example.UpAndDown(least), table)) == len(flops)
    if least:
        with pytest.raises(ValueError, match=rf"max_difference must be at least {least}, got {least - 1}"):
            ids_of(example.UpAndDown(least - 1), table)


def ups_of(epochs):
    """In how many epochs each id is in the first half."""
    return np.bincount(epochs[:, : epochs.shape[1] // 2].ravel(), minlength=epochs.shape[1])


def test_the_way_up_is_drawn_anew():
    """Which half of a window goes up is even: 200 epochs, each id up 100 times on average; 5 deviations.

    False alarms: below 4e-5 over 60 ids. The mutant, a half that stays, is 14 deviations off: what is left where the
    bound has no room for draws.
    """
    table = cr.Table(flops=np.arange(60))
    epochs = ids_of(example.UpAndDown(4 * 5 - 1), table, epochs=200).reshape(200, 60)
    assert np.abs(ups_of(epochs) - 100).max() < 5 * np.sqrt(50)
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 200
    stays = ids_of(example.UpAndDown(2), table, epochs=200).reshape(200, 60)
    assert np.abs(ups_of(stays) - 100).min() > 5 * np.sqrt(50)


def test_resumes_and_splits_over_ranks(check_resume_and_ranks):
    table = example.subnetworks(parts=4)
    check_resume_and_ranks(cr.chain(example.UpAndDown(35_000_000), cr.FixedSize(3)), table)
    check_resume_and_ranks(cr.chain(cr.Weighted("is_sorted", 500), cr.FixedSize(2)), table)
    check_resume_and_ranks(cr.chain(cr.Mixture("part", {0: 1, 1: 2, 2: 3, 3: 4}), cr.FixedSize(3)), table)


def test_sorted_subnetworks_are_nested_and_drawn_evenly(stream):
    """Each is at most the next in every dimension, from the smallest to the largest network. 2600 draws of 13.

    Chi-square with 12 degrees of freedom below 47.0: false alarms 5e-6. The mutant, draws among 12, has 217 more.
    """
    table = example.subnetworks(parts=4)
    chosen = np.flatnonzero(table.column("is_sorted"))
    chosen = chosen[np.argsort(table.column("flops")[chosen])]
    assert chosen.size == 13
    for name in ("depth", "width", "kernel", "flops"):
        values = table.column(name)
        assert (np.diff(values[chosen]) >= 0).all()
        assert (values[chosen[0]], values[chosen[-1]]) == (values.min(), values.max())
    plan = cr.chain(cr.Weighted("is_sorted", 2600), cr.FixedSize(10))
    dealt = np.array([i for deal in stream(plan, table) for i in deal])
    counts = np.array([(dealt == i).sum() for i in chosen])
    assert counts.sum() == 2600
    assert ((counts - 200) ** 2 / 200).sum() < 47.0
    mutant = np.bincount(np.random.default_rng(0).integers(12, size=2600), minlength=13)
    assert ((mutant - 200) ** 2 / 200).sum() > 47.0


def test_shares_grow_with_the_gap_and_are_dealt(stream):
    table = example.subnetworks(parts=4)
    shares = example.shifted(np.full(4, 0.25), np.array([0.0, 1.0, 2.0, 0.0]))
    assert shares == pytest.approx(np.exp([0, 1, 2, 0]) / np.exp([0, 1, 2, 0]).sum())
    assert example.shifted(shares, np.full(4, 7.0)) == pytest.approx(shares)
    plan = cr.chain(cr.Mixture("part", dict(enumerate(shares)), epoch_end=400), cr.FixedSize(10))
    parts = table.column("part")[[i for deal in stream(plan, table) for i in deal]]
    for prefix in (10, 137, 400):
        counts = np.bincount(parts[:prefix], minlength=4)
        assert np.abs(counts - prefix * shares).max() < 3  # ceil(log2 4) + 1
    assert np.abs(np.bincount(parts, minlength=4) - 100).max() > 100  # where equal shares would be seen


def test_gaps_close_evenly(capsys):
    runpy.run_path(example.__file__, run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    gaps = [[float(word) for word in line.split()[4:8]] for line in lines[4:]]
    assert max(gaps[0]) / min(gaps[0]) > 3
    assert max(gaps[-1]) / min(gaps[-1]) < 2

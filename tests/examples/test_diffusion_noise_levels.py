from __future__ import annotations

import runpy
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
import diffusion_noise_levels as example


def cost_of(clusters: np.ndarray, distances: np.ndarray) -> float:
    """From the definition: each timestep's distance from the middle one of its interval."""
    total = 0.0
    for cluster in range(clusters.max() + 1):
        members = np.flatnonzero(clusters == cluster)
        total += distances[members[(members.size - 1) // 2], members].sum()
    return float(total)


def all_partitions(timesteps: int, k: int):
    for inner in combinations(range(1, timesteps), k - 1):
        yield np.searchsorted(np.array(inner), np.arange(timesteps), side="right")


@given(st.integers(1, 10), st.integers(1, 5), st.integers(0, 10**6), st.booleans())
def test_no_partition_is_cheaper(timesteps, k, seed, by_key):
    """Every partition is tried: T up to 10, k up to 5; distances of a key, or any numbers, as measured affinities."""
    k = min(k, timesteps)
    rng = np.random.default_rng(seed)
    distances = example.squared_distances(rng.normal(size=timesteps)) if by_key else rng.normal(size=(timesteps,) * 2)
    clusters = example.interval_clusters(example.interval_costs(distances), k)
    assert sorted(set(clusters.tolist())) == list(range(k))  # k intervals, none of them empty
    assert (np.diff(clusters) >= 0).all()
    least = min(cost_of(partition, distances) for partition in all_partitions(timesteps, k))
    assert cost_of(clusters, distances) == pytest.approx(least, abs=1e-9)


def test_the_search_tells_the_best_from_a_good_one():
    """Planted: intervals of equal size, and intervals halved one after another, cost more."""
    key = np.exp(np.linspace(0.0, 3.0, 12))
    distances = example.squared_distances(key)
    best = cost_of(example.interval_clusters(example.interval_costs(distances), 4), distances)
    halves = example.interval_clusters(example.interval_costs(distances), 2)
    parts = [np.flatnonzero(halves == half) for half in (0, 1)]
    nested = np.concatenate(
        [
            2 * half + example.interval_clusters(example.interval_costs(example.squared_distances(key[rows])), 2)
            for half, rows in enumerate(parts)
        ]
    )
    assert best < 0.99 * cost_of(nested, distances)
    assert best < 0.9 * cost_of(np.arange(12) // 3, distances)


def test_known_intervals():
    odd = example.interval_costs(example.squared_distances(np.arange(21.0)))
    assert np.bincount(example.interval_clusters(odd, 3)).tolist() == [7, 7, 7]
    steps = np.repeat([0.0, 5.0, 6.0], [4, 2, 9])
    assert example.interval_clusters(example.interval_costs(example.squared_distances(steps)), 3).tolist() == (
        [0] * 4 + [1] * 2 + [2] * 9
    )
    with pytest.raises(ValueError, match=r"clusters must be 1 to 21, the timesteps, got 22"):
        example.interval_clusters(odd, 22)


def plan_and_table(batch_size: int = 25) -> tuple[cr.Chain, cr.Table]:
    log_snr = np.linspace(-3.0, 3.0, 300) ** 3
    clusters = example.interval_clusters(example.interval_costs(example.squared_distances(log_snr)), 5)
    return cr.chain(cr.ClassBalanced("cluster"), cr.FixedSize(batch_size)), example.timestep_table(clusters)


def test_equal_shares_at_every_prefix_and_in_every_batch(stream):
    plan, table = plan_and_table()
    held = [np.bincount(table.column("cluster")[list(deal)], minlength=5) for deal in stream(plan, table, epochs=4)]
    assert np.min(held) >= 4
    assert np.max(held) <= 6
    prefixes = np.cumsum(
        [np.bincount([table.column("cluster")[i]], minlength=5) for d in stream(plan, table) for i in d], axis=0
    )
    assert np.abs(prefixes - np.arange(1, 301)[:, None] / 5).max() < 4  # ceil(log2 5) + 1
    shuffled = stream(cr.chain(cr.Shuffle(), cr.FixedSize(25)), table)
    assert min(np.bincount(table.column("cluster")[list(deal)], minlength=5).min() for deal in shuffled) < 4


def test_each_timestep_once_in_each_pass_over_its_interval(stream):
    plan, table = plan_and_table()
    dealt = np.array([i for deal in stream(plan, table, epochs=6) for i in deal])
    for cluster, size in enumerate(table.counts("cluster").tolist()):
        members = dealt[table.column("cluster")[dealt] == cluster]
        assert members.size // size >= 2
        for start in range(0, members.size - size + 1, size):
            assert (
                sorted(members[start : start + size].tolist())
                == np.flatnonzero(table.column("cluster") == cluster).tolist()
            )


def test_resumes_and_splits_over_ranks(check_resume_and_ranks):
    check_resume_and_ranks(*plan_and_table())


def test_its_figures(capsys):
    runpy.run_path(example.__file__, run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert all("fewest of an interval in a batch of 40: 8, most: 8" in lines[row] for row in (2, 5, 8))

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadState


@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 4), st.integers(0, 5))
def test_every_row_is_in_one_cluster_and_sizes_differ_by_one_at_most(rows, size, dimension, seed):
    points = np.random.default_rng(seed).normal(size=(rows, dimension)).round(1)
    clusters = cr.balanced_clusters(points, size, key=cr.Key(seed), rounds=2)
    assert sorted(clusters.members.tolist()) == list(range(rows))
    sizes = np.diff(clusters.offsets)
    assert sizes.max() <= size
    assert sizes.max() - sizes.min() <= 1
    assert np.bincount(clusters.of_row).tolist() == sizes.tolist()


def blobs(count=16, per_blob=32, spread=0.05, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count, 8))
    return np.repeat(centres, per_blob, axis=0) + rng.normal(size=(count * per_blob, 8)) * spread


def test_what_lies_together_is_clustered_together():
    points = blobs()
    near = cr.balanced_clusters(points, 32, key=cr.Key(1)).of_row
    spread = np.mean([points[near == number].std(axis=0).mean() for number in range(16)])
    random = np.random.default_rng(0).permutation(near)
    spread_at_random = np.mean([points[random == number].std(axis=0).mean() for number in range(16)])
    assert spread < 0.55 * spread_at_random


def test_clusters_of_one_are_all_rows_and_mapped_half_precision_will_do(tmp_path):
    points = np.lib.format.open_memmap(tmp_path / "p.npy", mode="w+", dtype=np.float16, shape=(9, 2))
    points[:] = np.arange(18).reshape(9, 2)
    assert cr.balanced_clusters(points, 1, key=cr.Key(0)).offsets.tolist() == list(range(10))


def test_they_are_saved_and_found_again(tmp_path):
    clusters = cr.balanced_clusters(blobs(2, 3), 3, key=cr.Key(0))
    checksum = clusters.save(tmp_path / "c")
    loaded = cr.Clusters.load(tmp_path / "c")
    assert loaded.of_row.tolist() == clusters.of_row.tolist()
    assert loaded.save(tmp_path / "again") == checksum
    np.save(tmp_path / "c" / "members.npy", np.arange(6))
    with pytest.raises(BadState, match="it is damaged: restore it"):
        cr.Clusters.load(tmp_path / "c")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([[1.0]], 0), "cluster_size must be an integer >= 1"),
        (([1.0], 1), r"embeddings must be floats of shape \(rows, d\), got dtype float64 of shape \(1,\)"),
        (([[1]], 1), "embeddings must be floats"),
        (([[1.0], [np.nan]], 1), "embeddings must be finite, got NaN or inf from row 0 on"),
        (
            ([[1.0], [-1e200]], 1),
            r"embeddings must have lengths below 1e\+15, got 1e\+200; divide them by their largest",
        ),
        (([[], []], 1), r"embeddings must be floats of shape \(rows, d\), got dtype float64 of shape \(2, 0\)"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.balanced_clusters(np.array(arguments[0]), arguments[1], key=cr.Key(0))


def test_a_seed_is_no_key():
    with pytest.raises(BadArgument, match=r"key must be a Key, got 5; pass Key\(0\), say"):
        cr.balanced_clusters(np.ones((2, 1)), 1, key=5)


@pytest.mark.parametrize(
    ("members", "offsets", "text"),
    [
        ([-1, 0], [0, 2], r"members must be at least 0 and below 2\*\*62, got -1 .. 0; number them from 0"),
        ([0.5, 1], [0, 2], r"members must be a 1-D array of whole numbers, got dtype float64 of shape \(2,\)"),
        ([0, 10**12], [0, 2], r"members must hold each row once, in clusters that are not empty, got array"),
        ([0, 1], [0.0, 2.0], r"offsets must be a 1-D array of whole numbers, got dtype float64 of shape \(2,\)"),
        ([0, 1], 2, r"offsets must be a 1-D array of whole numbers, got dtype int64 of shape \(\)"),
        (
            [[0], [1, 2]],
            [0, 2],
            r"members must be an array, got a list that NumPy cannot read; give rows of one length",
        ),
    ],
)
def test_members_that_are_no_rows_are_refused(members, offsets, text):
    with pytest.raises(BadArgument, match=text):
        cr.Clusters(members, offsets)


@pytest.mark.parametrize(
    ("members", "offsets"), [([0, 0], [0, 2]), ([0, 1], [0, 1]), ([0, 1], [0, 0, 2]), ([0, 2], [0, 2])]
)
def test_clusters_that_lose_a_row_are_refused(members, offsets):
    with pytest.raises(BadArgument, match="members must hold each row once, in clusters that are not empty"):
        cr.Clusters(np.array(members), np.array(offsets))


def test_further_rows_become_clusters_of_their_own():
    clusters = cr.Clusters(np.array([2, 0, 1]), np.array([0, 1, 3]))
    assert clusters.with_rows(3) is clusters
    more = clusters.with_rows(5)
    assert (more.members.tolist(), more.offsets.tolist()) == ([2, 0, 1, 3, 4], [0, 1, 3, 4, 5])
    with pytest.raises(BadArgument, match="rows must be an integer >= 3, got 2; make clusters of fewer rows anew"):
        clusters.with_rows(2)


def test_rounds_end_where_nothing_moves_any_more():
    points = blobs(4, 16)
    few, many = (cr.balanced_clusters(points, 4, key=cr.Key(1), rounds=rounds) for rounds in (40, 2**16))
    assert few.members.tolist() == many.members.tolist()
    with pytest.raises(BadArgument, match=r"rounds must be an integer >= 1 and <= 65536, got 65537"):
        cr.balanced_clusters(points, 4, key=cr.Key(1), rounds=2**16 + 1)

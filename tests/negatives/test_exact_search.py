from __future__ import annotations

import numpy as np
import pytest
from benchmarks.child import in_child
from benchmarks.mining import mapped_search
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument
from croupier.kernels.inner_products import inner_products
from croupier.negatives import exact_search


def brute(queries, corpus, count):
    """Items by score, of equal ones the lower first, and the scores: five lines."""
    rows, items = (one.ravel() for one in np.indices((len(queries), len(corpus))))
    left, right = (one.astype(np.float32) for one in (queries, corpus))
    scores = inner_products(left, rows, right, items).reshape(len(queries), -1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(scores, order, axis=1)


def vectors(seed, rows, width, *, has_ties, dtype=np.float32):
    generator = np.random.default_rng(seed)
    if has_ties:
        return generator.integers(-2, 3, (rows, width)).astype(dtype)
    return generator.standard_normal((rows, width)).astype(dtype)


@given(
    st.integers(1, 30),
    st.integers(1, 200),
    st.integers(1, 20),
    st.integers(1, 220),
    st.booleans(),
    st.sampled_from([np.float32, np.float16]),
    st.integers(0, 2**31),
)
def test_it_is_brute_force(queries, items, width, count, has_ties, dtype, seed):
    asked = vectors(seed, queries, width, has_ties=has_ties, dtype=dtype)
    corpus = vectors(seed + 1, items, width, has_ties=has_ties, dtype=dtype)
    found = cr.ExactSearch().over(corpus).nearest(asked, count)
    wanted = brute(asked, corpus, count)
    kept = min(count, items)
    assert found.items[:, :kept].tolist() == wanted[0].tolist()
    assert found.scores[:, :kept].tobytes() == wanted[1].tobytes()
    assert (found.items[:, kept:] == -1).all()
    assert (found.scores[:, kept:] == -np.inf).all()


@pytest.mark.parametrize("has_ties", [False, True])
def test_tiles_and_threads_change_nothing(has_ties, monkeypatch, tmp_path):
    asked = vectors(0, 60, 24, has_ties=has_ties)
    corpus = vectors(1, 1500, 24, has_ties=has_ties)
    wanted = cr.ExactSearch().over(corpus).nearest(asked, 20)
    np.save(tmp_path / "corpus.npy", corpus)
    mapped = np.load(tmp_path / "corpus.npy", mmap_mode="r")
    for cores, items, side, one in (
        (1, 64, 16, mapped),
        (3, 100, 7, corpus),
        (2, 2048, 60, np.asfortranarray(corpus)),
    ):
        monkeypatch.setattr(exact_search, "_cores", lambda cores=cores: cores)
        searcher = cr.ExactSearch(2**20).over(one)
        searcher._tile_items, searcher._side = items, side
        found = searcher.nearest(asked, 20)
        assert found.items.tobytes() == wanted.items.tobytes()
        assert found.scores.tobytes() == wanted.scores.tobytes()


def test_numba_off_changes_nothing(monkeypatch):
    asked, corpus = (vectors(seed, rows, 12, has_ties=False) for seed, rows in ((2, 40), (3, 3000)))
    wanted = cr.ExactSearch().over(corpus).nearest(asked, 9)
    monkeypatch.setenv("CROUPIER_NUMBA", "0")
    found = cr.ExactSearch().over(corpus).nearest(asked, 9)
    assert found.items.tobytes() == wanted.items.tobytes()
    assert found.scores.tobytes() == wanted.scores.tobytes()


def test_memory_is_bounded_by_what_was_asked():
    """400,000 items of 64 float16 in a file, 51 MB (102 as float32), searched in 16 MB: its pages and little else."""
    items, max_bytes = 400_000, 2**24
    cost = in_child(mapped_search, items, max_bytes)
    assert cost.added_mb <= (items * 64 * 2 + max_bytes) / 1e6 + 24  # stacks of threads, buffers of BLAS


def test_errors_say_what_to_do():
    with pytest.raises(
        BadArgument, match=r"max_bytes must be an integer >= 1048576, got 1000; pass 2\*\*28 for 256 MB"
    ):
        cr.ExactSearch(1000)
    searcher = cr.ExactSearch().over(np.eye(3, dtype=np.float32))
    with pytest.raises(BadArgument, match=r"count must be an integer >= 1, got 0; pass how many items to find"):
        searcher.nearest(np.eye(3, dtype=np.float32), 0)
    with pytest.raises(BadArgument, match=r"queries must hold finite rows"):
        searcher.nearest(np.full((1, 3), np.nan, np.float32), 1)
    with pytest.raises(BadArgument, match=r"queries must have 3 numbers a row"):
        searcher.nearest(np.eye(2, dtype=np.float32), 1)

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument

pytest.importorskip("faiss", reason="faiss is an extra")


def vectors(seed, rows, width, *, has_ties, dtype=np.float32):
    generator = np.random.default_rng(seed)
    if has_ties:
        return generator.integers(-1, 2, (rows, width)).astype(dtype)
    return generator.standard_normal((rows, width)).astype(dtype)


def assert_same(found, wanted):
    assert found.items.tolist() == wanted.items.tolist()
    assert found.scores.tobytes() == wanted.scores.tobytes()


@settings(max_examples=30)
@given(
    st.integers(1, 30),
    st.integers(1, 300),
    st.integers(1, 12),
    st.integers(1, 40),
    st.booleans(),
    st.sampled_from([np.float32, np.float16]),
    st.integers(0, 2**31),
)
def test_a_flat_index_answers_as_exact_search_does_ties_too(queries, items, width, count, has_ties, dtype, seed):
    asked = vectors(seed, queries, width, has_ties=has_ties, dtype=dtype)
    corpus = vectors(seed + 1, items, width, has_ties=has_ties, dtype=dtype)
    assert_same(cr.FlatIndex().over(corpus).nearest(asked, count), cr.ExactSearch().over(corpus).nearest(asked, count))


def test_copies_without_end_are_told_apart_by_their_number():
    corpus = np.repeat(vectors(0, 3, 8, has_ties=False), 500, axis=0)
    assert_same(
        cr.FlatIndex().over(corpus).nearest(corpus[::400], 20), cr.ExactSearch().over(corpus).nearest(corpus[::400], 20)
    )


def test_all_lists_are_an_exact_search_and_few_find_most():
    asked, corpus = vectors(0, 50, 8, has_ties=False), vectors(1, 2000, 8, has_ties=False)
    exact = cr.ExactSearch().over(corpus).nearest(asked, 10)
    assert_same(cr.IVFIndex(lists=20, probes=20).over(corpus).nearest(asked, 10), exact)
    few = cr.IVFIndex(lists=20, probes=8).over(corpus).nearest(asked, 10)
    recall = np.mean([np.isin(one, other).mean() for one, other in zip(few.items, exact.items, strict=True)])
    assert 0.8 <= recall <= 1  # 0.96 when written
    scores = [corpus[items].astype(np.float64) @ query for items, query in zip(few.items, asked, strict=True)]
    np.testing.assert_allclose(few.scores, scores, rtol=1e-6)


def test_a_list_that_holds_too_few_leaves_places_empty():
    corpus = np.eye(4, dtype=np.float32)
    found = cr.IVFIndex(lists=4, probes=1).over(corpus).nearest(corpus, 3)
    assert found.items[:, 0].tolist() == [0, 1, 2, 3]
    assert (found.items[:, 1:] == -1).all()
    assert (found.scores[:, 1:] == -np.inf).all()


def test_what_is_wrong_is_said():
    with pytest.raises(BadArgument, match=r"probes must be an integer >= 1 and <= 4, got 5; pass at most lists"):
        cr.IVFIndex(4, 5)
    with pytest.raises(BadArgument, match=r"lists must be an integer >= 1, got 0; pass about the square root"):
        cr.IVFIndex(0, 1)
    with pytest.raises(BadArgument, match=r"lists must be at most the 3 items, got 4; pass fewer"):
        cr.IVFIndex(4, 1).over(np.eye(3, dtype=np.float32))
    with pytest.raises(BadArgument, match=r"corpus must be a 2-D float32"):
        cr.FlatIndex().over(np.eye(3))
    with pytest.raises(BadArgument, match=r"corpus must hold finite rows"):
        cr.FlatIndex().over(np.array([[1], [np.nan]], np.float32))
    with pytest.raises(
        BadArgument, match=r"corpus must be a 2-D float32 or float16 array, .*, got a NoneType; convert"
    ):
        cr.FlatIndex().over(None)
    two = np.eye(2, dtype=np.float32)
    assert cr.IVFIndex(np.int64(1), np.int64(1)).over(two).nearest(two, 1).items.tolist() == [[0], [1]]


def test_without_faiss_the_extra_is_named(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(
        ImportError, match=r"FlatIndex and IVFIndex need faiss: pip install croupier\[faiss\], or use Exact"
    ):
        cr.FlatIndex().over(np.eye(3, dtype=np.float32))

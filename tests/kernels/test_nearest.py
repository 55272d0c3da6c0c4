from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import nearest as kernel
from croupier.kernels.inner_products import inner_products
from croupier.kernels.nearest import keep_nearest


def brute(queries, corpus, count):
    """The best of each query: five lines."""
    rows, items = (one.ravel() for one in np.indices((len(queries), len(corpus))))
    scores = inner_products(queries, rows, corpus, items).reshape(len(queries), -1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(scores, order, axis=1)


def kept(form, queries, corpus, count, width, error):
    """The best of each query, tile by tile, from estimates that are off by up to ``error``."""
    scores = np.full((len(queries), count), -np.inf, np.float32)
    items = np.full((len(queries), count), -1)
    off = np.random.default_rng(0)
    summed = 0
    for first in range(0, len(corpus), width):
        tile = corpus[first : first + width]
        estimates = queries @ tile.T
        estimates += off.uniform(-error, error, estimates.shape).astype(np.float32)
        slack = np.full(len(queries), error * 1.01 + 1e-4, np.float32)
        summed += form(estimates, slack, queries, tile, first, scores, items)
    return items, scores, summed


@given(
    st.integers(1, 5),
    st.integers(1, 150),
    st.integers(1, 90),
    st.integers(1, 160),
    st.sampled_from([0.0, 0.5, 30.0]),
    st.integers(0, 2**31),
)
def test_tiles_of_estimates_give_the_exact_best(queries, items, count, width, error, seed):
    generator = np.random.default_rng(seed)
    asked = generator.integers(-2, 3, (queries, 3)).astype(np.float32)  # few values: ties are many
    corpus = generator.integers(-2, 3, (items, 3)).astype(np.float32)
    count = min(count, items)
    wanted, wanted_scores = brute(asked, corpus, count)
    by_loop = kept(keep_nearest, asked, corpus, count, width, error)
    assert by_loop[0].tolist() == wanted.tolist()
    assert by_loop[1].tolist() == wanted_scores.tolist()
    by_twin = kept(kernel._keep_numpy, asked, corpus, count, width, error)
    assert all(np.array_equal(one, other) for one, other in zip(by_loop, by_twin, strict=True))


def test_few_scores_are_summed_anew():
    generator = np.random.default_rng(3)
    queries, corpus = (generator.standard_normal((n, 32)).astype(np.float32) for n in (50, 20_000))
    *_, summed = kept(keep_nearest, queries, corpus, 10, 1000, 1e-4)
    # k a tile at first, then k / (tile + 1): about 10 x (1 + 1/2 + ... + 1/20) a query, of 20,000.
    assert summed <= 50 * 10 * 5


def test_an_estimate_beyond_its_slack_is_seen_to_matter():
    """A planted mutant: with estimates off by more than the slack says, the oracle catches what is missed."""
    generator = np.random.default_rng(5)
    queries, corpus = (generator.standard_normal((n, 4)).astype(np.float32) for n in (20, 500))
    scores, items = np.full((20, 5), -np.inf, np.float32), np.full((20, 5), -1)
    wrong = queries @ corpus.T
    wrong[:, ::2] -= 3
    keep_nearest(wrong, np.full(20, 1e-3, np.float32), queries, corpus, 0, scores, items)
    assert items.tolist() != brute(queries, corpus, 5)[0].tolist()

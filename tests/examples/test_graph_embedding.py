from __future__ import annotations

import runpy
import sys

import numpy as np
import pytest
from benchmarks import wordnet

import croupier as cr
import graph_embedding as example

SMALL = example.Training(epochs=2, steps=10, dimensions=8)


def edges():
    sources, targets = example.communities(count=20)
    nodes = int(max(sources.max(), targets.max())) + 1
    return sources, targets, nodes, example.hold_out(sources, targets, nodes, 0.1)


def embedded(training=SMALL, **more):
    sources, targets, nodes, is_test = edges()
    graph = cr.Graph.from_edges(sources[~is_test], targets[~is_test], nodes=nodes)
    return example.embed(graph, training, **more)


@pytest.mark.parametrize("parts", [1, 4, 6])
def test_any_number_of_threads_gives_the_same_embedding(parts):
    one, two, four = (embedded(parts=parts, threads=threads) for threads in (1, 2, 4))
    for vectors in (two, four):
        assert all(np.array_equal(mine, others) for mine, others in zip(one, vectors, strict=True))
    assert np.isfinite(one[0]).all()
    assert not np.array_equal(one[0], embedded(parts=parts, seed=1)[0])


def test_held_out_links_score_above_others():
    """Groups of 20 nodes: trained, 3 links of 4 and more; untrained, no better than chance (5 deviations: 0.09)."""
    sources, targets, _, is_test = edges()
    links = sources[is_test], targets[is_test]
    assert example.link_auc(embedded(example.Training(epochs=10, dimensions=8)), *links) > 0.75
    heads = np.random.default_rng(0).normal(size=(400, 8))
    assert abs(example.link_auc((heads, heads[::-1]), *links) - 0.5) < 5 * np.sqrt(1 / 4 / links[0].size)


def test_a_step_is_the_gradient_of_the_loss():
    """One pair, one negative, both hashed to the only other tail: against the formulas in float64."""
    heads, tails = np.full((1, 3), 0.2, np.float32), np.array([[0.1, 0.2, 0.3], [0.4, 0.5, -0.6]], np.float32)
    head, tail = heads[0].astype(float), tails.astype(float)
    pull, push = (label - 1 / (1 + np.exp(-head @ row)) for label, row in zip((1, 0), tail, strict=True))
    pairs = (np.zeros(1, np.int32), np.zeros(1, np.int32))
    example.train_block(heads, tails, pairs, np.array([1]), np.array([1.0]), np.uint64(7), 0.5, 1)
    assert heads[0] == pytest.approx(head + 0.5 * (pull * tail[0] + push * tail[1]), rel=1e-5)
    assert tails == pytest.approx(tail + 0.5 * np.outer([pull, push], head), rel=1e-5)


def test_its_figures(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["graph_embedding.py"])
    runpy.run_path(example.__file__, run_name="__main__")
    one, two = (line.split(",")[1:] for line in capsys.readouterr().out.splitlines())
    assert one == two
    assert float(one[0].split()[1]) > 0.85


@pytest.mark.slow
def test_links_of_wordnet():
    try:
        sources, targets, nodes = wordnet.graph_edges()
    except wordnet.NotToBeHad as reason:
        pytest.skip(str(reason))
    is_test = example.hold_out(sources, targets, nodes, 0.1)
    graph = cr.Graph.from_edges(sources[~is_test], targets[~is_test], nodes=nodes)
    vectors = example.embed(graph, example.Training())
    assert example.link_auc(vectors, sources[is_test], targets[is_test]) > 0.88

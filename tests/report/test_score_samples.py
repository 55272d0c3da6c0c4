"""Hardness, ranks and ages against a look at every contrast, where the sample holds them all."""

from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument
from croupier.report import score_samples
from croupier.report.contrast_rows import read_rows
from croupier.report.score_samples import ScoreSamples

RNG = np.random.default_rng(0)
QUERIES, ITEMS = 30, 60
KNOWN = cr.KnownPositives.of(np.arange(90) % QUERIES, RNG.integers(0, ITEMS, 90))
NOW = cr.Embedded(RNG.normal(size=(QUERIES, 4)), RNG.normal(size=(ITEMS, 4)))
THEN = cr.Embedded(NOW.queries, NOW.items + 0.1 * RNG.normal(size=(ITEMS, 4)))


def batch_of(rows, negatives=2, **more):
    queries = RNG.integers(0, QUERIES, rows)
    items = np.array([int(RNG.choice(KNOWN.of_query(int(query)))) for query in queries], dtype=np.int64)
    return {"queries": queries, "items": items, "negatives": RNG.integers(-1, ITEMS, (rows, negatives)), **more}


def contrasts_of(batch, contrast):
    """(query, positive, negative) of every contrast that does not leak."""
    queries, items, negatives = (batch[name].tolist() for name in ("queries", "items", "negatives"))
    for place, (query, own) in enumerate(zip(queries, items, strict=True)):
        others = [] if contrast is cr.Contrast.OWN else items[:place] + items[place + 1 :]
        mine = np.concatenate(negatives).tolist() if contrast is cr.Contrast.ALL else negatives[place]
        right = {-1, own, *KNOWN.of_query(query).tolist()}
        yield from ((query, own, item) for item in others + mine if item not in right)


@pytest.mark.parametrize("contrast", list(cr.Contrast))
def test_hardness_is_of_every_contrast_that_does_not_leak(contrast):
    samples = ScoreSamples(KNOWN, cr.AuditScope(contrast, margin=0.3), NOW)
    batches = [batch_of(rows, negatives) for rows, negatives in ((5, 2), (1, 2), (0, 2), (7, 0), (4, 3))]
    for number, batch in enumerate(batches):
        samples.add(number, read_rows(batch, number))
    every = np.array([three for batch in batches for three in contrasts_of(batch, contrast)])
    scores = NOW.queries @ NOW.items.T
    differences = scores[every[:, 0], every[:, 1]] - scores[every[:, 0], every[:, 2]]
    figures = samples.hardness()
    assert figures.sampled == len(every) <= figures.contrasts
    assert figures.mean == pytest.approx(differences.mean())
    assert figures.above_positive == pytest.approx((differences < 0).mean())
    assert figures.suspected == pytest.approx((differences < 0.3).mean())
    assert figures.suspected > figures.above_positive
    assert figures.counts == tuple(np.histogram(differences, bins=len(figures.counts))[0])
    assert samples.staleness() is None


def test_scores_of_the_batch_itself_need_no_embeddings():
    batch = batch_of(6)
    scores = RNG.normal(size=(6, 3))
    samples = ScoreSamples(KNOWN, cr.AuditScope())
    samples.add(0, read_rows({**batch, "scores": scores}, 0))
    known = [
        (row, column)
        for row in range(6)
        for column in range(2)
        if batch["negatives"][row, column] not in {-1, *KNOWN.of_query(int(batch["queries"][row])).tolist()}
    ]
    expected = [scores[row, 0] - scores[row, 1 + column] for row, column in known]
    assert samples.hardness().mean == pytest.approx(np.mean(expected))
    assert samples.hardness().sampled == len(known)


def test_a_long_stream_is_sampled_without_bias(monkeypatch):
    """The mean over a sample of a thousandth is within 5 standard errors: missed with a probability below 1e-6."""
    monkeypatch.setattr(score_samples, "HARDNESS_CONTRASTS", 1000)
    small, whole = ScoreSamples(KNOWN, cr.AuditScope(), NOW), []
    for number in range(40):
        batch = batch_of(100, 1)
        small.add(number, read_rows(batch, number))
        whole += list(contrasts_of(batch, cr.Contrast.IN_BATCH)) if number % 10 == 0 else []
    every, scores = np.array(whole), NOW.queries @ NOW.items.T
    differences = scores[every[:, 0], every[:, 1]] - scores[every[:, 0], every[:, 2]]
    figures = small.hardness()
    assert 250 <= figures.sampled <= 1000
    assert figures.contrasts == 40 * 100 * 100
    assert abs(figures.mean - differences.mean()) < 5 * differences.std() / np.sqrt(figures.sampled)


def test_ranks_then_and_now_and_ages():
    samples = ScoreSamples(KNOWN, cr.AuditScope(), NOW, THEN)
    batches = [batch_of(8, mined_at=3, now=7), batch_of(8, mined_at=5)]
    for number, batch in zip((0, 6), batches, strict=True):
        samples.add(number, read_rows(batch, number))
    figures = samples.staleness()
    mined = [
        (q, n) for b in batches for q, own in zip(b["queries"], b["negatives"], strict=True) for n in own if n >= 0
    ]
    for vectors, found in ((THEN, figures.ranks_mined), (NOW, figures.ranks_now)):
        scores = vectors.queries @ vectors.items.T
        ranks = [
            1 + sum(scores[q, r] > scores[q, n] for r in range(ITEMS) if r not in KNOWN.of_query(int(q)))
            for q, n in mined
        ]
        assert found == pytest.approx(np.quantile(ranks, [0.25, 0.5, 0.75]))
    first, second = (int((batch["negatives"] >= 0).sum()) for batch in batches)
    assert figures.ages == (1, pytest.approx((4 * first + second) / (first + second)), 4)
    assert figures.ranked == len(mined)


@pytest.mark.parametrize(
    ("vectors", "batch", "message"),
    [
        (
            (NOW,),
            batch_of(2, scores=np.zeros((2, 3))),
            r"embedded must be left out where batches have scores, got scores i",
        ),
        (
            (NOW,),
            {"queries": [0], "items": [ITEMS]},
            r"embedded.items must have a row for each id, up to 60, got 60 rows",
        ),
        (
            (NOW, THEN),
            {"queries": [QUERIES], "items": [0]},
            r"mined_with.queries must have a row for each id, up to 30",
        ),
        (
            (),
            batch_of(2, mined_at=9),
            r"ages in batch 5 must be >= 0, got -4 at least; give the present step or version",
        ),
    ],
)
def test_errors(vectors, batch, message):
    with pytest.raises(BadArgument, match=message):
        ScoreSamples(KNOWN, cr.AuditScope(), *vectors).add(5, read_rows(batch, 5))

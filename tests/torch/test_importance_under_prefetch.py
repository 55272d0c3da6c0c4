"""Eight batches are prefetched while the scores move on: the weights are those of the draw, so means stay unbiased."""

from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.feedback.score_levels import PARTS, level_weights, score_levels
from croupier.torch import BatchSampler, Loader

ROWS, BATCH, SEGMENT = 2048, 8, 128
VALUES = 1.0 + np.arange(ROWS) % 4 + 0.3 * np.random.default_rng(0).normal(size=ROWS)


def newest_probability(scores):
    """What a draw by the scores as they are by now would have: the mutant's."""
    found = score_levels(scores)
    weights = level_weights(found, PARTS // 10)[found.levels]
    return weights / weights.sum()


def draws_of(stage, **arguments):
    """Values of all draws of two epochs, weighted as the loader says, and as a loop that asks for the newest scores."""
    plan = cr.chain(stage, cr.FixedSize(BATCH), segment_ids=SEGMENT)
    loader = Loader(list(range(ROWS)), BatchSampler(plan, cr.Table(size=ROWS), seed=2), **arguments)
    latest = np.ones(ROWS, np.float32)
    weighted, mutant, ahead, batches = [], [], [], 0
    for _ in range(2):
        for _ in loader:
            ids = loader.deal.ids
            ahead.append(len(loader._feed.ahead))
            weighted.append(loader.column("importance_weight").numpy() * VALUES[ids])
            mutant.append(VALUES[ids] / (ROWS * newest_probability(latest)[ids]))
            # Another quarter of the rows is hard in every segment, as in no training, but far from the scores known.
            scores = np.where(ids % 4 == batches * BATCH // SEGMENT % 4, 8.0, 0.5)
            loader.observe(scores)
            latest[ids] = scores
            batches += 1
    assert max(loader.column("score_version").tolist()) > 8
    return np.concatenate(weighted), np.concatenate(mutant), max(ahead)


def deviations(draws):
    """The mean's distance from that of all rows, in standard errors: the draws' errors are a martingale's."""
    errors = draws - VALUES.mean()
    return abs(errors.sum()) / np.sqrt((errors**2).sum())


@pytest.mark.parametrize("stage", [cr.ImportanceSampled(), cr.LossWeighted()], ids=lambda stage: stage.name)
def test_the_mean_is_unbiased_with_eight_batches_under_way(stage):
    """Within five deviations: a false alarm in two million each. The newest scores' weights are 8 off, at least."""
    weighted, mutant, ahead = draws_of(stage, num_workers=2, prefetch_factor=4)
    assert ahead == 8
    assert deviations(weighted) < 5
    assert deviations(mutant) > 8
    alone, _, none_ahead = draws_of(stage)
    assert none_ahead <= 1
    assert np.array_equal(alone, weighted), "what is prefetched changes no draw"

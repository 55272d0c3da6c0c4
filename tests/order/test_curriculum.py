from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadTable


def program_of(scores, pacing, **arguments):
    plan = cr.chain(cr.Curriculum("score", pacing, **arguments), cr.FixedSize(4), segment_ids=64)
    return cr.Dealer(plan, cr.Table(score=np.asarray(scores)), seed=0).program


def ids_of(program, epoch):
    return np.concatenate([program.segment(epoch, s).batches.indices for s in range(program.epochs.segments(epoch))])


@given(st.integers(1, 80), st.integers(1, 400), st.floats(0.01, 1.0), st.booleans(), st.booleans())
def test_no_row_comes_before_the_pacing_allows_it(rows, warmup, start, root, hardest_first):
    pacing = cr.Pacing(warmup, start, root)
    scores = np.random.default_rng(rows).permutation(rows)
    program = program_of(scores, pacing, hardest_first=hardest_first)
    for epoch in range(-(-warmup // rows) + 2):
        ids = ids_of(program, epoch)
        difficulty = rows - 1 - scores[ids] if hardest_first else scores[ids]
        allowed = [ceil(rows * pacing(epoch * rows + place)) for place in range(rows)]
        assert np.all(difficulty < allowed)
        if epoch * rows >= warmup:
            assert sorted(ids.tolist()) == list(range(rows)), "after the warm-up each id once an epoch"


def test_a_row_comes_again_only_when_its_pool_is_through():
    """One step of the warm-up deals 100 samples of a pool of 10 rows: each of them ten times."""
    program = program_of(np.arange(1000), cr.Pacing(10_000, start_fraction=0.01, root=False))
    ids = ids_of(program, 0)[:100]
    assert np.bincount(ids).tolist() == [10] * 10
    assert all(len(set(ids[i : i + 10].tolist())) == 10 for i in range(0, 100, 10))
    assert ids[:10].tolist() != ids[10:20].tolist()


def test_pacing_is_the_formula():
    for samples in (0, 10, 50, 99, 100, 1000):
        t = min(1.0, samples / 100)
        assert cr.Pacing(100, 0.2)(samples) == pytest.approx(np.sqrt(t * (1 - 0.04) + 0.04))
        assert cr.Pacing(100, 0.2, root=False)(samples) == pytest.approx(0.2 + 0.8 * t)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: cr.Curriculum("score", 0.5), r"pacing must be a Pacing, got 0.5; write Pacing\(warmup_samples="),
        (lambda: cr.Pacing(0), r"warmup_samples must be an integer >= 1"),
        (lambda: cr.Pacing(5, 0.0), r"start_fraction must be a number in \(0, 1\]"),
    ],
)
def test_bad_arguments_are_refused(make, text):
    with pytest.raises(BadArgument, match=text):
        make()


def test_bad_scores_are_refused():
    with pytest.raises(BadTable, match=r"'score' must not be NaN, got NaN in row 1"):
        program_of([1.0, np.nan], cr.Pacing(5))
    with pytest.raises(BadTable, match=r"'score' must hold one number a row"):
        program_of(["a", "b"], cr.Pacing(5))


def test_rows_of_one_score_keep_the_order_of_the_table():
    for hardest_first in (False, True):
        program = program_of([1] * 8, cr.Pacing(800, 0.25), hardest_first=hardest_first)
        assert set(ids_of(program, 0).tolist()) == {0, 1}

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.feedback.counted_means import MOST_COUNTED, UNSEEN, counted_means, with_observed

losses = st.just(0.0) | st.floats(1e-6, 1e6)


def fed(rows, *segments):
    """The scores after segments of (row, value) pairs."""
    scores = np.full(rows, UNSEEN, np.float32)
    for segment in segments:
        ids, values = (np.array(part) for part in zip(*segment, strict=True)) if segment else (np.zeros(0, int),) * 2
        seen = with_observed(scores, ids.astype(np.int64), values.astype(np.float32))
        assert np.all(np.diff(seen.ids) > 0)
        scores[seen.ids] = seen.values
    return scores


@given(st.lists(st.lists(st.tuples(st.integers(0, 4), losses), max_size=12), max_size=6))
def test_the_kth_value_weighs_k(segments):
    scores = fed(5, *segments)
    means, counts = counted_means(scores)
    for row in range(5):
        values = np.float32([value for segment in segments for of, value in segment if of == row])
        assert counts[row] == values.size
        if values.size:
            expected = np.average(values.astype(float), weights=1 + np.arange(values.size))
            assert abs(means[row] - expected) <= 2.0**-16 * values.size * values.max() + 2.0**-99
        else:
            assert (means[row], scores[row]) == (0.0, UNSEEN)


def test_it_matters_not_how_values_are_cut_into_segments_beyond_rounding():
    rng = np.random.default_rng(0)
    values = [(0, float(value)) for value in rng.exponential(size=200)]
    whole, singly = fed(1, values), fed(1, *[[value] for value in values])
    assert np.allclose(counted_means(whole).means, counted_means(singly).means, rtol=1e-3)


def test_the_count_stops_and_the_mean_goes_on():
    scores = fed(1, [(0, 1.0)] * 400, [(0, 3.0)] * 400)
    means, counts = counted_means(scores)
    assert counts.tolist() == [MOST_COUNTED]
    assert 2.9 < means[0] <= 3.0


def test_scores_stay_finite_and_survive_a_copy_through_a_file(tmp_path):
    scores = fed(4, [(0, 0.0), (1, 3.4e38), (2, 1e-45)], [(0, 0.0)])
    assert np.isfinite(scores).all()
    assert counted_means(scores).counts.tolist() == [2, 1, 1, 0]
    scores.tofile(tmp_path / "scores")
    assert np.array_equal(np.fromfile(tmp_path / "scores", np.float32).view(np.uint32), scores.view(np.uint32))

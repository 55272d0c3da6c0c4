"""Streaming updates of records against plain statistics, and the loop against its twin."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import score_records
from croupier.kernels.half_floats import NEAREST, half_bits_of, half_values
from croupier.kernels.score_records import MOST_COUNTED_IN_HALF, are_usable, stopped_counts, update_records

ROWS = 6
RATES = np.array([0.1, 0.5])
# Two signals: one with everything kept and two exponential means, one with its last value and times forgotten.
HALF = 17, np.array([[0, 1, 3, 5, 7, 0, 2], [12, 13, -1, -1, 15, 2, 2]]), np.array([8, 10])
FULL = 40, np.array([[0, 4, 8, 12, 16, 0, 2], [28, 32, -1, -1, 36, 2, 2]]), np.array([20, 24])

values = (
    st.floats(-100, 100, width=32) | st.floats(0, 2.0**100, width=32) | st.just(np.nan) | st.sampled_from([0.0, 1.0])
)
observations = st.lists(st.tuples(st.integers(0, ROWS - 1), values, values), max_size=40)


def arrays(observed):
    ids = np.array([row for row, _, _ in observed], dtype=np.int64)
    return ids, np.array([pair for _, *pair in observed], dtype=np.float32).reshape(-1, 2)


def updated(observed, layout, is_half, update=update_records):
    width, blocks, emas = layout
    records = np.zeros((ROWS, width), np.uint8)
    ids, signals = arrays(observed)
    if update is update_records:
        update_records(records, ids, signals, blocks, emas, RATES, is_half=is_half)
    else:
        update(records, ids, signals, blocks, emas, RATES, is_half)
    return records


@given(observations, st.sampled_from([(HALF, True), (FULL, False)]))
def test_the_loop_its_twin_and_what_is_compiled_agree_to_the_bit(observed, kind):
    compiled = updated(observed, *kind)
    assert np.array_equal(compiled, updated(observed, *kind, score_records._update_numpy))
    with np.errstate(over="ignore"):
        assert np.array_equal(compiled, updated(observed, *kind, score_records._update_loop))


@given(observations, st.integers(0, 40), st.sampled_from([(HALF, True), (FULL, False)]))
def test_how_values_are_cut_into_calls_does_not_matter(observed, cut, kind):
    layout, is_half = kind
    width, blocks, emas = layout
    records = np.zeros((ROWS, width), np.uint8)
    for part in (observed[:cut], observed[cut:]):
        update_records(records, *arrays(part), blocks, emas, RATES, is_half=is_half)
    assert np.array_equal(records, updated(observed, *kind))


def single(records, row, at):
    return float(records[row, at : at + 4].copy().view(np.float32)[0])


@given(st.lists(st.tuples(st.integers(0, ROWS - 1), st.floats(-100, 100, width=32), st.booleans()), max_size=60))
def test_singles_hold_the_plain_statistics(observed):
    records = updated([(row, value, float(right)) for row, value, right in observed], FULL, False)
    for row in range(ROWS):
        mine = np.array([value for of, value, _ in observed if of == row])
        rights = [right for of, _, right in observed if of == row]
        assert int(records[row, :4].copy().view(np.uint32)[0]) == mine.size
        if not mine.size:
            assert not records[row].any()
            continue
        assert single(records, row, 4) == np.float32(mine[-1])
        assert single(records, row, 8) == pytest.approx(mine.mean(), rel=1e-4, abs=1e-4)
        assert single(records, row, 12) == pytest.approx(mine.var(), rel=1e-3, abs=1e-2)
        ema = mine[0]
        for value in mine[1:]:
            ema += RATES[0] * (value - ema)
        assert single(records, row, 20) == pytest.approx(ema, rel=1e-4, abs=1e-4)
        forgotten = sum(before and not after for before, after in pairwise(rights))
        state = int(records[row, 36:40].copy().view(np.uint32)[0])
        assert (state >> 2, bool(state & 2), bool(state & 1)) == (forgotten, any(rights), rights[-1])


def half(records, at):
    return half_values(records[:, at].astype(np.int64) | records[:, at + 1].astype(np.int64) << 8)


def test_small_steps_are_not_lost_in_half_precision():
    """An exponential mean that must move from 1 to 1.01 by steps of which most are below half of the last place.

    2,000 rows; the standard error of their mean is below 2e-5, so 1e-4 is passed with a probability below 1e-6. To the
    nearest it would stand still where steps are below half the last place: more than 4e-3 away, the mutant.
    """
    rows, rate = 2000, np.array([0.01])
    blocks, emas = np.array([[0, -1, -1, -1, -1, 0, 1]]), np.array([1])
    records = np.zeros((rows, 3), np.uint8)
    ids = np.arange(rows)
    rng = np.random.default_rng(0)
    expected = mutant = None
    for step in range(1000):
        signal = np.full((rows, 1), 1.0 if step == 0 else 1.01, np.float32)
        signal += rng.normal(scale=1e-6, size=signal.shape).astype(np.float32)
        update_records(records, ids, signal, blocks, emas, rate, is_half=True)
        exact = signal[:, 0].astype(float)
        expected = exact if expected is None else expected + rate[0] * (exact - expected)
        moved = exact if mutant is None else mutant + rate[0] * (exact - mutant)
        mutant = half_values(half_bits_of(moved, NEAREST))
    assert abs(half(records, 1).mean() - expected.mean()) < 1e-4
    assert abs(mutant.mean() - expected.mean()) > 4e-3


def test_counts_stop_and_means_go_on():
    blocks, none = np.array([[0, -1, 1, -1, -1, 0, 0]]), np.zeros(0, np.int64)
    records = np.zeros((200, 3), np.uint8)
    for value in [1.0] * 300 + [3.0] * 1500:
        signal = np.full((200, 1), value, np.float32)
        update_records(records, np.arange(200), signal, blocks, none, np.zeros(0), is_half=True)
    assert set(stopped_counts(records[:, 0], is_half=True).tolist()) == {MOST_COUNTED_IN_HALF}
    assert 2.95 < half(records, 1).mean() <= 3.0


@pytest.mark.parametrize("bad", [None, (3, 0.0), (-1, 0.0), (1, np.nan), (2, -np.inf)])
def test_what_cannot_be_used_is_found(bad):
    ids, signals = np.array([0, 2, 1]), np.zeros((3, 2), np.float32)
    if bad is not None:
        ids[1], signals[1, 1] = bad
    assert score_records._usable_numpy(ids, signals, 3) == are_usable(ids, signals, 3) == (bad is None)


def test_nothing_overflows():
    records = updated([(0, 3.4e38, 1.0), (0, -3.4e38, 0.0)] * 3, FULL, False)
    assert np.isfinite([single(records, 0, at) for at in (4, 8, 12, 20)]).all()
    assert np.isfinite(half(updated([(0, 3.4e38, 1.0), (0, -3.4e38, 0.0)] * 3, HALF, True), 5)).all()

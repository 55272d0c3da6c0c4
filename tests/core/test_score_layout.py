"""A record's fields, and columns read from records."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.core import score_layout
from croupier.core.score_layout import ScoreLayout
from croupier.errors import BadArgument

ALL = (cr.Last(), cr.Mean(), cr.Variance(), cr.Count(), cr.Ema(0.9))


@pytest.mark.parametrize(("half", "size"), [(True, 9), (False, 20)])
def test_all_of_a_signal_takes_so_many_bytes(half, size):
    assert ScoreLayout(ALL, half).record.itemsize == size


signals = st.sampled_from(["loss", "el2n", "correct"])
statistics = st.lists(
    st.one_of(
        *(st.builds(kind, signals) for kind in (cr.Last, cr.Mean, cr.Variance, cr.Count, cr.Forgotten)),
        st.builds(cr.Ema, st.sampled_from([0.5, 0.9, 0.99]), signals),
    ),
    min_size=1,
    max_size=12,
    unique=True,
)


@given(statistics, st.booleans(), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 8)), max_size=20))
def test_any_set_of_statistics_reads_what_each_would_alone(several, half, observed):
    """Means and the like to half precision's rounding: they are rounded by draws that a mean of its own would share."""
    layout = ScoreLayout(tuple(several), half)
    ids = np.array([row for row, _ in observed], np.int64)
    values = np.array([value for _, value in observed], np.float32)
    records = np.zeros(5, layout.record)
    layout.write(records, ids, np.stack([values] * len(layout.signals), axis=1))
    for statistic in several:
        alone = ScoreLayout((statistic,), half)
        theirs = np.zeros(5, alone.record)
        alone.write(theirs, ids, values[:, None])
        column = layout.read(records, statistic)
        assert column.dtype == np.float32
        assert np.array_equal(column, alone.read(theirs, statistic), equal_nan=True)
        assert np.array_equal(layout.at(records, statistic, ids), column[ids], equal_nan=True)
        seen = np.isin(np.arange(5), ids)
        assert np.array_equal(np.isnan(column), ~seen) or isinstance(statistic, cr.Count)
        assert layout.keeps(statistic)


def test_signals_that_were_not_observed_are_left_out():
    layout = ScoreLayout((cr.Mean("a"), cr.Mean("b")))
    records = np.zeros(1, layout.record)
    layout.write(records, np.zeros(3, np.int64), np.array([[1, np.nan], [np.nan, 8], [3, np.nan]], np.float32))
    assert layout.read(records, cr.Mean("a")).tolist() == [2.0]
    assert layout.read(records, cr.Count("b")).tolist() == [1.0]
    assert not layout.keeps(cr.Mean("c"))


def test_forgotten_reads_as_times_and_never_learnt_as_infinite():
    layout = ScoreLayout((cr.Forgotten(),), half=True)
    records = np.zeros(4, layout.record)
    for correct in ([1, 0, 1], [0, 0, 1], [1, 0, 1], [0, 0, 1]):
        layout.write(records, np.arange(3), np.array(correct, np.float32)[:, None])
    assert layout.read(records, cr.Forgotten()).tolist()[:3] == [2.0, np.inf, 0.0]
    assert np.isnan(layout.read(records, cr.Forgotten())[3])


def test_long_columns_are_read_in_chunks(monkeypatch):
    layout = ScoreLayout((cr.Last(),))
    records = np.zeros(100, layout.record)
    layout.write(records, np.arange(100), np.arange(100, dtype=np.float32)[:, None])
    monkeypatch.setattr(score_layout, "CHUNK_ROWS", 7)
    assert layout.read(records, cr.Last()).tolist() == list(range(100))


def test_half_must_be_said_plainly():
    with pytest.raises(BadArgument, match=r"half must be True or False, got 'float16'; pass half=True"):
        ScoreLayout(ALL, "float16")

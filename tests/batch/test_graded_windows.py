from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


def lognormal(rows, seed=0):
    return np.clip(np.random.default_rng(seed).lognormal(5.95, 1.26, rows), 1, 8_000).astype(np.int64)


@given(lengths=st.lists(st.integers(0, 40), min_size=1, max_size=80), window=st.integers(1, 90), cut=st.integers(0, 80))
def test_the_same_ids_in_windows_of_one_class_of_each_incoming_batch(lengths, window, cut):
    table, stage = cr.Table(length=lengths), cr.GradedWindows(window)
    prepared = stage.prepare(table, cr.Key(0), 0)
    cut = min(cut, len(lengths))
    incoming = cr.Batches.of(np.arange(len(lengths)), [cut, len(lengths) - cut])
    out = stage.plan(incoming, cr.Context(table=table, key=cr.Key(0), prepared=prepared))
    assert out.fault() is None
    assert out.offsets.tolist() == incoming.offsets.tolist()
    assert [sorted(batch) for batch in out] == [sorted(batch) for batch in incoming]
    assert out.columns["length"].tolist() == np.array(lengths)[out.indices].tolist()
    for batch in out:
        classes = np.searchsorted(prepared["ends"], np.array(lengths)[batch])
        assert np.all(np.diff(classes) >= 0), "short classes first"


def test_neighbours_in_the_sorted_run_differ_little_even_where_windows_meet():
    table, stage = cr.Table(length=lognormal(20_000)), cr.GradedWindows(2_000)
    context = cr.Context(table=table, key=cr.Key(0), prepared=stage.prepare(table, cr.Key(0), 0))
    lengths = stage.plan(cr.Batches.of(np.arange(20_000)), context).columns["length"]
    common = (lengths > 60) & (lengths < 3_000)  # beyond, lengths are so rare that they leave gaps anyway
    jumps = np.abs(np.diff(np.log(lengths.astype(float))))[common[1:] & common[:-1]]
    assert jumps.max() < 0.1


def test_at_one_padding_fewer_pairs_meet_again_than_in_equal_windows():
    table = cr.Table(length=lognormal(120_000))

    def figures(stage):
        plan = cr.chain(cr.Shuffle(), stage, cr.TokenBudget(32_768), segment_ids=60_000)
        return cr.preview(plan, table, seed=0)

    graded, equal = figures(cr.GradedWindows(8_500)), figures(cr.SortedWindows(2**13))
    assert graded.padding < 1.1 * equal.padding
    assert graded.re_pairing < 0.85 * equal.re_pairing


def test_windows_follow_the_root_of_the_length():
    stage, lengths = cr.GradedWindows(1_000), np.arange(1, 1_601)
    windows = stage.prepare(cr.Table(length=lengths), cr.Key(0), 0)["windows"]
    expected = 1_000 * np.sqrt(np.arange(1, 16, 2) / 8)
    assert np.abs(windows - expected).max() <= 2


def test_the_window_is_checked():
    with pytest.raises(BadArgument, match=r"window_ids must be an integer >= 1 and <= 2147483648, got 0"):
        cr.GradedWindows(0)

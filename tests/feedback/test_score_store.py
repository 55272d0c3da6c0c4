"""A store in memory, in a mapped file, with versions and without."""

from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.core.artefact import Artefact
from croupier.errors import BadArgument, BadState

KEPT = (cr.Last(), cr.Mean(), cr.Variance("margin"), cr.Ema(0.5, "margin"))


def updates(count=6, rows=20):
    rng = np.random.default_rng(4)
    for number in range(count):
        ids = rng.integers(0, rows, 9)
        yield ids, {"loss": rng.exponential(size=9), "margin": rng.normal(size=9)} if number % 2 else rng.normal(size=9)


def same(one, two):
    return all(np.array_equal(one.read(part), two.read(part), equal_nan=True) for part in one.kept.statistics)


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("journalled", [True, False])
def test_memory_and_files_hold_the_same(tmp_path, half, journalled):
    memory = cr.ScoreStore(20, KEPT, half=half)
    mapped = cr.ScoreStore(20, KEPT, half=half, folder=tmp_path, journalled=journalled)
    for ids, values in updates():
        memory.update(ids, values)
        mapped.update(ids, values)
    assert same(memory, mapped)
    assert mapped.version[0] == (6 if journalled else 0)
    mapped.flush()
    assert same(memory, cr.ScoreStore(20, KEPT, half=half, folder=tmp_path)), "a new process takes it up"
    loaded = cr.ScoreStore.load(tmp_path)
    assert same(memory, loaded)
    assert (loaded.rows, loaded.layout) == (20, memory.layout)


def test_it_goes_back_to_a_version_and_on_again_alike(tmp_path):
    store, histories = cr.ScoreStore(20, KEPT, folder=tmp_path), []
    for ids, values in updates():
        store.update(ids, values)
        histories.append((store.version, store.read(cr.Mean())))
    store.go_back(*histories[2][0])
    assert np.array_equal(store.read(cr.Mean()), histories[2][1], equal_nan=True)
    for ids, values in list(updates())[3:]:
        store.update(ids, values)
    assert store.version == histories[5][0]
    with pytest.raises(BadState, match=r"must have the journals that led to version 2"):
        store.go_back(2, "another")


def test_a_copy_is_a_copy_and_some_rows_are_read_like_all(tmp_path):
    store = cr.ScoreStore(5, (cr.Mean(),), folder=tmp_path)
    store.update([3, 3], [1.0, 3.0])
    copy = cr.ScoreStore.load(tmp_path)
    store.update([3], [5.0])
    assert (copy.at(cr.Mean(), [3]).item(), store.at(cr.Mean(), [3]).item()) == (2.0, 3.0)


def test_what_was_read_serves_as_weights_and_to_select_by():
    """AUM: the examples of lowest margin are left out."""
    store = cr.ScoreStore(40, (cr.Mean("margin"),))
    rng = np.random.default_rng(0)
    for _ in range(5):
        store.update(np.arange(40), {"margin": rng.normal(loc=np.where(np.arange(40) < 4, -3, 3))})
    margin = store.read(cr.Mean("margin"))
    clean = cr.Selection(np.flatnonzero(margin > np.quantile(margin, 0.1)))
    assert np.asarray(clean.ids).tolist() == list(range(4, 40))
    assert cr.Dealer(cr.Weighted("w"), cr.Table(w=margin - margin.min()), seed=0).first()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([5], [1.0]), r"ids must be rows 0 to 4, got 5 to 5; is it another table\?"),
        (([-1], [1.0]), r"ids must be rows 0 to 4, got -1 to -1"),
        (([0.5], [1.0]), r"ids must be a list of row numbers"),
        (([[1]], [1.0]), r"ids must be a list of row numbers"),
        (([1], [np.nan]), r"values must be finite, got one that is not; skip steps that overflowed"),
        (([1, 2], [1.0]), r"values must be 2 numbers, got float64 of shape \(1,\)"),
        (([1], {"margin": [1.0]}), r"values must be of the signals loss, got 'margin'; name what is kept"),
        (([1], {}), r"values must be of the signals loss, got 'none'"),
    ],
)
def test_bad_updates_are_refused_and_change_nothing(arguments, text):
    store = cr.ScoreStore(5, (cr.Mean(),))
    with pytest.raises(BadArgument, match=text):
        store.update(*arguments)
    assert np.isnan(store.read(cr.Mean())).all()


def test_folders_of_something_else_are_refused(tmp_path):
    with pytest.raises(BadState, match=r"must hold scores, got no head.json; choose a folder of KeepScores"):
        cr.ScoreStore.load(tmp_path)
    Artefact.open(tmp_path, 3, 1.0)
    with pytest.raises(BadState, match=r"must hold scores, got other things"):
        cr.ScoreStore.load(tmp_path)
    with pytest.raises(BadArgument, match=r"rows must be an integer >= 1, got 0"):
        cr.ScoreStore(0, (cr.Mean(),))


def test_an_empty_update_is_one():
    store = cr.ScoreStore(5, (cr.Mean(),))
    store.update([], [])
    assert np.isnan(store.read(cr.Mean())).all()


def test_signals_of_other_kinds_are_named():
    with pytest.raises(BadArgument, match=r"values must be of the signals loss, got .1.; name what is kept"):
        cr.ScoreStore(3, (cr.Mean(),)).update([0], {1: None})

from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument, BadState

LEDGER = cr.Ledger.of("mining", "left out: max_score", 12) + cr.Ledger.of("mining", "left out: known positive", 3)
ARRAYS = ("query_ids", "items", "scores", "positive_scores")


def mined():
    items, scores = [[4, 2], [1, -1]], [[0.5, 0.25], [0.75, np.nan]]
    return cr.Mined([7, 10**12], items, scores, [0.9, np.nan], item_count=5, ledger=LEDGER)


def test_a_folder_gives_back_what_was_saved_mapped_and_without_pickle(tmp_path):
    place = tmp_path / "new" / "folder"
    checksum = mined().save(place)
    found = cr.Mined.load(place)
    for name in ARRAYS:
        assert np.array_equal(getattr(found, name), getattr(mined(), name), equal_nan=True)
        assert getattr(found, name).dtype == getattr(mined(), name).dtype
    assert (found.item_count, found.ledger) == (5, LEDGER)
    assert isinstance(np.load(place / "items.npy", mmap_mode="r", allow_pickle=False), np.memmap)
    assert not found.items.flags.writeable
    assert found.nbytes == mined().nbytes == 2 * 8 + 4 * 8 + 4 * 4 + 2 * 4
    assert found.save(tmp_path / "again") == checksum


def test_what_is_damaged_or_something_else_is_refused(tmp_path):
    with pytest.raises(BadState, match=r"state: folder .*nowhere must hold mined negatives as they were saved, got"):
        cr.Mined.load(tmp_path / "nowhere")
    mined().save(tmp_path / "one")
    with pytest.raises(
        BadArgument, match=r"folder must not exist yet: a version never changes, got .*; choose a new name"
    ):
        mined().save(tmp_path / "one")
    np.save(tmp_path / "one" / "items.npy", mined().items + 1)
    with pytest.raises(
        BadState, match=r"folder .*one must have the checksum [0-9a-f]+, got .*; it is damaged: restore it"
    ):
        cr.Mined.load(tmp_path / "one")


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        (
            ([0], [[1, 2]], [[0.5]], [0.5]),
            r"scores must have shape \(1, 2\), a row for each query, got shape \(1, 1\); use",
        ),
        (([0, 1], [[1]], [[0.5]], [0.5]), r"items must have shape \(2, 1\), a row for each query, got shape \(1, 1\)"),
        (([0], [1], [0.5], [0.5]), r"items must have shape \(1, 0\), a row for each query, got shape \(1,\)"),
        (([0], [[1]], [[0.5]], 0.5), r"positive_scores must have shape \(1,\), a row for each query, got shape \(\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, text):
    with pytest.raises(BadArgument, match=text):
        cr.Mined(*arrays, item_count=3)

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
        (
            ([0.5], [[1]], [[0.5]], [0.5]),
            r"query_ids must hold whole numbers, got dtype float64; use what mine\(\) returned",
        ),
        (([0], [[np.nan]], [[0.5]], [0.5]), r"items must hold whole numbers, got dtype float64; use what mine"),
        (([0], [["a"]], [[0.5]], [0.5]), r"items must hold whole numbers, got dtype <U1"),
        (
            ([0], [[1]], [[0.5j]], [0.5]),
            r"scores must hold finite numbers, NaN where there is nothing, got dtype complex",
        ),
        (
            ([0], [[1]], [[1e300]], [0.5]),
            r"scores must hold finite numbers, NaN where there is nothing, got inf; use",
        ),
        (
            ([0], [[1]], [[0.5]], [-np.inf]),
            r"positive_scores must hold finite numbers, NaN where .*, got inf; use",
        ),
        (
            ([7, 3, 7], [[1]] * 3, [[0.5]] * 3, [0.5] * 3),
            r"query_ids must hold each query once, got query 7 again; join",
        ),
        (([-1], [[1]], [[0.5]], [0.5]), r"query_ids must be at least 0 and below 2\*\*62, got -1 .. -1; number them"),
        (
            ([2**63], [[1]], [[0.5]], [0.5]),
            r"query_ids must hold whole numbers below 2\*\*62, got 9223372036854775808; use",
        ),
        (
            ([0], [[3]], [[0.5]], [0.5]),
            r"items must be items below item_count=3, or -1 where a query has fewer, got 0 to 3",
        ),
        (
            ([0], [[-100]], [[0.5]], [0.5]),
            r"items must be items below item_count=3, or -1 where .*, got -100 to -1; count",
        ),
        (
            ([0], [[1], [2, 3]], [[0.5]], [0.5]),
            r"items must be an array, got a list that NumPy cannot read; give rows of",
        ),
        (
            ([0], np.ma.masked_array([[1]], [[True]]), [[0.5]], [0.5]),
            r"items must have a value in every place, got a mask",
        ),
        (([0], [[1]], [[0.5]], 0.5), r"positive_scores must have shape \(1,\), a row for each query, got shape \(\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, text):
    with pytest.raises(BadArgument, match=text):
        cr.Mined(*arrays, item_count=3)


def test_counts_and_ledgers_that_are_none():
    for count in (-1, 2.0, None):
        with pytest.raises(
            BadArgument, match=r"item_count must be an integer >= 0, got .*; pass how many items were sea"
        ):
            cr.Mined([0], [[-1]], [[np.nan]], [0.5], item_count=count)
    with pytest.raises(BadArgument, match=r"ledger must be a Ledger, got 'none'; leave it out"):
        cr.Mined([0], [[0]], [[0.5]], [0.5], item_count=1, ledger="none")


def test_what_says_the_same_is_taken():
    """Lists, other widths, the other order of bytes, queries in any order, rows without items."""
    odd = cr.Mined(
        np.array([10**12, 7], ">u8"), np.asfortranarray(np.array([[1, -1], [4, 2]], np.int16)),
        np.array([[0.75, np.nan], [0.5, 0.25]], np.float16), [np.nan, 0.5], item_count=np.int64(5),
    )  # fmt: skip
    assert [getattr(odd, name).dtype for name in ARRAYS] == [getattr(mined(), name).dtype for name in ARRAYS]
    assert odd.items.tolist() == mined().items[::-1].tolist()
    assert type(odd.item_count) is int
    assert cr.Mined([0], [[]], [[]], [np.nan], item_count=0).items.shape == (1, 0)

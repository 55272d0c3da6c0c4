from __future__ import annotations

import numpy as np
import pytest
import torch

import croupier as cr
from croupier.errors import BadArgument


@pytest.mark.parametrize("is_mapped", [False, True])
def test_the_last_report_of_each_row_is_kept(tmp_path, is_mapped):
    path = tmp_path / "bank" if is_mapped else None
    bank = cr.EmbeddingBank(4, 2, path)
    bank.report([1, 3], [[1, 2], [3, 4]])
    other = cr.EmbeddingBank(4, 2, path) if is_mapped else bank  # another rank, on the same file
    other.report(np.array([1]), np.array([[5, 6]], np.float32))
    assert bank.embeddings.tolist() == [[0, 0], [5, 6], [0, 0], [3, 4]]
    assert bank.is_reported.tolist() == [False, True, False, True]


def test_bad_reports_and_files_are_refused(tmp_path):
    bank = cr.EmbeddingBank(4, 2, tmp_path / "bank")
    with pytest.raises(BadArgument, match=r"embeddings must be of shape \(1, 2\), got \(1, 3\); report one vector"):
        bank.report([0], [[1, 2, 3]])
    with pytest.raises(BadArgument, match="embeddings must be finite, got NaN or inf; skip the report of a step"):
        bank.report([0], [[1, np.nan]])
    with pytest.raises(BadArgument, match=r"path must be a file of 5 x 2 float16 \(20 bytes\), got 16; remove"):
        cr.EmbeddingBank(5, 2, tmp_path / "bank")
    with pytest.raises(BadArgument, match="dtype must be float16 or float32, got"):
        cr.EmbeddingBank(5, 2, dtype=np.int8)


@pytest.mark.parametrize(
    ("ids", "embeddings", "text"),
    [
        ([-1], [[1, 2]], r"ids must be at least 0 and below 2\*\*62, got -1 .. -1; number them from 0"),
        ([4], [[1, 2]], r"ids must be rows from 0 to 3, got 4; report the ids of a deal"),
        ([0.5], [[1, 2]], r"ids must be a 1-D array of whole numbers, got dtype float64 of shape \(1,\)"),
        ([[0]], [[1, 2]], r"ids must be a 1-D array of whole numbers, got dtype int64 of shape \(1, 1\)"),
        ([0, 1], [[1, 2], [3]], r"embeddings must be an array, got a list that NumPy cannot read; give rows of one"),
        ([0], torch.ones(1, 2, requires_grad=True), r"embeddings must be an array, got a Tensor that .*; detach it"),
        ([0], [["a", "b"]], r"embeddings must be numbers, got dtype <U1; report what the model computed"),
        (
            [0],
            [[1, -7e4]],
            r"embeddings must fit float16, up to 65504, got 70000.0; normalise them, or pass dtype=np.float32",
        ),
        ([0], [[1, np.inf]], r"embeddings must be finite, got NaN or inf; skip the report of a step that overflowed"),
    ],
)
def test_reports_that_say_something_else_leave_the_bank_as_it_is(ids, embeddings, text):
    bank = cr.EmbeddingBank(4, 2)
    with pytest.raises(BadArgument, match=text):
        bank.report(ids, embeddings)
    assert not bank.is_reported.any()


def test_what_rounds_to_the_largest_half_is_kept_and_float32_holds_more():
    bank, wide = cr.EmbeddingBank(1, 1), cr.EmbeddingBank(1, 1, dtype=np.float32)
    bank.report([0], [[65519.0]])
    wide.report([0], [[7e4]])
    assert (bank.embeddings.item(), wide.embeddings.item()) == (65504.0, 7e4)
    with pytest.raises(BadArgument, match="dtype must be float16 or float32, got half a float; choose float16"):
        cr.EmbeddingBank(1, 1, dtype="half a float")
    with pytest.raises(BadArgument, match=r"path must be a path, got 3; pass .embeddings.bin., say, or None"):
        cr.EmbeddingBank(1, 1, 3)


def test_a_number_is_no_kind_of_number():
    with pytest.raises(BadArgument, match=r"dtype must be float16 or float32, got .*0.5"):
        cr.EmbeddingBank(1, 1, dtype=np.float16(0.5))

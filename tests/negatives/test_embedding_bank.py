from __future__ import annotations

import numpy as np
import pytest

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

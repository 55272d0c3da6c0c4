from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from croupier.core.artefact import Artefact
from croupier.core.rebuilding import checksum_of, rebuild
from croupier.errors import BadState

ROWS = 90  # so many that the array is not brought to the disk by itself


def written(folder, versions=5):
    """An artefact of versions 1 to 5 that was brought to the disk at version 3; the array at each."""
    scores, at = Artefact.open(folder, ROWS, 1.0), [np.ones(ROWS, np.float32)]
    for version in range(1, versions + 1):
        scores.apply(version, np.array([version % 6, 0]), np.array([version, -version], np.float32))
        at.append(np.array(scores.values))
        if version == 3:
            scores.flush()
    return scores, at


def put(values, ids, new):
    values[ids] = new


@pytest.mark.parametrize("wanted", range(6))
@pytest.mark.parametrize("left", range(3, 6))
def test_any_version_comes_of_what_any_crash_left(tmp_path, wanted, left):
    scores, at = written(tmp_path)
    values = at[left].copy()
    values[4] = at[5][4]  # a later version, partly there
    rebuild(values, scores._format.journals(tmp_path), scores._head, wanted, put)
    assert values.tolist() == at[wanted].tolist()


def test_a_row_that_no_journal_explains_is_seen(tmp_path):
    scores, at = written(tmp_path)
    journals = scores._format.journals(tmp_path)
    for row in (2, 3):
        values = at[5].copy()
        values[row] += 1
        with pytest.raises(
            BadState, match=r"artefact .* must hold the array of version 3, got one that was changed since; it is dam"
        ):
            rebuild(values, journals, scores._head, 5, put)
    values = at[5].copy()
    values[2] += 1
    rebuild(values, journals, replace(scores._head, flushed_checksum=""), 5, put)  # as of an older release


def test_a_damaged_file_is_refused_where_it_is_opened_and_read(tmp_path):
    scores, _ = written(tmp_path)
    version, checksum = scores.version, scores.checksum
    del scores
    content = bytearray((tmp_path / "scores.f32").read_bytes())
    content[9] ^= 1  # row 2, of version 2
    (tmp_path / "scores.f32").write_bytes(content)
    with pytest.raises(BadState, match=r"one that was changed since; it is damaged: restore it"):
        Artefact.open(tmp_path, ROWS, 1.0)
    with pytest.raises(BadState, match=r"one that was changed since; it is damaged: restore it"):
        Artefact.read(tmp_path, ROWS, version, checksum)


def test_the_checksum_is_of_all_bytes():
    values = np.zeros(4, [("a", "<f4"), ("b", "u1")])
    before = checksum_of(values)
    values["b"][3] = 1
    assert checksum_of(values) != before

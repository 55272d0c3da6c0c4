"""The files of an artefact: heads of older releases, journals that were thinned, and what is left after a crash."""

from __future__ import annotations

import json

import numpy as np
import pytest

from croupier.core.artefact import RowFormat
from croupier.core.journals import Head, chained
from croupier.errors import BadState


def journals_of(folder):
    return RowFormat().journals(folder)


def entries(*ids):
    made = np.zeros(len(ids), journals_of(".").entry)
    made["id"] = ids
    return made


def written(folder, versions=4):
    """Journals of versions 1 to 4, and the checksum at each."""
    journals, checksums = journals_of(folder), [""]
    for version in range(1, versions + 1):
        journals.write(version, entries(version, 0))
        checksums.append(chained(checksums[-1], version, entries(version, 0)))
    return journals, checksums


def test_heads_and_journals_are_read_as_they_were_written(tmp_path):
    journals, checksums = written(tmp_path)
    assert journals.head() is None
    head = Head(9, 4, checksums[4], 3, kept={"half": True})
    journals.write_head(head)
    assert journals.head() == head
    assert journals.versions(head) == [1, 2, 3, 4]
    assert journals.entries(2)["id"].tolist() == [2, 0]
    assert not list(tmp_path.glob("*.part"))


def test_a_head_of_an_older_release_says_that_all_is_on_the_disk(tmp_path):
    (tmp_path / "head.json").write_text(json.dumps({"rows": 4, "version": 7, "checksum": "x"}))
    assert journals_of(tmp_path).head() == Head(4, 7, "x", flushed=7)


def test_thinned_journals_still_prove_what_they_lead_to(tmp_path):
    journals, checksums = written(tmp_path)
    head = journals.thin(Head(9, 4, checksums[4], 4), keep=2)
    assert (head.base, head.base_checksum) == (2, checksums[2])
    assert journals.versions(head) == [3, 4]
    assert journals.head() == head
    journals.check(head, [3, 4], 4, checksums[4])
    journals.check(head, [], 2, checksums[2])
    with pytest.raises(
        BadState, match=r"must have the journals back to version 1, got those after version 2; load a newer"
    ):
        journals.check(head, [], 1, checksums[1])
    with pytest.raises(BadState, match=r"must have the journals that led to version 3 when it was saved"):
        journals.check(head, [3], 3, checksums[4])


def test_what_a_crash_left_of_thinning_is_passed_over_and_removed(tmp_path):
    journals, checksums = written(tmp_path)
    left = {path.name: path.read_bytes() for path in tmp_path.glob("journal-*")}
    head = journals.thin(Head(9, 4, checksums[4], 4), keep=2)
    for name, content in left.items():
        (tmp_path / name).write_bytes(content)
    assert journals.versions(head) == [3, 4]
    journals.remove_thinned(head)
    assert sorted(path.name for path in tmp_path.glob("journal-*")) == sorted(left)[2:]


@pytest.mark.parametrize("content", ["{", "[]", '{"rows": 3}', '{"rows": 3, "version": "x", "checksum": ""}'])
def test_damaged_heads_are_refused(tmp_path, content):
    (tmp_path / "head.json").write_text(content)
    with pytest.raises(BadState, match=r"must have a readable head.json"):
        journals_of(tmp_path).head()


def test_journals_of_something_else_are_refused(tmp_path):
    np.save(tmp_path / "journal-000000000001.npy", np.zeros(3))
    with pytest.raises(BadState, match=r"must have entries of .*'old'.* got dtype\('float64'\)"):
        journals_of(tmp_path).entries(1)


@pytest.mark.parametrize(
    "said",
    [
        {"version": True}, {"version": 2**63}, {"rows": -1}, {"rows": "3"}, {"flushed": 5}, {"base": 4, "flushed": 3},
        {"checksum": 3}, {"base_checksum": None}, {"flushed_checksum": []},
    ],
)  # fmt: skip
def test_heads_that_say_what_cannot_be_are_refused(tmp_path, said):
    whole = {"rows": 3, "version": 4, "checksum": "", "flushed": 4, "base": 0, "base_checksum": ""}
    (tmp_path / "head.json").write_text(json.dumps({**whole, **said}))
    with pytest.raises(BadState, match=r"must have a readable head.json"):
        journals_of(tmp_path).head()


def test_journals_of_rows_that_there_are_not_are_refused(tmp_path):
    journals, _ = written(tmp_path)
    assert journals.checked_entries(4, 5)["id"].tolist() == [4, 0]
    with pytest.raises(BadState, match=r"journal-000000000004.npy must change rows 0 to 3, got 0 to 4; restore it"):
        journals.checked_entries(4, 4)
    journals.write(5, entries(-1))
    with pytest.raises(BadState, match=r"must change rows 0 to 3, got -1 to -1"):
        journals.checked_entries(5, 4)


def test_files_of_other_names_are_none_of_the_journals(tmp_path):
    journals, _ = written(tmp_path)
    for name in ("journal-old.npy", "journal-7.npy", "journal-000000000009.npy.0a.part"):
        (tmp_path / name).write_bytes(b"")
    assert journals.versions(Head(9, 4)) == [1, 2, 3, 4]
    journals.remove_thinned(Head(9, 4))
    assert (tmp_path / "journal-old.npy").exists()
    assert not list(tmp_path.glob("*.part"))


def test_a_version_that_was_not_reached_is_refused(tmp_path):
    journals, checksums = written(tmp_path)
    with pytest.raises(BadState, match=r"must have reached version 9, got 4; keep the folder beside"):
        journals.check(Head(9, 4, checksums[4]), [1, 2, 3, 4], 9, checksums[4])

from __future__ import annotations

import hashlib
import json
import os

import numpy as np
import pytest

from croupier.core import rebuilding
from croupier.core.artefact import Artefact, ArtefactFolder
from croupier.core.score_layout import ScoreLayout
from croupier.core.score_statistics import Forgotten, Last, Mean
from croupier.errors import BadArgument, BadState


def scores(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def stepped(folder, versions: int = 3) -> list[tuple[list[float], str]]:
    """An artefact of four rows and what it held at each version."""
    stored = Artefact.open(folder, 4, 1.0)
    history = [(stored.values.tolist(), stored.checksum)]
    for version in range(1, versions + 1):
        stored.apply(version, np.array([0, version]), scores(version * 10.0, version * 11.0))
        history.append((stored.values.tolist(), stored.checksum))
    return history


def test_memory_and_file_agree(tmp_path):
    history = stepped(tmp_path)
    memory = Artefact.create(4, 1.0)
    for version in range(1, 4):
        memory.apply(version, np.array([0, version]), scores(version * 10.0, version * 11.0))
        assert (memory.values.tolist(), memory.checksum) == history[version]


def test_a_new_process_takes_it_up(tmp_path):
    history = stepped(tmp_path)
    again = Artefact.open(tmp_path, 4, 1.0)
    assert (again.values.tolist(), again.checksum, again.version) == (*history[3], 3)
    assert Artefact.version_in(tmp_path) == 3


@pytest.mark.parametrize("version", range(4))
def test_any_version_can_be_read_and_gone_back_to(tmp_path, version: int):
    history = stepped(tmp_path)
    values, checksum = history[version]
    copy = Artefact.read(tmp_path, 4, version, checksum)
    assert copy.values.tolist() == values
    assert Artefact.version_in(tmp_path) == 3, "reading changes nothing"
    opened = Artefact.open(tmp_path, 4, 1.0)
    opened.roll_back(version, checksum)
    assert opened.values.tolist() == values
    assert Artefact.open(tmp_path, 4, 1.0).checksum == checksum


@pytest.mark.parametrize("scattered", [0, 1, 2])
def test_a_crash_between_journal_and_head_is_undone(tmp_path, scattered: int):
    """The journal of version 3 is written, of its two rows some are in the array, the head still says 2."""
    history = stepped(tmp_path, versions=2)
    head = (tmp_path / "head.json").read_text()
    stepped_on = Artefact.open(tmp_path, 4, 1.0)
    stepped_on.apply(3, np.array([1, 2]), scores(70.0, 80.0))
    for row in (1, 2)[scattered:]:
        stepped_on.values[row] = history[2][0][row]
    stepped_on.values.flush()
    (tmp_path / "head.json").write_text(head)
    again = Artefact.open(tmp_path, 4, 1.0)
    assert (again.values.tolist(), again.checksum) == history[2]


def test_another_history_is_refused_before_anything_is_changed(tmp_path):
    stepped(tmp_path)
    opened = Artefact.open(tmp_path, 4, 1.0)
    with pytest.raises(BadState, match="must have the journals that led to version 2 when it was saved"):
        opened.roll_back(2, "0" * 32)
    assert Artefact.version_in(tmp_path) == 3


def test_damage_is_refused(tmp_path):
    _, checksum = stepped(tmp_path)[3]
    with pytest.raises(BadState, match="must have 5 rows like the table, got 4"):
        Artefact.open(tmp_path, 5, 1.0)
    journal = tmp_path / "journal-000000000002.npy"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-3])
    with pytest.raises(BadState, match="must be a whole journal"):
        Artefact.read(tmp_path, 4, 3, checksum)
    journal.write_bytes(whole)
    (tmp_path / "scores.f32").write_bytes(b"123")
    with pytest.raises(BadState, match="must hold 16 bytes, got 3; it is cut off"):
        Artefact.open(tmp_path, 4, 1.0)
    (tmp_path / "head.json").write_text("{")
    with pytest.raises(BadState, match=r"must have a readable head.json"):
        Artefact.open(tmp_path, 4, 1.0)


def test_a_crash_in_the_middle_of_going_back_is_undone_in_order(tmp_path):
    history = stepped(tmp_path)
    values, checksum = history[1]
    opened = Artefact.open(tmp_path, 4, 1.0)
    journals = {path.name: path.read_bytes() for path in tmp_path.glob("journal-*.npy")}
    opened.roll_back(1, checksum)
    for name, content in journals.items():  # the head is written, the journals are not yet removed
        (tmp_path / name).write_bytes(content)
    assert Artefact.open(tmp_path, 4, 1.0).values.tolist() == values


def test_a_missing_journal_or_head_is_noticed(tmp_path):
    _, checksum = stepped(tmp_path)[2]
    (tmp_path / "journal-000000000003.npy").unlink()
    for read in (lambda: Artefact.open(tmp_path, 4, 1.0), lambda: Artefact.read(tmp_path, 4, 2, checksum)):
        with pytest.raises(BadState, match="must have the journals that led to version 3"):
            read()
    (tmp_path / "head.json").unlink()
    with pytest.raises(BadState, match=r"must have a head.json beside its journals"):
        Artefact.open(tmp_path, 4, 1.0)


@pytest.mark.parametrize("undone", [0, 1])
def test_a_crash_between_any_two_steps_back_is_gone_on_with(tmp_path, monkeypatch, undone):
    history = stepped(tmp_path)
    values, checksum = history[1]
    opened = Artefact.open(tmp_path, 4, 1.0)
    steps = iter([rebuilding._undo] * undone)

    def crash(*arguments):
        step = next(steps, None)
        if step is None:
            raise KeyboardInterrupt
        step(*arguments)

    monkeypatch.setattr(rebuilding, "_undo", crash)
    with pytest.raises(KeyboardInterrupt):
        opened.roll_back(1, checksum)
    monkeypatch.undo()
    again = Artefact.open(tmp_path, 4, 1.0)
    assert (again.values.tolist(), again.checksum) == (values, checksum)


def test_scores_in_memory_do_not_go_back():
    with pytest.raises(BadState, match="artefact must be kept in a folder to go back"):
        Artefact.create(4, 1.0).roll_back(0, "")


# Records, and what a machine that fails leaves of them.

LAYOUT = ScoreLayout((Last(), Mean(), Forgotten()), half=True)
FORMAT = LAYOUT.format


def values_of(version: int) -> tuple[np.ndarray, np.ndarray]:
    """What version v observes: two rows, one of them twice."""
    ids = np.array([version % 4, 0, version % 4])
    return ids, np.array([[version, 1], [version + 1, version % 2], [version + 2, np.nan]], np.float32)


def recorded(folder, versions: int = 6):
    """Four records, and the bytes and checksum at each version; nothing is flushed on the way."""
    stored = Artefact.open(folder, 4, 0.0, FORMAT)
    stored._unflushed_bytes = -(10**9)
    history = [(stored.values.tobytes(), stored.checksum)]
    for version in range(1, versions + 1):
        stored.apply(version, *values_of(version))
        history.append((stored.values.tobytes(), stored.checksum))
    return history


def test_records_in_memory_and_in_a_file_agree(tmp_path):
    history = recorded(tmp_path)
    memory = Artefact.create(4, 0.0, FORMAT)
    for version in range(1, 7):
        before = memory.values.copy()
        old = memory.apply(version, *values_of(version))
        assert (memory.values.tobytes(), memory.checksum) == history[version]
        assert old.tobytes() == before[values_of(version)[0]].tobytes(), "of a row that comes twice, what it was before"


@pytest.mark.parametrize("version", range(7))
def test_records_of_any_version_are_read_and_gone_back_to(tmp_path, version: int):
    history = recorded(tmp_path)
    content, checksum = history[version]
    assert Artefact.read(tmp_path, 4, version, checksum, FORMAT).values.tobytes() == content
    opened = Artefact.open(tmp_path, 4, 0.0, FORMAT)
    opened.roll_back(version, checksum)
    assert opened.values.tobytes() == content
    again = Artefact.open(tmp_path, 4, 0.0, FORMAT)
    assert (again.values.tobytes(), again.version, again.checksum) == (content, version, checksum)


@pytest.mark.parametrize("reached", range(3, 7))
@pytest.mark.parametrize("flushed", range(3))
def test_pages_that_never_reached_the_disk_are_made_again(tmp_path, flushed: int, reached: int):
    """A power failure: of each record, the disk has what it was at any version from the last flush on."""
    history = recorded(tmp_path)
    head = json.loads((tmp_path / "head.json").read_text())
    sealed = hashlib.blake2b(history[flushed][0], digest_size=16).hexdigest()
    head.update(version=reached, checksum=history[reached][1], flushed=flushed, flushed_checksum=sealed)
    (tmp_path / "head.json").write_text(json.dumps(head))
    rng = np.random.default_rng(flushed * 7 + reached)
    size = LAYOUT.record.itemsize
    for _ in range(10):
        last = min(reached + 1, 6)  # the step after the head may have begun
        chosen = rng.integers(flushed, last + 1, 4)
        torn = b"".join(history[at][0][row * size : (row + 1) * size] for row, at in enumerate(chosen))
        (tmp_path / FORMAT.file).write_bytes(torn)
        content, checksum = history[reached]
        assert Artefact.read(tmp_path, 4, reached, checksum, FORMAT).values.tobytes() == content
        assert Artefact.read(tmp_path, 4, 1, history[1][1], FORMAT).values.tobytes() == history[1][0]
    assert Artefact.open(tmp_path, 4, 0.0, FORMAT).values.tobytes() == content
    assert json.loads((tmp_path / "head.json").read_text())["flushed"] == reached


def test_the_array_is_flushed_once_the_journals_have_its_size(tmp_path):
    stored = Artefact.open(tmp_path, 100, 0.0, FORMAT)
    flushed = []
    for version in range(1, 30):
        stored.apply(version, *values_of(version))
        flushed.append(json.loads((tmp_path / "head.json").read_text())["flushed"])
    assert len(set(flushed)) in range(3, 10)
    stored.flush()
    assert json.loads((tmp_path / "head.json").read_text())["flushed"] == 29


def test_old_journals_are_removed_and_what_is_left_can_be_gone_back_to(tmp_path):
    kept = ArtefactFolder(tmp_path, keep_versions=8)
    stored, checksums = Artefact.open(kept, 4, 0.0, FORMAT), [""]
    for version in range(1, 41):
        stored.apply(version, *values_of(version))
        checksums.append(stored.checksum)
        assert version <= 16 or 8 <= len(list(tmp_path.glob("journal-*"))) < 16
    for version in (33, 40):
        assert Artefact.read(kept, 4, version, checksums[version], FORMAT).version == version
    with pytest.raises(
        BadState, match=r"must have the journals back to version 20.*keep_versions says how many are kept"
    ):
        Artefact.read(kept, 4, 20, checksums[20], FORMAT)
    opened = Artefact.open(kept, 4, 0.0, FORMAT)
    opened.roll_back(34, checksums[34])
    for version in range(35, 41):
        opened.apply(version, *values_of(version))
    assert opened.checksum == checksums[40]
    assert opened.values.tobytes() == stored.values.tobytes()


def test_a_file_of_other_records_is_refused(tmp_path):
    recorded(tmp_path)
    other = ScoreLayout((Last(), Mean()), half=True).format
    with pytest.raises(BadState, match=r"must keep \{'statistics'.*choose another folder"):
        Artefact.open(tmp_path, 4, 0.0, other)
    with pytest.raises(BadState, match=r"must be an artefact's folder, got no head.json"):
        Artefact.read(tmp_path / "nothing", 4, 0, "", FORMAT)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: ArtefactFolder(3), r"path must be a folder, got 3"),
        (lambda: ArtefactFolder("x", 7), r"keep_versions must be an integer >= 8, got 7; pass None to keep all"),
    ],
)
def test_bad_folders_are_refused(build, text):
    with pytest.raises(BadArgument, match=text):
        build()


def test_an_artefact_folder_is_a_path(tmp_path):
    assert os.fspath(ArtefactFolder(tmp_path / "x")) == str(tmp_path / "x")

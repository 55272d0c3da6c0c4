from __future__ import annotations

import numpy as np
import pytest

from croupier.core import artefact
from croupier.core.artefact import Artefact
from croupier.errors import BadState


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
    steps = iter([artefact._undo] * undone)

    def crash(*arguments):
        step = next(steps, None)
        if step is None:
            raise KeyboardInterrupt
        step(*arguments)

    monkeypatch.setattr(artefact, "_undo", crash)
    with pytest.raises(KeyboardInterrupt):
        opened.roll_back(1, checksum)
    monkeypatch.undo()
    again = Artefact.open(tmp_path, 4, 1.0)
    assert (again.values.tolist(), again.checksum) == (values, checksum)


def test_scores_in_memory_do_not_go_back():
    with pytest.raises(BadState, match="artefact must be kept in a folder to go back"):
        Artefact.create(4, 1.0).roll_back(0, "")

from __future__ import annotations

import os
import threading

import pytest

from croupier.core.atomic_file import sync_folder, write_atomically


def test_what_fails_in_the_middle_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def write(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, write)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_name_do_not_meet(tmp_path):
    """All ranks save the same state to the same file: each name that is ever there leads to a whole one."""
    path, both = tmp_path / "a", threading.Barrier(2)

    def write(content):
        def fill(file):
            file.write(content[:1])
            both.wait()
            file.write(content[1:])

        write_atomically(path, fill)

    writers = [threading.Thread(target=write, args=(letter * 1000,)) for letter in (b"a", b"b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_bytes() in (b"a" * 1000, b"b" * 1000)
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_what_it_led_to_stays(tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "latest").symlink_to(tmp_path / "old")
    write_atomically(tmp_path / "latest", lambda file: file.write(b"new"))
    assert (tmp_path / "old").read_bytes() == b"old"
    assert (tmp_path / "latest").read_bytes() == b"new"
    assert not (tmp_path / "latest").is_symlink()


@pytest.mark.skipif(os.name != "posix", reason="folders are files here")
def test_file_and_folder_are_brought_to_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_ino))
    write_atomically(tmp_path / "a", lambda file: file.write(b"x"))
    assert synced == [(tmp_path / "a").stat().st_ino, tmp_path.stat().st_ino]
    sync_folder(tmp_path)
    assert len(synced) == 3

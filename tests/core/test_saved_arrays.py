from __future__ import annotations

import hashlib
import json
import tracemalloc

import numpy as np
import pytest

from croupier.core import saved_arrays
from croupier.core.saved_arrays import SavedArrays
from croupier.errors import BadArgument, BadState


def test_what_is_read_is_what_was_written(tmp_path):
    arrays = {"one": np.arange(5), "two": np.ones((2, 3), np.float32)}
    saved = SavedArrays.write(tmp_path / "a", "clusters", arrays, {"size": 3})
    read = SavedArrays.read(tmp_path / "a", "clusters", saved.checksum)
    assert {name: values.tolist() for name, values in read.arrays.items()} == {k: v.tolist() for k, v in arrays.items()}
    assert dict(read.facts) == {"size": 3}
    assert isinstance(read.arrays["one"], np.memmap)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_version_never_changes(tmp_path):
    SavedArrays.write(tmp_path / "a", "clusters", {})
    with pytest.raises(BadArgument, match=r"folder must not exist yet: a version never changes, got .*; choose"):
        SavedArrays.write(tmp_path / "a", "clusters", {})


def test_nothing_is_left_of_what_could_not_be_written(tmp_path):
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        SavedArrays.write(tmp_path / "a", "clusters", {"bad": np.array([None, {}])})
    assert list(tmp_path.iterdir()) == []


def test_what_is_damaged_of_another_kind_or_version_is_refused(tmp_path):
    SavedArrays.write(tmp_path / "a", "clusters", {"one": np.arange(5)})
    with pytest.raises(BadState, match=r"folder .*a must hold mined negatives, got 'clusters'; choose"):
        SavedArrays.read(tmp_path / "a", "mined negatives")
    with pytest.raises(BadState, match=r"must hold the version 00ff that the run used, got .*; keep every"):
        SavedArrays.read(tmp_path / "a", "clusters", "00ff")
    with pytest.raises(BadState, match=r"folder .*gone must hold clusters as they were saved"):
        SavedArrays.read(tmp_path / "gone", "clusters")
    np.save(tmp_path / "a" / "one.npy", np.arange(5) + 1)
    with pytest.raises(BadState, match=r"must have the checksum [0-9a-f]+, got .*; it is damaged: restore it"):
        SavedArrays.read(tmp_path / "a", "clusters")
    head = json.loads((tmp_path / "a" / "head.json").read_text())
    (tmp_path / "a" / "head.json").write_text(json.dumps({**head, "arrays": ["two"]}))
    with pytest.raises(BadState, match="as they were saved"):
        SavedArrays.read(tmp_path / "a", "clusters")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda head: head.pop("checksum"),
            r"hold clusters as they were saved, got no 'checksum' in head.json; restore",
        ),
        (lambda head: head.update(checksum=None), r"must have the checksum None, got '[0-9a-f]+'; it is damaged"),
        (lambda head: head.pop("facts"), r"as they were saved, got no 'facts' in head.json; restore it"),
        (lambda head: head.update(facts=[1]), r"as they were saved"),
    ],
)
def test_a_damaged_head_is_refused(tmp_path, change, text):
    SavedArrays.write(tmp_path / "a", "clusters", {"one": np.arange(5)})
    head = json.loads((tmp_path / "a" / "head.json").read_text())
    change(head)
    (tmp_path / "a" / "head.json").write_text(json.dumps(head))
    with pytest.raises(BadState, match=text):
        SavedArrays.read(tmp_path / "a", "clusters")


def checksum_all_at_once(kind, arrays, facts):
    hashed = hashlib.blake2b(json.dumps([kind, facts], sort_keys=True).encode(), digest_size=16)
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        hashed.update(f"{name}{values.dtype.str}{values.shape}".encode() + values.tobytes())
    return hashed.hexdigest()


BLOCK = np.arange(60, dtype=np.int32).reshape(3, 4, 5)


@pytest.mark.parametrize(
    "values",
    [
        BLOCK, BLOCK.T, np.asfortranarray(BLOCK), BLOCK[:, ::2], BLOCK[::-1, :, 1], BLOCK[:, :0], np.array(7),
        np.empty(0), BLOCK > 5, BLOCK.astype(">f8"), np.array(["ab", "c"]), np.array(["2020-01-01"], "M8[D]"),
        np.broadcast_to(np.int64(3), (7, 2)), np.zeros(3, [("a", "i4"), ("b", "f8")]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("chunk_bytes", [1, 12, 2**26])
def test_the_checksum_is_that_of_all_bytes_at_once(tmp_path, monkeypatch, values, chunk_bytes):
    monkeypatch.setattr(saved_arrays, "CHUNK_BYTES", chunk_bytes)
    expected = checksum_all_at_once("x", {"values": values}, {"a": 1})
    assert SavedArrays.write(tmp_path / "a", "x", {"values": values}, {"a": 1}).checksum == expected
    assert SavedArrays.read(tmp_path / "a", "x", expected).checksum == expected


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_large_file_costs_little_memory(tmp_path, monkeypatch, order):
    monkeypatch.setattr(saved_arrays, "CHUNK_BYTES", 2**16)
    values = np.ones((2**11, 2**10), dtype=np.float64, order=order)  # 16 MiB
    tracemalloc.start()
    SavedArrays.write(tmp_path / "a", "x", {"values": values})
    SavedArrays.read(tmp_path / "a", "x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**21


@pytest.mark.parametrize("name", ["../a/one", "/etc/passwd", "", "one.npy", 3, None, "a b"])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path, name):
    SavedArrays.write(tmp_path / "a", "clusters", {"one": np.arange(5)})
    head = json.loads((tmp_path / "a" / "head.json").read_text())
    (tmp_path / "a" / "head.json").write_text(json.dumps({**head, "arrays": [name]}))
    with pytest.raises(BadState, match=r"must hold clusters as they were saved, got"):
        SavedArrays.read(tmp_path / "a", "clusters")


@pytest.mark.parametrize("content", ["3", "null", "[" * 10**5, "9" * 10**4, '{"arrays": 5}', '"'])
def test_heads_that_are_none_are_refused(tmp_path, content):
    SavedArrays.write(tmp_path / "a", "clusters", {"one": np.arange(5)})
    (tmp_path / "a" / "head.json").write_text(content)
    with pytest.raises(BadState, match=r"must hold clusters as they were saved, got"):
        SavedArrays.read(tmp_path / "a", "clusters")


def test_arrays_that_were_exchanged_or_made_longer_are_refused(tmp_path):
    SavedArrays.write(tmp_path / "a", "clusters", {"one": np.arange(5), "two": np.arange(5) + 1})
    one, two = tmp_path / "a" / "one.npy", tmp_path / "a" / "two.npy"
    contents = one.read_bytes(), two.read_bytes()
    one.write_bytes(contents[1])
    two.write_bytes(contents[0])
    with pytest.raises(BadState, match=r"must have the checksum"):
        SavedArrays.read(tmp_path / "a", "clusters")
    one.write_bytes(contents[0] + b"x")
    with pytest.raises(BadState, match=r"169 bytes, where its header claims 168 of shape \(5,\)"):
        SavedArrays.read(tmp_path / "a", "clusters")

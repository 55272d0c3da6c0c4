from __future__ import annotations

import json

import numpy as np
import pytest

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

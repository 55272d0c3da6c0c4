from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from reliability.state_damage import hostile_headers

from croupier.core.array_file import open_array

ARRAYS = [
    np.arange(7), np.zeros((2, 3), np.float32), np.asfortranarray(np.arange(6).reshape(2, 3)), np.array(3.5),
    np.empty((0, 4)), np.zeros(3, [("a", "<i4"), ("b", "<f8", (2,))]), np.array(["ab", "c"]), np.array([True]),
    np.array(["2020-01-01"], "M8[D]"), np.arange(3).astype(">i8"), np.zeros(2, "V5"),
]  # fmt: skip


@pytest.mark.parametrize("values", ARRAYS, ids=lambda values: f"{values.dtype}{values.shape}")
def test_what_numpy_saves_is_read(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    found = open_array(tmp_path / "a.npy")
    assert found.dtype == values.dtype
    assert found.shape == values.shape
    assert found.tobytes() == values.tobytes()
    assert found.flags.f_contiguous == values.flags.f_contiguous
    assert not isinstance(found, np.memmap) or not found.flags.writeable


@pytest.mark.parametrize("values", ARRAYS[:1] + ARRAYS[5:6], ids=["plain", "fields"])
def test_headers_that_claim_something_else_are_refused_at_once(tmp_path, values):
    np.save(tmp_path / "whole.npy", values)
    path = tmp_path / "a.npy"
    tracemalloc.start()
    for what, content in hostile_headers((tmp_path / "whole.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r".") as caught:
            open_array(path)
        assert caught.type is ValueError, what
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_every_byte_of_the_header_and_every_length_counts(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3))
    whole = (tmp_path / "a.npy").read_bytes()
    for place in range(len(whole)):
        (tmp_path / "a.npy").write_bytes(whole[:place])
        with pytest.raises(ValueError, match=r"."):
            open_array(tmp_path / "a.npy")
    for place in range(128):
        for bit in range(8):
            (tmp_path / "a.npy").write_bytes(whole[:place] + bytes([whole[place] ^ (1 << bit)]) + whole[place + 1 :])
            try:
                found = open_array(tmp_path / "a.npy")
            except ValueError:
                continue
            assert found.dtype.itemsize == 8  # another dtype of that size: the checksum of the folder sees it
    np.save(tmp_path / "a.npy", np.array([None]), allow_pickle=True)
    with pytest.raises(ValueError, match="items of object"):
        open_array(tmp_path / "a.npy")

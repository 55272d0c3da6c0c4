from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadState

STATE = {"a": 1, "b": ["x", 2.5, None], "c": {"d": np.arange(3), "e": np.ones((2, 2), np.float32)}}


def test_it_comes_back_as_it_was(tmp_path):
    cr.save_state(STATE, tmp_path / "state")
    back = cr.load_state(tmp_path / "state")
    assert back["a"] == 1
    assert back["b"] == ["x", 2.5, None]
    assert back["c"]["d"].tolist() == [0, 1, 2]
    assert back["c"]["e"].tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert back["c"]["e"].dtype == np.float32
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@settings(max_examples=200)
@given(data=st.data())
def test_any_damage_is_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damage") / "state"
    cr.save_state(STATE, path)
    whole = path.read_bytes()
    if data.draw(st.booleans()):
        damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        place = data.draw(st.integers(0, len(whole) - 1))
        damaged = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    path.write_bytes(damaged)
    with pytest.raises(BadState, match=r"state: file .* must be"):
        cr.load_state(path)


def test_a_newer_format_says_so(tmp_path):
    (tmp_path / "state").write_bytes(b"croupier-state-2\nwhatever")
    with pytest.raises(BadState, match="a newer croupier wrote it"):
        cr.load_state(tmp_path / "state")

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reliability.state_damage import claims, packed

import croupier as cr
from croupier.errors import BadArgument, BadState

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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["$array", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=8,
)
MARKS = st.fixed_dictionaries(
    {"$array": st.tuples(st.sampled_from(["int64", "float32", "int8", "O"]), st.lists(st.integers(-3, 2**62)), JSON)}
)


@settings(max_examples=300)
@given(document=st.dictionaries(st.text(max_size=3), JSON | MARKS, max_size=4), raw=st.binary(max_size=64))
def test_what_anybody_writes_with_the_right_checksum_is_read_or_refused(tmp_path_factory, document, raw):
    path = tmp_path_factory.mktemp("authored") / "state"
    path.write_bytes(packed(json.dumps(document).encode(), raw))
    try:
        found = cr.load_state(path)
    except BadState:
        return
    assert isinstance(found, dict)


@pytest.mark.parametrize(("what", "content"), list(claims()), ids=[what for what, _ in claims()])
def test_what_claims_more_than_it_holds_is_refused_before_it_is_allocated(tmp_path, what, content):
    (tmp_path / "state").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(BadState, match=r"state: file .* must"):
            cr.load_state(tmp_path / "state")
        assert tracemalloc.get_traced_memory()[1] < 2**26
    except pytest.fail.Exception:
        assert what == "many small"  # it is JSON, and all there
    finally:
        tracemalloc.stop()


def test_a_large_file_that_is_no_state_is_not_read(tmp_path):
    with (tmp_path / "state").open("wb") as file:
        file.truncate(2**34)
    with pytest.raises(BadState, match="it is no state file"):
        cr.load_state(tmp_path / "state")
    with (tmp_path / "state").open("r+b") as file:
        file.write(b"croupier-state-1\n" + bytes(32) + (2**33).to_bytes(8, "little"))
    with pytest.raises(BadState, match="it is cut off or damaged"):
        cr.load_state(tmp_path / "state")


def test_arrays_in_lists_of_any_layout_and_byte_order_come_back(tmp_path):
    block = np.arange(12).reshape(3, 4)
    state = {
        "a": [{"b": block[:, ::2]}, (block.astype(">i8"), np.float32(2.5))],
        "c": np.asfortranarray(block),
        "n": np.int64(3),
    }
    cr.save_state(state, tmp_path / "state")
    back = cr.load_state(tmp_path / "state")
    assert back["a"][0]["b"].tolist() == block[:, ::2].tolist()
    assert back["a"][1][0].tolist() == back["c"].tolist() == block.tolist()
    assert (back["a"][1][1], back["n"], back["c"].flags.writeable) == (2.5, 3, True)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (
            {"a": np.zeros(3)},
            r"state\['a'\] must be of float32 or int64, as arrays in a state are, got dtype\('float64'\)",
        ),
        ({"a": [np.zeros(3, bool)]}, r"state\['a'\]\[0\] must be of float32 or int64"),
        ({"a": np.array([None])}, r"state\['a'\] must be of float32 or int64"),
        ({"a": {"$array": 1}}, r"state\['a'\] must have no entry of the name '\$array'"),
        ({1: 2}, r"state must be a mapping of numbers, strings, lists"),
        ({"a": {3}}, r"state must be a mapping of numbers"),
        ({"a": 2**64}, r"state must be a mapping of numbers"),
        ([1], r"state must be a mapping of numbers"),
        ({"a": "x" * 2**22}, r"state must have at most 4194304 bytes beside its arrays"),
    ],
)
def test_what_would_not_come_back_is_refused_before_anything_is_written(tmp_path, state, text):
    with pytest.raises(BadArgument, match=text):
        cr.save_state(state, tmp_path / "state")
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_holds_itself_is_refused(tmp_path):
    around: list = []
    around.append(around)
    with pytest.raises(BadArgument, match=r"state must nest no deeper than 100, got"):
        cr.save_state({"a": around}, tmp_path / "state")

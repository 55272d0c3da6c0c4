from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.core import plain_json
from croupier.core.plain_json import DEEPEST, is_plain, parse_json, read_json

NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(value=JSON)
def test_what_json_writes_is_read(value):
    assert parse_json(json.dumps(value).encode()) == value
    assert is_plain(value)


@given(text=st.binary(max_size=40) | st.text('[]{}:,"a1e9-.', max_size=40).map(str.encode))
def test_any_other_text_is_a_value_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert is_plain(parse_json(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[" * 10**5, "nested deeper than 100"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "nested deeper than 100"),
        (b"[18446744073709551616]", "a number beyond 64 bits"),
        (b"9" * 10**4, "Exceeds the limit"),
        (b'{"a": {"b": 1, "c": 2, "b": 1}}', "the name 'b' twice"),
        (b"\xff", "can't decode"),
        (b"", "Expecting value"),
    ],
)
def test_what_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        parse_json(text)


def test_what_is_just_within():
    assert parse_json(b"[" * DEEPEST + b"]" * DEEPEST) is not None
    assert parse_json(b"18446744073709551615") == 2**64 - 1


def test_no_more_is_read_of_a_file_than_may_be(tmp_path, monkeypatch):
    monkeypatch.setattr(plain_json, "MOST_BYTES", 10)
    (tmp_path / "a").write_text("[1, 2, 3]")
    assert read_json(tmp_path / "a") == [1, 2, 3]
    (tmp_path / "a").write_text("[1, 2, 3]" + " " * 1000)
    with pytest.raises(ValueError, match="11 bytes of JSON, above 10"):
        read_json(tmp_path / "a")


@pytest.mark.parametrize("value", [{1: 2}, {"a": {3}}, [object()], b"bytes", 2**64, -(2**63) - 1])
def test_what_is_no_json(value):
    assert not is_plain(value)


def test_what_names_itself_over_and_over_is_none():
    value = []
    for _ in range(60):
        value = [value, value]
    assert not is_plain(value)

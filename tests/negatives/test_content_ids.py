from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


@given(st.lists(st.text(max_size=2)), st.lists(st.text(max_size=2)))
def test_ids_are_equal_where_contents_are(one, two):
    ids = [int(number) for column in cr.content_ids(one, two) for number in column]
    contents = [*one, *two]
    assert [ids.index(number) for number in ids] == [contents.index(content) for content in contents]


def test_a_text_for_a_list_of_texts_is_refused():
    with pytest.raises(BadArgument, match=r"columns must be lists of contents"):
        cr.content_ids("abc")
    with pytest.raises(BadArgument, match=r"columns must be lists of contents, got \(\{'a'\},\)"):  # a set has no order
        cr.content_ids({"a"})
    with pytest.raises(
        BadArgument, match=r"columns must be lists of texts, bytes or .*, got unhashable type: 'list'; pass"
    ):
        cr.content_ids([["a"]])
    with pytest.raises(
        BadArgument, match=r"columns must be lists of texts, bytes or .*, got 'int' object is not iterable"
    ):
        cr.content_ids(3)


def test_arrays_of_what_is_unlike_itself_are_refused():
    with pytest.raises(BadArgument, match=r"columns must hold contents that are like themselves, got not a number"):
        cr.content_ids(np.array([1.0, np.nan]))

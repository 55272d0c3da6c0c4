from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.errors import BadArgument
from croupier.negatives.numbering import Numbering, whole_ids


@given(st.lists(st.integers(0, 2**50) | st.integers(0, 9), max_size=20), st.lists(st.integers(-1, 10), max_size=9))
def test_numbers_and_ids_are_each_others_inverse(ids, others):
    given_ids = np.array(ids, np.int64)
    numbering = Numbering.of(given_ids)
    numbers = numbering.numbers(given_ids)
    assert numbering.ids(numbers).tolist() == ids
    assert set(numbers.tolist()) <= set(range(numbering.count))
    for other, number in zip(others, numbering.numbers(np.array(others, np.int64)).tolist(), strict=True):
        if numbering.names.size:
            assert (number >= 0) == (other in ids)
        else:
            assert number == (other if 0 <= other < numbering.count else -1)


def test_ids_that_lie_close_together_take_no_memory():
    assert Numbering.of(np.array([5, 2**16 - 1])).names.size == 0
    assert Numbering.of(np.array([5, 2**16])).names.tolist() == [5, 2**16]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.5], r"items must be a 1-D array of whole numbers, got dtype float64 of shape \(1,\); pass ids"),
        ([[1]], "items must be a 1-D array of whole numbers"),
        (["a"], "content_ids makes some"),
        ([[1], [2, 3]], "items must be an array, got a list that NumPy cannot read; give rows of one length"),
        ([-1], r"items must be at least 0 and below 2\*\*62, got -1 .. -1"),
    ],
)
def test_what_is_no_id_is_refused(values, text):
    with pytest.raises(BadArgument, match=text):
        whole_ids("items", values)

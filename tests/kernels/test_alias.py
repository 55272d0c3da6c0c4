from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels import alias
from croupier.kernels.alias import SLOT_UNITS, alias_words, slot_of


def units_of(words):
    """How many of the units of a list's slots give each item."""
    units = [0] * len(words)
    for slot, word in enumerate(words.tolist()):
        threshold, partner = word >> 32, word & 0xFFFFFFFF
        units[slot] += threshold
        units[partner] += SLOT_UNITS - threshold
    return units


LISTS = st.lists(st.lists(st.integers(1, 2**40) | st.integers(1, 9), max_size=40), min_size=1, max_size=6)


@given(LISTS)
def test_units_are_shared_in_proportion_to_the_weights(lists):
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])])
    words = alias_words(offsets, np.array([w for one in lists for w in one], np.int64))
    for one, begin in zip(lists, offsets.tolist(), strict=False):
        units = units_of(words[begin : begin + len(one)])
        assert sum(units) == len(one) * SLOT_UNITS
        assert all(count >= 1 for count in units)
        for item, (weight, count) in enumerate(zip(one, units, strict=True)):
            exact = weight * len(one) * SLOT_UNITS / sum(one)
            allowed = len(one) + 2**10 if item == int(np.argmax(one)) else 1 + exact * 2**-50
            assert abs(count - exact) <= allowed


@given(LISTS)
def test_numba_on_and_off_agree(lists):
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int32)
    weights = np.array([w for one in lists for w in one], np.int64)
    plain = alias._words_loop(offsets, weights, np.empty(weights.size, np.uint64))
    assert plain.tolist() == alias_words(offsets, weights).tolist()


@pytest.mark.parametrize(("fraction", "item"), [(0, 1), (2**31 - 1, 1), (2**31, 0), (2**32 - 1, 0)])
def test_a_fraction_below_the_threshold_keeps_the_slot(fraction, item):
    word = np.uint64(2**31 << 32 | 0)
    assert int(slot_of(word, np.uint64(1), np.uint64(fraction))) == item

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels.mixing import GOLDEN, draws, draws_below, hash64, mix64, mixed

MASK = 2**64 - 1


def test_the_finaliser_is_splitmix64():
    """The first outputs of splitmix64 from seed 1234567, as published with the reference implementation."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [hash64(1234567, counter) for counter in range(3)] == published


@given(key=st.integers(0, MASK), counters=st.lists(st.integers(0, 2**62), min_size=1, max_size=20))
def test_arrays_and_integers_agree(key: int, counters: list[int]):
    assert draws(key, np.array(counters)).tolist() == [hash64(key, counter) for counter in counters]


@given(key=st.integers(0, MASK), bound=st.integers(1, 2**62), counter=st.integers(0, 2**62))
def test_draws_below_is_the_high_half_of_the_product(key: int, bound: int, counter: int):
    (drawn,) = draws_below(key, np.array([counter]), np.array([bound])).tolist()
    assert drawn == (hash64(key, counter) * bound) >> 64


def test_mixing_leaves_its_input_alone():
    values = np.arange(3, dtype=np.uint64)
    mix64(values)
    assert values.tolist() == [0, 1, 2]


def test_the_helper_for_one_number_is_the_same_hash():
    with np.errstate(over="ignore"):
        one = mixed(np.uint64(7) + np.uint64(4) * GOLDEN)
    assert int(one) == hash64(7, 3)

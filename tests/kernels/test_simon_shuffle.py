from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.kernels.simon_shuffle import (
    _shuffle,
    _unshuffle,
    _words,
    block_bits,
    index_shuffle,
    index_unshuffle,
    round_keys,
)

SEEDS = st.integers(0, 2**32 - 1)


def oracle(position, size, seed, rounds):
    """Two words of bits as strings: turn, mix, swap, until the number is below the size."""
    bits = math.ceil(math.log2(size - 1)) if size > 1 else 0
    width = max(16, bits + bits % 2) // 2
    keys = [int(key) % 2**width for key in round_keys(seed, rounds)]

    def mix(word):
        text = f"{word:0{width}b}"
        one, two, eight = (int(text[turn % width :] + text[: turn % width], 2) for turn in (1, 2, 8))
        return (one & eight) ^ two

    while size > 1:
        left, right = position // 2**width % 2**width, position % 2**width
        for key in keys:
            left, right = right, left ^ mix(right) ^ key
        position = left * 2**width + right
        if position < size:
            break
    return position


@given(st.integers(2, 2**48), SEEDS, st.sampled_from([4, 6, 10, 40]), st.data())
def test_the_loop_the_twin_and_the_oracle_agree(size, seed, rounds, data):
    size = max(size, 2000)  # smaller ones walk far: below
    places = np.array(data.draw(st.lists(st.integers(0, size - 1), max_size=5)), dtype=np.int64)
    words = _words(size, seed, rounds)
    shuffled = index_shuffle(places, size, seed, rounds)
    assert shuffled.tolist() == [oracle(place, size, seed, rounds) for place in places.tolist()]
    assert shuffled.tolist() == _shuffle.twin(places, size, *words).tolist()
    assert _unshuffle(places, size, *words).tolist() == _unshuffle.twin(places, size, *words).tolist()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 4097, 65_535, 65_536, 65_538, 70_000])
def test_each_id_once_and_back(size):
    ids = index_shuffle(np.arange(size), size, 9, 4)
    assert np.array_equal(np.sort(ids), np.arange(size))
    assert np.array_equal(index_unshuffle(ids, size, 9, 4), np.arange(size))
    if size > 1:
        words = _words(size, 9, 4)
        assert np.array_equal(_shuffle.twin(np.arange(size), size, *words), ids)
        assert np.array_equal(_unshuffle.twin(ids, size, *words), np.arange(size))


@pytest.mark.parametrize("size", [2**16 + 1, 2**18 + 1, 2**20 + 1])
def test_one_more_than_a_power_of_four_deals_an_id_twice_and_one_never(size):
    for seed in (0, 1):
        ids = index_shuffle(np.arange(size), size, seed, 4)
        assert np.array_equal(np.sort(ids[:-1]), np.arange(size - 1))
        assert ids[-1] == ids[0]
        assert np.array_equal(_shuffle.twin(np.arange(size), size, *_words(size, seed, 4)), ids)
        assert np.array_equal(index_unshuffle(ids[:-1], size, seed, 4), np.arange(size - 1))
        assert index_unshuffle(np.array([ids[-1], size - 1]), size, seed, 4).tolist() == [0, -1]


def test_the_width_is_the_logarithm_rounded_up_wherever_machines_agree_on_it():
    sizes = [*range(2, 300), *(2**k + d for k in range(14, 48) for d in (-2, -1, 0, 1, 2, 3))]
    for size in sizes:
        bits = math.ceil(math.log2(size - 1))
        assert block_bits(size) == max(16, bits + bits % 2)


SEED_SEQ_WORDS = [
    (0, 4, [2963817213, 69796629, 1973464570, 532167439], 862103100),
    (4294967295, 4, [3258260622, 2976084991, 227751652, 537413182], 456881209),
    (5, 6, [3024525116, 1983464790, 4055962231, 4045450355], 567079094),
    (5, 8, [2038527945, 3001913803, 2171488650, 1333998133], 811807447),
    (5, 38, [1818071279, 577968193, 3969235446, 2732681960], 855615986),
    (5, 40, [2896773758, 2088803129, 1393555542, 1273353967], 526965970),
    (5, 68, [3441134953, 718110290, 1571263797, 3717257769], 82398196),
    (5, 622, [1545510349, 3133096119, 617010830, 3217446505], 565736041),
    (5, 624, [2504989019, 3893312667, 894870430, 2559676234], 320734150),
    (5, 1024, [1580067329, 4086742181, 2697017555, 1758603167], 570981589),
]
"""Seed, number of words, the first and last two, and a hash of all; from std::seed_seq of GCC 12's library."""


@pytest.mark.parametrize(("seed", "rounds", "ends", "hashed"), SEED_SEQ_WORDS)
def test_round_keys_are_those_of_the_standard(seed, rounds, ends, hashed):
    keys = round_keys(seed, rounds).tolist()
    assert keys[:2] + keys[-2:] == ends
    total = 0
    for key in keys:
        total = (total * 31 + key) % 1_000_000_007
    assert total == hashed


def test_nothing_to_shuffle():
    nothing = np.empty(0, np.int64)
    for size in (1, 5, 10**6):
        assert index_shuffle(nothing, size, 0, 4).size == index_unshuffle(nothing, size, 0, 4).size == 0

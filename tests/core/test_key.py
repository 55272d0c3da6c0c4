from __future__ import annotations

from itertools import product

import pytest

from croupier import Key
from croupier.core.key import checked_key
from croupier.errors import BadArgument


def test_paths_are_whole():
    """A seed plus an epoch is not another seed plus another epoch, and names do not run together."""
    keys = [
        Key(seed).child(name, epoch)
        for seed, name, epoch in product(range(20), ["a", "b", "ab", "1"], range(20))
    ]  # fmt: skip
    assert len({key.bits for key in keys}) == len(keys)
    assert Key(1).child("a", "b").bits != Key(1).child("ab").bits
    assert Key(1).child(1).bits != Key(1).child("1").bits
    assert Key(1).child("a\x1fb").bits != Key(1).child("a", "b").bits


def test_the_hash_is_part_of_the_format():
    assert Key(7).child("shuffle", 3).bits == 2858567560609663113


def test_a_seed_is_no_key():
    assert checked_key(Key(3)) == Key(3)
    with pytest.raises(BadArgument, match=r"key must be a Key, got 3; pass Key\(0\), say, or Key\(seed\).child\(epoch"):
        checked_key(3)


@pytest.mark.parametrize("name", [2**62, -(2**62), 10**400])
def test_numbers_of_streams_are_bounded(name):
    with pytest.raises(BadArgument, match=r"the name of a stream must be an integer >= -4611686018427387903"):
        Key(0).child(name)

"""A permutation of range(size) under a key: stored where tiny, computed where not, either way round."""

from __future__ import annotations

import numpy as np

from croupier.core.batches import Int64
from croupier.core.key import Key
from croupier.kernels.mixing import draws
from croupier.kernels.permutation import permute, unpermute

__all__ = ["invert_shuffle", "shuffled"]

STORED_SIZE = 2**12
"""Up to this size the permutation is the sort order of 64-bit hashes: all n! orders of a tiny table can occur, and
about equally often, which a Feistel network of few bits does not give. Part of the format: changing it reshuffles."""


def shuffled(positions: Int64, size: int, key: Key) -> Int64:
    """The id at each position.

    Examples
    --------
    >>> sorted(shuffled(np.arange(4), 4, Key(1)).tolist())
    [0, 1, 2, 3]
    """
    if size > STORED_SIZE:
        return permute(positions, size, key.bits)
    return _stored(size, key)[positions]


def invert_shuffle(ids: Int64, size: int, key: Key) -> Int64:
    """The position of each id: ``invert_shuffle(shuffled(p, n, k), n, k) == p``."""
    if size > STORED_SIZE:
        return unpermute(ids, size, key.bits)
    return np.argsort(_stored(size, key), kind="stable")[ids]


def _stored(size: int, key: Key) -> Int64:
    return np.argsort(draws(key.bits, np.arange(size, dtype=np.int64)), kind="stable")

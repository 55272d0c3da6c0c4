"""Deal groups of batches in random order, where their order carries no intent."""

from __future__ import annotations

import numpy as np

from croupier.core.batches import Batches
from croupier.core.key import Key
from croupier.core.shuffling import shuffled

__all__ = ["in_random_order", "without_empty_batches"]


def without_empty_batches(batches: Batches) -> Batches:
    """The same ids, without batches of none."""
    sizes = batches.sizes
    if sizes.size == 0 or sizes.min() > 0:
        return batches
    return batches.with_offsets(np.append(batches.offsets[:-1][sizes > 0], batches.offsets[-1]))


def in_random_order(batches: Batches, lanes: int, key: Key) -> Batches:
    """Shuffle groups of ``lanes`` consecutive batches; an incomplete last group stays last."""
    groups = len(batches) // lanes
    if not batches.interchangeable or groups < 2:
        return batches
    order = shuffled(np.arange(groups, dtype=np.int64), groups, key)
    dealt = (order[:, None] * lanes + np.arange(lanes)).ravel()
    return batches.take_batches(np.append(dealt, np.arange(groups * lanes, len(batches))))

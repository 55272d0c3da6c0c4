"""A uniform sample of a stream of unknown length, in bounded memory, the same every time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.kernels.mixing import draws, hash64

__all__ = ["ContrastSample"]

Float64 = npt.NDArray[np.float64]


class ContrastSample:
    """One of every 2**level places of a stream, at random in each block of so many; the level rises as it goes on.

    The winner of a block of 2**(level + 1) places is that of one of its halves, by a hash. So what is kept at a level
    is part of what was kept at the one below, every place is as likely as any other, and no period of the stream can
    meet one of the sample.

    Parameters
    ----------
    capacity : int
        Most places kept; about half as many at least, once the stream is longer than that.

    Examples
    --------
    >>> sample = ContrastSample(capacity=4)
    >>> for first in range(0, 40, 10):
    ...     sample.take(10, lambda places: first + places.astype(float)[:, None])
    >>> sample.seen, sample.values.shape, np.unique(sample.values // 16).tolist()
    (40, (3, 1), [0.0, 1.0, 2.0])
    """

    def __init__(self, capacity: int) -> None:
        self.seen = 0
        self._capacity = capacity
        self._level = 0
        self._places: Int64 = np.empty(0, np.int64)
        self._values: list[Float64] = []

    def take(self, count: int, look_up: Callable[[Int64], Float64]) -> None:
        """The next ``count`` places of the stream.

        ``look_up`` gives what is kept of some of them, by their numbers from 0, as float64 of shape (n, columns).
        """
        first, self.seen = self.seen, self.seen + count
        while self._places.size + (count >> self._level) > self._capacity:
            self._thin()
        if not count:
            return
        blocks = np.arange(first >> self._level, ((self.seen - 1) >> self._level) + 1)
        chosen = _winners(blocks, self._level)
        chosen = chosen[(chosen >= first) & (chosen < self.seen)]
        self._places = np.append(self._places, chosen)
        self._values.append(look_up(chosen - first))
        while self._places.size > self._capacity:
            self._thin()

    @property
    def values(self) -> Float64:
        """What was looked up of the places kept, in the order of the stream, shape (n, columns)."""
        if len(self._values) > 1:
            self._values = [np.concatenate(self._values)]
        return self._values[0] if self._values else np.empty((0, 0))

    def _thin(self) -> None:
        self._level += 1
        kept = _winners(self._places >> self._level, self._level) == self._places
        self._places = self._places[kept]
        self._values = [self.values[kept]] if self._values else []


def _winners(blocks: Int64, level: int) -> Int64:
    """The place that each block of 2**level places is represented by."""
    places = blocks
    for below in range(level, 0, -1):
        places = 2 * places + (draws(hash64(0, below), places) & np.uint64(1)).astype(np.int64)
    return places

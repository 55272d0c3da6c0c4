"""Put events, in order of time, each into the first batch with room that comes after the batches it depends on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["schedule_events"]

Int64 = npt.NDArray[np.int64]


def _schedule_loop(nodes: Int64, last: Int64, capacity: int) -> Int64:
    events, ends = nodes.shape
    batch_of = np.empty(events, dtype=np.int64)
    held = np.zeros(events + 1, dtype=np.int64)
    # From a full batch to the next one that may have room, with the path shortened on the way.
    following: Int64 = np.arange(events + 1, dtype=np.int64)
    for event in range(events):
        batch = np.int64(0)
        for end in range(ends):
            batch = max(batch, last[nodes[event, end]] + 1)
        first = batch
        while following[batch] != batch:
            batch = following[batch]
        while following[first] != batch:
            following[first], first = batch, following[first]
        batch_of[event] = batch
        held[batch] += 1
        if held[batch] == capacity:
            following[batch] = batch + 1
        for end in range(ends):
            last[nodes[event, end]] = batch
    return batch_of


_schedule = Kernel(_schedule_loop, _schedule_loop)


def schedule_events(nodes: Int64, capacity: int) -> Int64:
    """The batch of each event, so that events which share a node are in different batches, the earlier one before.

    Greedy in order of time: no event could be in an earlier batch, given where those before it are.

    Parameters
    ----------
    nodes : int64 array of shape (n, d)
        The nodes of each event, numbered from 0; events in order of time.
    capacity : int
        Events of a batch.

    Returns
    -------
    int64 array of shape (n,)

    Examples
    --------
    >>> schedule_events(np.array([[0, 1], [1, 2], [3, 4], [0, 3]]), 2).tolist()
    [0, 1, 0, 1]
    """
    nodes_seen = int(nodes.max()) + 1 if nodes.size else 0
    return _schedule(np.ascontiguousarray(nodes), np.full(nodes_seen, -1, dtype=np.int64), capacity)

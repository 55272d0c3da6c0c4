"""Deal each sample to the source that is furthest behind its share, as Megatron-LM does, to the bit.

Before sample t source i is behind by ``weight_i * max(t, 1) - count_i``, in doubles: one product and one difference,
each rounded, never fused. Of equal ones the first is dealt. That is O(samples x sources) and has no shortcut, because a
tie is decided by how the products round.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from croupier.kernels.jit import Kernel

__all__ = ["MAX_SOURCES", "greedy_blend"]

Float64 = npt.NDArray[np.float64]
Int16 = npt.NDArray[np.int16]

MAX_SOURCES = 32766


def _blend_loop(weights: Float64, samples: int) -> Int16:
    chosen = np.empty(samples, np.int16)
    counts = np.zeros(weights.size, np.float64)
    for t in range(samples):
        clock = max(np.float64(t), 1.0)
        furthest, most = 0, weights[0] * clock - counts[0]
        for i in range(1, weights.size):
            behind = weights[i] * clock - counts[i]
            if behind > most:
                furthest, most = i, behind
        chosen[t] = furthest
        counts[furthest] += 1.0
    return chosen


def _blend_numpy(weights: Float64, samples: int) -> Int16:
    chosen = np.empty(samples, np.int16)
    counts = np.zeros(weights.size, np.float64)
    for t in range(samples):
        furthest = np.argmax(weights * max(float(t), 1.0) - counts)
        chosen[t] = furthest
        counts[furthest] += 1.0
    return chosen


_blend = Kernel(_blend_loop, _blend_numpy)


def greedy_blend(weights: Float64, samples: int) -> Int16:
    """The source of each sample.

    Parameters
    ----------
    weights : float64 array of shape (k,)
        Shares, normalised by the caller; 1 to ``MAX_SOURCES`` of them.
    samples : int

    Returns
    -------
    int16 array of shape (samples,)

    Examples
    --------
    >>> greedy_blend(np.array([0.3, 0.7]), 10).tolist()
    [1, 0, 1, 1, 0, 1, 1, 0, 1, 1]
    """
    return _blend(np.ascontiguousarray(weights), samples)

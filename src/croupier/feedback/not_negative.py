"""Least squares of a few coefficients that must not be negative."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

__all__ = ["not_negative"]

Float64 = npt.NDArray[np.float64]


def not_negative(design: Float64, target: Float64, weights: Float64) -> Float64:
    """The coefficients, shape (k,), that minimise the weighted squares: the best over all choices of those above 0.

    Exact, and meant for k up to about eight: it tries 2**k choices.

    Examples
    --------
    >>> design = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> not_negative(design, np.array([2.0, 1.0, 0.0]), np.ones(3)).round(9).tolist()
    [1.0, 0.0]
    """
    root = np.sqrt(weights)
    best, best_loss = np.zeros(design.shape[1]), float((weights * target**2).sum())
    for chosen in product([False, True], repeat=design.shape[1]):
        columns = np.flatnonzero(chosen)
        if not columns.size:
            continue
        solution = np.zeros(design.shape[1])
        solution[columns] = np.linalg.lstsq(design[:, columns] * root[:, None], target * root, rcond=None)[0]
        loss = float((weights * (target - design @ solution) ** 2).sum())
        if solution.min() >= 0 and loss < best_loss:
            best, best_loss = solution, loss
    return best

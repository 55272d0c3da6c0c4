"""A schedule refined from the gradient norms of a run that was made: linear decay, corrected for what was seen."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.errors import BadArgument, checked_fraction
from croupier.schedules.arithmetic import array_or_none, checked_number
from croupier.schedules.tabulated import Tabulated

__all__ = ["Refinement", "refine"]

Float64 = npt.NDArray[np.float64]

ENDS = 2
LEAST = 100
POINTS = 10_001
NARROW, HEAVY = 0.05, 0.5
"""A schedule with more than half of its area in a twentieth of its steps is a spike, not a schedule."""


@dataclass(frozen=True, slots=True)
class Refinement:
    """What was made of the norms.

    Parameters
    ----------
    values : array of float64
        Factors of the peak over the run, the largest 1, the last 0.
    doubts : tuple of str
        What is degenerate about them; empty where nothing is.
    """

    values: Float64
    doubts: tuple[str, ...]

    def schedule(self, length: Any, *, peak: float = 1.0, despite_doubts: bool = False) -> Tabulated:
        """The schedule over a length of any clock, of this run or of a longer one.

        Raises
        ------
        BadArgument
            There are doubts, and ``despite_doubts`` does not say that you looked at them.
        """
        if self.doubts and not despite_doubts:
            raise BadArgument(
                "norms", "give a schedule that can be used", "; ".join(self.doubts),
                "look at them, raise smoothing, or say despite_doubts=True",
            )  # fmt: skip
        return Tabulated(self.values.tolist(), length, peak)


def refine(norms: npt.ArrayLike, *, power: float, smoothing: float = 0.1) -> Refinement:
    """From the logged gradient norms of one run, under any schedule, the schedule to use in the next.

    Weights ``w = norm ** -power`` of the smoothed norms; the rate of a step is w times the sum of the weights of all
    later steps. Constant norms give linear decay; norms that are large at first give a warm-up, and norms that grow at
    the end a faster fall.

    Parameters
    ----------
    norms : array-like of shape (steps,), float
        Of the whole gradient at equal distances, before clipping. Infinite ones are left out, as are two at either end.
    power : float
        2 for SGD, with l2 norms; 1 for Adam and its like, with l1 norms.
    smoothing : float
        Width of the running median, as a share of the steps.

    Raises
    ------
    BadArgument
        Norms that are NaN, zero or negative, or fewer than a hundred.

    Source: Defazio et al., "When, why and how much? Adaptive learning rate scheduling by refinement" (2023),
    algorithm 1; the smoothing is that of its reference code as described, written anew from the formula.

    Examples
    --------
    >>> flat = refine(np.full(105, 3.0), power=2)
    >>> flat.values[[0, 25, 50, 100]].round(6).tolist(), flat.doubts
    ([1.0, 0.75, 0.5, 0.0], ())
    """
    power = checked_number("power", power, "be a number above 0", above=0, up_to=10, fix="2 for SGD, 1 for Adam")
    share = checked_fraction("smoothing", smoothing, fix="pass the share of the steps in a window, 0.1")
    seen, finite = _checked(norms)
    width = 2 * int(share * finite.size / 2) + 1
    smooth = _running_median(finite, width)
    weights = (smooth / smooth.min()) ** -power  # relative, so that no power overflows
    later = np.cumsum(weights[::-1])[::-1] - weights
    rates = weights * later
    values: Float64 = rates / rates.max()
    if values.size > POINTS:
        values = np.interp(np.linspace(0, values.size - 1, POINTS), np.arange(values.size), values)
    return Refinement(values, tuple(_doubts(values, (seen - finite.size) / seen)))


def _checked(norms: Any) -> tuple[int, Float64]:
    given = array_or_none(norms)
    fix = "log the norm of the whole gradient at every step, before clipping"
    if given.ndim != 1 or given.dtype.kind not in "iuf":
        raise BadArgument("norms", "be one number a step", norms, fix)
    values = given.astype(np.float64)
    bad = np.flatnonzero(np.isnan(values) | (values <= 0))
    if bad.size:
        raise BadArgument("norms", "be above 0", f"{values[bad[0]]} at step {bad[0]}, {bad.size} such", fix)
    inner = values[ENDS : values.size - ENDS]
    finite = inner[np.isfinite(inner)]
    if finite.size < LEAST:
        raise BadArgument("norms", f"be at least {LEAST} finite ones between the ends", finite.size, fix)
    return inner.size, finite


def _running_median(values: Float64, width: int) -> Float64:
    # Mirrored to the right before the edges are held, so that the last steps, where the norms grow, are not flattened.
    mirrored = np.pad(values, (0, min(2 * width, values.size - 1)), mode="reflect")
    padded = np.pad(mirrored, width // 2, mode="edge")[: values.size + width - 1].tolist()
    window = sorted(padded[:width])
    medians = [window[width // 2]]
    for gone, come in zip(padded, padded[width:], strict=False):
        del window[bisect_left(window, gone)]
        insort(window, come)
        medians.append(window[width // 2])
    return np.array(medians)


def _doubts(values: Float64, left_out: float) -> list[str]:
    count = max(1, int(NARROW * values.size))
    heaviest = np.sort(values)[::-1]
    share = float(heaviest[:count].sum() / heaviest.sum())
    doubts: list[str] = []
    if share > HEAVY:
        doubts.append(f"{share:.0%} of the area is in {NARROW:.0%} of the steps")
    if int(values.argmax()) >= values.size - count:
        doubts.append(f"the peak is in the last {NARROW:.0%} of the steps")
    if left_out > NARROW:
        doubts.append(f"{left_out:.0%} of the norms are infinite")
    return doubts

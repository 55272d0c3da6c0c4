"""The critical batch size: fitted from runs to one loss, as a law of the loss, and what it says of time and compute."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from croupier.errors import BadArgument, keep_plain_numbers
from croupier.schedules.arithmetic import above_zero, array_or_none, checked_number

__all__ = ["CriticalBatchLaw", "CriticalBatchSize", "least_squares_exponent"]

Float64 = npt.NDArray[np.float64]

LEAST_RUNS = 4
GRID = 2001
REACH = 1e3
"""The fit looks from a thousandth of the smallest size to a thousand times the largest."""


@dataclass(frozen=True, slots=True)
class CriticalBatchSize:
    """What runs with several batch sizes to the same loss cost: (steps / S - 1)(samples / E - 1) = 1.

    Parameters
    ----------
    size : float
        E / S: twice the fewest steps, at twice the fewest samples.
    least_steps : float
        S, with batches without limit; E, the samples with batches of one, is ``least_samples``.
    interval : tuple of float
        95 % of the size, from the scatter of the runs; (size, size) where it was not fitted.
    spread : float
        Relative deviation of a run from the fit.

    Source: McCandlish et al., "An empirical model of large-batch training" (2018), section 2.

    Examples
    --------
    >>> sizes = np.array([64, 256, 1024, 4096, 16384])
    >>> fit = CriticalBatchSize.fit(sizes, steps=1000 * (1 + 2048 / sizes))
    >>> round(fit.size), round(fit.least_steps), round(fit.least_samples)
    (2048, 1000, 2048000)
    >>> round(fit.steps(2048)), round(fit.samples(2048))
    (2000, 4096000)
    """

    size: float
    least_steps: float
    interval: tuple[float, float]
    spread: float = 0.0

    @classmethod
    def fit(cls, sizes: npt.ArrayLike, steps: npt.ArrayLike) -> Self:
        """From runs that each reached the loss: their batch sizes and their steps, at the best learning rate of each.

        Least squares of the logarithms, for a run is off by a share of its steps. The interval is that of the
        linearised fit with Student's t.

        Raises
        ------
        BadArgument
            Fewer than four runs or three sizes, or steps that do not bend: all sizes on one side of the critical one.
        """
        batch, seen = _pairs("sizes", sizes, "steps", steps)
        if batch.size < LEAST_RUNS or np.unique(batch).size < 3:
            fix = "train with more batch sizes"
            raise BadArgument("sizes", f"be of at least {LEAST_RUNS} runs, of 3 sizes", batch.tolist(), fix)
        logs = np.log(seen)

        def error(log_size: Any) -> Float64:
            rest = logs - np.log1p(np.exp(log_size)[..., None] / batch)
            return ((rest - rest.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)

        low, high = np.log(batch.min() / REACH), np.log(batch.max() * REACH)
        best = _least(error, float(low), float(high))
        if best is None:
            raise BadArgument(
                "steps", "bend between the sizes", seen.tolist(),
                "add sizes so large that steps no longer fall, and so small that they fall as the size grows",
            )  # fmt: skip
        ratio = np.exp(best) / batch
        least_steps = float(np.exp((logs - np.log1p(ratio)).mean()))
        slope = ratio / (1 + ratio)
        free = batch.size - 2
        variance = float(error(np.array(best))) / free
        reach = _student(free) * float(np.sqrt(variance / ((slope - slope.mean()) ** 2).sum()))
        interval = (float(np.exp(best - reach)), float(np.exp(best + min(reach, 700.0))))
        return cls(float(np.exp(best)), least_steps, interval, float(np.sqrt(variance)))

    @property
    def least_samples(self) -> float:
        """E: samples with batches of one."""
        return self.size * self.least_steps

    def steps(self, batch_size: Any) -> Any:
        """Steps to the loss with this batch size: S (1 + critical / size)."""
        return self.least_steps * (1.0 + self.size / above_zero("batch_size", batch_size))

    def samples(self, batch_size: Any) -> Any:
        """Samples to the loss with this batch size: S (size + critical), which compute is in proportion to."""
        return self.least_steps * (above_zero("batch_size", batch_size) + self.size)

    def batch_size(self, *, more_samples: float) -> float:
        """The batch size that takes this share of samples more than the fewest: 0.1 is 10 % more compute."""
        checked_number("more_samples", more_samples, "be above 0", above=0, fix="pass a share, 0.1")
        return self.size * more_samples


@dataclass(frozen=True, slots=True)
class CriticalBatchLaw:
    """How the critical batch size grows as the loss falls: scale / loss ** (1 / alpha).

    Parameters
    ----------
    scale : float
        Where the loss is 1, in the unit sizes are in; tokens in ``CriticalBatchLaw.kaplan()``.
    alpha : float

    The constants are those of a setup (tokenizer, data, optimizer); fit them to yours (Su et al. 2024). Newer work
    finds growth with the data seen rather than with the loss as such (Zhang et al. 2024, Bergsma et al. 2025).

    Source: Kaplan et al., "Scaling laws for neural language models" (2020), equation 1.4.

    Examples
    --------
    >>> f"{CriticalBatchLaw.kaplan()(3.0):.2e} tokens"
    '1.07e+06 tokens'
    """

    scale: float
    alpha: float

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        for argument, value in (("scale", self.scale), ("alpha", self.alpha)):
            checked_number(argument, value, "be a number above 0", above=0, fix="fit it: .fit(...)")

    def __call__(self, loss: Any) -> Any:
        """The critical batch size at a loss above 0."""
        loss = above_zero("loss", loss, fix="pass a cross-entropy, not a log-likelihood")
        try:
            with np.errstate(over="ignore"):
                return self.scale * loss ** (-1.0 / self.alpha)
        except OverflowError:  # of Python's floats
            return math.inf

    @classmethod
    def kaplan(cls) -> Self:
        """That of Kaplan et al.: 2e8 tokens, 0.21."""
        return cls(scale=2e8, alpha=0.21)

    @classmethod
    def fit(cls, losses: npt.ArrayLike, sizes: npt.ArrayLike) -> Self:
        """From critical batch sizes at several losses: a line through their logarithms."""
        loss, size = _pairs("losses", losses, "sizes", sizes)
        slope, constant = least_squares_exponent(loss, size)
        if not slope < 0:
            fix = "pass two losses or more, and their sizes"
            raise BadArgument("sizes", "grow as the loss falls", size.tolist(), fix)
        return cls(constant, -1.0 / slope)


def least_squares_exponent(x: Float64, y: Float64) -> tuple[float, float]:
    """Slope and constant of ``y = constant * x ** slope``, by least squares of the logarithms; (0, mean) of one x."""
    across, up = np.log(x) - np.log(x).mean(), np.log(y)
    slope = float((across * up).sum() / max(float((across**2).sum()), 1e-300))
    return slope, float(np.exp(up.mean() - slope * np.log(x).mean()))


def _pairs(first: str, x: Any, second: str, y: Any) -> tuple[Float64, Float64]:
    pair: list[Float64] = []
    for name, values in ((first, x), (second, y)):
        given = array_or_none(values)
        is_real = given.ndim == 1 and given.dtype.kind in "iuf" and np.all(np.isfinite(given))
        if not is_real or not given.size or given.min() <= 0:
            raise BadArgument(name, "be finite numbers above 0", values, "one a run")
        pair.append(given.astype(np.float64))
    if pair[0].size != pair[1].size:
        raise BadArgument(second, f"be {pair[0].size} like {first}", pair[1].size, "one a run")
    return pair[0], pair[1]


def _least(error: Callable[[Float64], Float64], low: float, high: float) -> float | None:
    """Where an error with one valley is least, by finer and finer grids; None where that is at an edge."""
    for refinement in range(5):
        width = (high - low) / (GRID - 1)
        at = int(error(low + width * np.arange(GRID, dtype=np.float64)).argmin())
        if not refinement and at in (0, GRID - 1):
            return None
        low, high = low + width * (at - 1), low + width * (at + 1)
    return (low + high) / 2


def _student(free: int) -> float:
    """The two-sided 95 % quantile of Student's t, by its expansion in 1 / free (3 % short at 2, 1 % at 3)."""
    z = NormalDist().inv_cdf(0.975)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / free**power for power, term in enumerate(terms, 1))

"""What a batch costs on your machine, from the times its steps took."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
import numpy.typing as npt

from croupier.core.cost import Cost
from croupier.core.plain_array import plain_array, real_numbers
from croupier.errors import BadArgument, checked_positive
from croupier.feedback.not_negative import not_negative

__all__ = ["CostFit", "StepTimes"]

Float64 = npt.NDArray[np.float64]

LEAST_STEPS = 12
HUBER = 1.345
"""Residuals up to so many standard deviations count as squares, larger ones as what they are: 95 % as efficient as
least squares where there are no outliers."""
ROUNDS = 50
QUANTA = 2**24


@dataclass(frozen=True, slots=True)
class CostFit:
    """Seconds of a batch: fixed + per token x tokens + per square x sum of squared lengths, each with a standard error.

    ``spread`` is the relative deviation of a typical step from the fit; ``steps`` how many it is of.
    """

    fixed: float
    per_token: float
    per_square: float
    errors: tuple[float, float, float]
    spread: float
    steps: int

    @property
    def cost(self) -> Cost:
        """The same in integers, for a split or ``adopt_cost``: parts in sixteen million of the larger coefficient.

        Lengths are those of the steps that were measured, in the unit of their length column.
        """
        largest = max(self.per_token, self.per_square)
        if largest <= 0:
            raise BadArgument(
                "the times", "grow with the lengths", "a fit in which they do not",
                "measure the step alone (synchronise the device), over batches of different sizes",
            )  # fmt: skip
        linear, quadratic = round(self.per_token / largest * QUANTA), round(self.per_square / largest * QUANTA)
        common = gcd(linear, quadratic)  # so that a cost with one part alone is in small numbers
        return Cost(linear // common, quadratic // common)

    def seconds(self, tokens: npt.ArrayLike, squares: npt.ArrayLike) -> Float64:
        """Predicted times of batches with these tokens and sums of squared lengths."""
        rule, fix = "be numbers", "pass one for each batch"
        linear = real_numbers("tokens", tokens, rule=rule, fix=fix)
        quadratic = real_numbers("squares", squares, rule=rule, fix=fix)
        if linear.shape != quadratic.shape and linear.ndim and quadratic.ndim:
            raise BadArgument("squares", f"have the shape of tokens, {linear.shape}", quadratic.shape, fix)
        with np.errstate(over="ignore"):
            return self.fixed + self.per_token * linear + self.per_square * quadratic

    def __str__(self) -> str:
        names = ("seconds a batch", "a token", "a squared length")
        values = (self.fixed, self.per_token, self.per_square)
        parts = [
            f"{name} {value:.3g} ± {error:.1g}" for name, value, error in zip(names, values, self.errors, strict=True)
        ]
        return f"{', '.join(parts)}; a step deviates by {self.spread:.1%}, {self.steps} steps"


class StepTimes:
    """Collect times of steps, and fit what a batch costs.

    Parameters
    ----------
    packed : bool
        Whether batches are packed: their examples cost each by its own length. Else they are padded, and each costs as
        the longest of its batch.

    Source: the form of the cost from section 4 of Wang et al., "FlexSP" (2024); the robust fit is Huber's
    M-estimator with relative residuals, by iterated weights, its coefficients kept from being negative.

    Examples
    --------
    >>> times = StepTimes()
    >>> for step in range(20):
    ...     lengths = np.full(1 + step % 4, 100 + 50 * (step % 5))
    ...     times.add(lengths, seconds=0.01 + 1e-5 * lengths.size * lengths.max())
    >>> times.fit().cost
    Cost(linear=1, quadratic=0)
    """

    def __init__(self, *, packed: bool = False) -> None:
        self._packed = packed
        self._rows: list[tuple[float, float, float]] = []

    def add(self, lengths: npt.ArrayLike, seconds: float) -> None:
        """The lengths of a batch's examples, and how long its step took: forward and backward, device synchronised.

        The first steps are compiled and warm up; leave them out.
        """
        seconds = checked_positive(
            "seconds", seconds, fix="measure with time.perf_counter after torch.cuda.synchronize()"
        )
        given = plain_array("lengths", lengths)
        values = given.astype(np.float64) if given.dtype.kind in "iuf" else np.empty(0)
        if (
            values.ndim != 1
            or not values.size
            or not np.all(np.isfinite(values))
            or not 0 < values.max() < 1e15
            or values.min() < 0
        ):
            raise BadArgument(
                "lengths", "be the lengths of at least one example", lengths, 'pass deal.columns["length"]'
            )
        if not self._packed:
            values = np.full(values.size, values.max())
        self._rows.append((float(values.sum()), float((values**2).sum()), float(seconds)))

    def __len__(self) -> int:
        return len(self._rows)

    def fit(self) -> CostFit:
        """The cost that explains the times, whatever a few odd steps say.

        Raises
        ------
        BadArgument
            Fewer than twelve steps.
        """
        if len(self._rows) < LEAST_STEPS:
            raise BadArgument(
                "StepTimes", f"have at least {LEAST_STEPS} steps to fit", len(self._rows), "measure some more"
            )
        tokens, squares, seconds = np.array(self._rows).T
        features = np.stack([np.ones(seconds.size), tokens, squares], axis=1)
        scale = np.maximum(features.max(axis=0), np.finfo(float).tiny)
        features = features / scale
        # Residuals are relative, for a step of a second is as noisy in proportion as one of ten milliseconds; and to
        # what is expected rather than to what was measured, for a time that is far too short would weigh most.
        per_token = float(np.median(seconds / (tokens + tokens.mean())))
        expected = per_token * (tokens + tokens.mean())
        solution, weights = np.zeros(3), np.ones(seconds.size)
        for _ in range(ROUNDS):
            design, target = features / expected[:, None], seconds / expected
            residuals = np.abs(target - (design @ solution if solution.any() else np.median(target)))
            width = HUBER * max(1.4826 * float(np.median(residuals)), 1e-9)
            weights = np.minimum(1.0, width / np.maximum(residuals, 1e-300))
            before, solution = solution, not_negative(design, target, weights)
            expected = np.maximum(features @ solution, 1e-3 * np.median(seconds))
            if np.allclose(before, solution, rtol=1e-10, atol=0.0):
                break
        design, target = features / expected[:, None], seconds / expected
        errors = _standard_errors(design, target - design @ solution, weights, solution > 0) / scale
        fixed, per_token, per_square = (solution / scale).tolist()
        spread = float(1.4826 * np.median(np.abs(target - design @ solution)))
        error_fixed, error_token, error_square = errors.tolist()
        return CostFit(fixed, per_token, per_square, (error_fixed, error_token, error_square), spread, len(self._rows))


def _standard_errors(design: Float64, residuals: Float64, weights: Float64, used: npt.NDArray[np.bool_]) -> Float64:
    """From the sandwich of residuals, each as if its step had been left out (HC3); 0 for a coefficient held at 0."""
    errors = np.zeros(design.shape[1])
    columns = np.flatnonzero(used)
    if columns.size:
        part = design[:, columns]
        bread = np.linalg.pinv((part * weights[:, None]).T @ part)
        leverage = weights * np.einsum("ij,jk,ik->i", part, bread, part)
        left_out = residuals / np.maximum(1e-6, 1 - leverage)
        meat = (part * (weights * left_out)[:, None] ** 2).T @ part
        errors[columns] = np.sqrt(np.diag(bread @ meat @ bread))
    return errors

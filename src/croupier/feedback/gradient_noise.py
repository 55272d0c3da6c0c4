"""The gradient noise scale of a run: a ratio of means over the last steps, with a confidence interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from croupier.errors import BadArgument, BadState, checked_positive
from croupier.feedback.gradient_norms import GradientNorms
from croupier.feedback.noise_estimate import NoiseEstimate, Numbers

__all__ = ["GradientNoise"]

Float64 = npt.NDArray[np.float64]


class GradientNoise:
    """Average what steps say of the gradient's mean and noise, and take the ratio of the averages.

    Parameters
    ----------
    half_life_samples : float
        After so many samples a step weighs half. In samples, so that it means the same at any batch size.

    Ratios of single steps are of no use: with a noise scale of 150 and steps of two groups of four samples,
    ``|G|**2`` comes out below 0 in four of ten, and the mean of 2,000 ratios anywhere between -300 and 300.
    ``|g|**2`` of the batch in the place of ``|G|**2`` gives 8; successive steps in the place of groups give a ratio
    below 0, as each step undoes the noise of the one before (``benchmarks/gradient_noise.py``).

    **The interval.** With weights w of the steps, summing to 1, the means X of ``|G|**2`` and Y of the trace have
    errors whose covariance is estimated by ``sum(w**2 (z - Z)(z - Z)') / (1 - sum(w**2))``, kept up as the means are. A
    noise scale r is in the interval if ``Y - r X`` is not further from 0 than its standard error times Student's
    quantile (Fieller's method; where X is sure, that is the delta method). Degrees of freedom are
    ``1 / sum(w**2) - 1``. Steps are taken to be independent: what drifts within the half-life widens the interval. It
    is that of the mean over the half-life, and says nothing about steps to come.

    Guarantees: plain arithmetic on the numbers given, so ranks that see the same agree, and a resumed run goes on bit
    for bit. The state is a dozen numbers.

    Source: the estimate is that of McCandlish et al., "An empirical model of large-batch training" (2018), appendix
    A.1; the interval is derived here.

    Examples
    --------
    Gradients of ten numbers with mean 1 and deviation 3, in four groups of 8 samples: the noise scale is 90 / 10.

    >>> rng, noise = np.random.default_rng(0), GradientNoise(half_life_samples=5_000)
    >>> for _ in range(400):
    ...     groups = rng.normal(1.0, 3.0 / 8**0.5, size=(4, 10))
    ...     noise.observe(GradientNorms.of_groups((groups**2).sum(1), (groups.mean(0) ** 2).sum(), samples=8))
    >>> round(noise.estimate.noise_scale, 1), [round(bound, 1) for bound in noise.estimate.noise_interval(0.95)]
    (8.6, [8.2, 9.1])
    """

    def __init__(self, half_life_samples: float) -> None:
        self.half_life_samples = checked_positive(
            "half_life_samples", half_life_samples, fix="pass the samples of a few hundred steps"
        )
        self._latest: GradientNorms | None = None
        self._weight = self._weight_squared = 0.0
        self._sums, self._squares = np.zeros(4), np.zeros(4)
        self._products = np.zeros((4, 4))

    def observe(self, norms: GradientNorms | None, *, elapsed_samples: float | None = None) -> None:
        """Take in a step; None, where nothing could be measured, changes nothing.

        Parameters
        ----------
        norms : GradientNorms, optional
        elapsed_samples : float, optional
            Samples dealt since the step observed before, where not every step is; by default those of the step.

        Raises
        ------
        BadArgument
            A step with other facts than those before: inner products, or a loss, in some steps only.
        """
        if norms is None:
            return
        if not isinstance(norms, GradientNorms):
            raise BadArgument("norms", "be GradientNorms, or None", norms, "pass what measure() returned")
        if self._latest is not None and _facts(norms) != _facts(self._latest):
            raise BadArgument(
                "norms",
                f"tell of {_facts(self._latest)}, as those before",
                _facts(norms),
                "keep one GradientNoise each",
            )
        inner, loss = norms.inner, norms.loss
        values = np.array([
            norms.gradient_squared, norms.noise_trace,
            0.0 if inner is None else inner.along, 0.0 if loss is None else loss,
        ])  # fmt: skip
        elapsed = norms.samples
        if elapsed_samples is not None:
            elapsed = checked_positive("elapsed_samples", elapsed_samples, fix="pass those of the steps since the last")
        kept = 0.5 ** (elapsed / self.half_life_samples)
        added = -math.expm1(-math.log(2.0) * elapsed / self.half_life_samples)
        self._latest = norms
        self._weight = kept * self._weight + added
        self._weight_squared = kept**2 * self._weight_squared + added**2
        self._sums = kept * self._sums + added * values
        self._squares = kept**2 * self._squares + added**2 * values
        self._products = kept**2 * self._products + added**2 * np.outer(values, values)

    @property
    def estimate(self) -> NoiseEstimate | None:
        """What is believed now; None before the first step."""
        if self._latest is None:
            return None
        means = self._sums / self._weight
        concentration = self._weight_squared / self._weight**2
        crossed = np.outer(self._squares, means)
        apart = self._products - crossed - crossed.T + self._weight_squared * np.outer(means, means)
        room = 1.0 - concentration
        covariance = apart / self._weight**2 / room if room > 1e-12 else np.zeros((4, 4))
        # A variance that is 0 may come out a little below.
        np.fill_diagonal(covariance, np.maximum(covariance.diagonal(), 0.0))
        is_there = [True, True, self._latest.inner is not None, self._latest.loss is not None]
        known = zip(means.tolist(), is_there, strict=True)
        # One and the same nan, so that equal estimates compare as equal.
        shown = cast(Numbers, tuple(mean if there else math.nan for mean, there in known))
        rows = cast("tuple[Numbers, Numbers, Numbers, Numbers]", tuple(map(tuple, covariance.tolist())))
        return NoiseEstimate(self._latest, shown, rows, 1.0 / concentration)

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers and lists of them; JSON keeps them bit for bit."""
        return {
            "half_life_samples": self.half_life_samples,
            "latest": None if self._latest is None else self._latest.to_dict(),
            "weight": self._weight,
            "weight_squared": self._weight_squared,
            "sums": self._sums.tolist(),
            "squares": self._squares.tolist(),
            "products": self._products.tolist(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with what :meth:`state_dict` returned.

        Raises
        ------
        BadState
            Of another half-life, or damaged.
        """
        if not isinstance(state, Mapping):
            raise BadState("gradient noise", "be a mapping", state, "load what state_dict() returned")
        names = set(self.state_dict())
        if set(state) != names:
            raise BadState("gradient noise", f"have {sorted(names)}", sorted(state), "load what state_dict() returned")
        if state["half_life_samples"] != self.half_life_samples:
            raise BadState(
                "half_life_samples", f"be {self.half_life_samples:g}, as here", state["half_life_samples"],
                "make it with the half-life of the saved run",
            )  # fmt: skip
        try:
            arrays = [np.array(state[name], dtype=np.float64) for name in ("sums", "squares", "products")]
            numbers = np.array([state["weight"], state["weight_squared"]], dtype=np.float64)
            latest = None if state["latest"] is None else GradientNorms.from_dict(state["latest"])
        except (TypeError, ValueError) as error:
            raise BadState("gradient noise", "hold numbers", str(error), "load an undamaged state") from None
        if [part.shape for part in arrays] != [(4,), (4,), (4, 4)] or not all(
            np.all(np.isfinite(part)) for part in (numbers, *arrays)
        ):
            raise BadState("gradient noise", "hold finite numbers", "other values", "load an undamaged state")
        if latest is not None and not np.all(numbers > 0):
            raise BadState("gradient noise", "have weights above 0", numbers.tolist(), "load an undamaged state")
        self._latest = latest
        self._weight, self._weight_squared = numbers.tolist()
        self._sums, self._squares, self._products = arrays


def _facts(norms: GradientNorms) -> str:
    facts = ["norms"] + ["inner products"] * (norms.inner is not None) + ["a loss"] * (norms.loss is not None)
    return ", ".join(facts)

"""What the gradients of one optimizer step say of their mean and of their noise: two unbiased numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self, cast

import numpy as np
import numpy.typing as npt

from croupier.core.plain_array import real_numbers
from croupier.errors import (
    LEAST_SIZE,
    MOST_SIZE,
    BadArgument,
    checked_kind,
    checked_real,
    keep_plain_numbers,
    with_sizes,
)

__all__ = ["GradientNorms", "InnerProducts"]


class InnerProducts(NamedTuple):
    """How samples' gradients vary along the mean gradient; for the inner-product and the orthogonality test."""

    variance: float
    """Of <g_i, g> over the samples, where g is their own mean: what the published tests read."""
    along: float
    """G' Sigma G without bias, G the true gradient: what the corrected tests read."""


@dataclass(frozen=True, slots=True)
class GradientNorms:
    """Squared norms of one step's gradients: of groups of samples, and of the mean over all of them.

    A group is a micro-batch, a rank, half of a batch, or a single sample.

    Parameters
    ----------
    groups : float
        The mean, over groups, of the squared norm of a group's gradient, itself a mean over its samples.
    whole : float
        The squared norm of the mean gradient.
    group_samples : float
        b: samples of a group; of unequal groups the (weighted) harmonic mean of their sizes.
    samples : float
        B: samples of the step; the effective number, where they do not weigh alike.
    inner : InnerProducts, optional
        Where samples' gradients were looked at one by one.
    loss : float, optional
        The step's mean loss, for policies that read it.

    Guarantees: where the groups' gradients are independent with mean G and covariance Sigma / size, the expectations of
    :attr:`gradient_squared` and :attr:`noise_trace` are ``|G|**2`` and the trace of Sigma, whatever their
    distribution. One step's ``gradient_squared`` may well be below 0, so never take ratios of a single step: see
    :class:`GradientNoise`. ``noise_trace`` cannot be, where groups weigh alike in both norms. Of samples dealt without
    replacement the first is ``|G|**2 - trace / rows``.

    Raises
    ------
    BadArgument
        Norms below 0 or not finite: after an overflow of the loss scale, leave the step out.

    Source: McCandlish et al., "An empirical model of large-batch training" (2018), appendix A.1: there with two batch
    sizes; unequal groups and weights are derived here, see :meth:`of_groups`.

    Examples
    --------
    Four groups of 8 samples, that are 32:

    >>> norms = GradientNorms.of_groups([3.0, 5.0, 4.0, 4.0], whole=1.75, samples=8)
    >>> norms.gradient_squared, norms.noise_trace
    (1.0, 24.0)
    """

    groups: float
    whole: float
    group_samples: float
    samples: float
    inner: InnerProducts | None = None
    loss: float | None = None

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        for name in ("groups", "whole", "group_samples", "samples"):
            # Plain numbers, whatever was measured with, so that a log of them is plain too.
            fix = "leave out a step whose gradients overflowed"
            number = checked_real(name, getattr(self, name), "be a finite number >= 0", at_least=0, fix=fix)
            object.__setattr__(self, name, number)
        if not 0 < self.group_samples < self.samples < math.inf:
            raise BadArgument(
                "group_samples", f"be above 0 and below samples={self.samples:g}", self.group_samples,
                "take two groups at least: micro-batches, ranks, or halves of a batch",
            )  # fmt: skip
        if self.inner is not None:
            pair = cast("Any", checked_kind("inner", self.inner, Sequence, fix="write InnerProducts(variance, along)"))
            if len(pair) != 2:
                raise BadArgument("inner", "be two numbers", pair, "write InnerProducts(variance, along)")
            fix, rule = "pass the variance over samples", "be a finite number >= 0"
            inner = InnerProducts(
                checked_real("inner.variance", pair[0], rule, at_least=0, fix=fix),
                checked_real("inner.along", pair[1], "be finite", fix="leave out such a step"),
            )
            object.__setattr__(self, "inner", inner)
        if self.loss is not None:
            object.__setattr__(self, "loss", checked_real("loss", self.loss, "be finite", fix="leave out such a step"))

    @classmethod
    def of_groups(
        cls,
        squared_norms: npt.ArrayLike,
        whole: float,
        samples: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        *,
        loss: float | None = None,
    ) -> Self:
        """From the squared norm of each group's mean gradient.

        Parameters
        ----------
        squared_norms : float array of shape (n,)
        whole : float
            The squared norm of the weighted mean of the groups' gradients.
        samples : array of shape (n,) or a number
            Samples of each group.
        weights : float array of shape (n,), optional
            What each group's gradient counts in that mean; by default its samples, so that every sample counts alike.
        loss : float, optional

        The squared norms are averaged with the same weights w (summing to 1). Their expectation is then
        ``|G|**2 + trace * sum(w / b)``, and that of ``whole`` is ``|G|**2 + trace * sum(w**2 / b)``: two equations.
        With the default weights the trace is that of the one-way analysis of variance, the best there is for Gaussian
        gradients. Raises BadArgument where ``whole`` is above the mean, as no mean of gradients can be.
        """
        rule, fix = "be finite numbers", "pass one for each group"
        norms = real_numbers("squared_norms", squared_norms, rule=rule, fix=fix)
        if norms.ndim != 1 or norms.size < 2:
            raise BadArgument("squared_norms", "be those of two groups at least", norms.shape, "pass a list of them")
        given = {"samples": samples, "weights": samples if weights is None else weights}
        spread: list[npt.NDArray[np.float64]] = []
        for name, values in given.items():
            numbers = real_numbers(name, values, rule=rule, fix=fix)
            if numbers.shape not in ((), norms.shape):
                raise BadArgument(name, f"be one for each of {norms.size} groups", numbers.shape, fix)
            if not np.all((numbers >= LEAST_SIZE) & (numbers <= MOST_SIZE)):
                worst = float(numbers.min() if np.any(numbers < LEAST_SIZE) else numbers.max())
                raise BadArgument(
                    name, with_sizes("be above 0", worst), numbers.tolist(), "leave out groups without samples"
                )
            spread.append(np.broadcast_to(numbers, norms.shape))
        sizes, shares = spread
        shares = shares / shares.sum()
        mean = float(shares @ norms)
        whole = checked_real("whole", whole, "be a finite number >= 0", at_least=0, fix="leave out such a step")
        if whole > 1.1 * mean:  # but for rounding in half precision
            fix = "pass the squared norm of the groups' mean, weighted as they are"
            raise BadArgument("whole", f"be at most the mean of squared_norms, {mean:g}", whole, fix)
        group_samples, together = 1 / (shares / sizes).sum(), 1 / (shares**2 / sizes).sum()
        return cls(mean, whole, float(group_samples), float(together), loss=loss)

    @property
    def gradient_squared(self) -> float:
        """The squared norm of the true gradient, ``|G|**2``, without bias."""
        b, total = self.group_samples, self.samples
        return (total * self.whole - b * self.groups) / (total - b)

    @property
    def noise_trace(self) -> float:
        """The trace of the covariance of one sample's gradient, without bias."""
        return (self.groups - self.whole) / (1 / self.group_samples - 1 / self.samples)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for a log."""
        inner = None if self.inner is None else list(self.inner)
        return {
            "groups": self.groups, "whole": self.whole, "group_samples": self.group_samples, "samples": self.samples,
            "inner": inner, "loss": self.loss,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What :meth:`to_dict` wrote."""
        names = {field.name for field in fields(cls)}
        needed = {"groups", "whole", "group_samples", "samples"}
        if not isinstance(values, Mapping) or not needed <= set(values) <= names:
            raise BadArgument("values", f"have the fields {sorted(names)}", values, "pass what to_dict() gave")
        return cls(**values)

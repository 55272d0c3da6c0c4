"""What the gradients of one optimizer step say of their mean and of their noise: two unbiased numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from croupier.errors import BadArgument

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
        for name in ("groups", "whole", "group_samples", "samples"):
            # Plain numbers, whatever was measured with, so that a log of them is plain too.
            object.__setattr__(self, name, float(getattr(self, name)))
        for name in ("groups", "whole"):
            _check_number(name, getattr(self, name), "leave out a step whose gradients overflowed")
        if not 0 < self.group_samples < self.samples < math.inf:
            raise BadArgument(
                "group_samples", f"be above 0 and below samples={self.samples:g}", self.group_samples,
                "take two groups at least: micro-batches, ranks, or halves of a batch",
            )  # fmt: skip
        if self.inner is not None:
            inner = InnerProducts(*map(float, self.inner))
            _check_number("inner.variance", inner.variance, "pass the variance over samples")
            if not math.isfinite(inner.along):
                raise BadArgument("inner.along", "be finite", inner.along, "leave out such a step")
            object.__setattr__(self, "inner", inner)
        if self.loss is not None:
            if not math.isfinite(self.loss):
                raise BadArgument("loss", "be finite", self.loss, "leave out such a step")
            object.__setattr__(self, "loss", float(self.loss))

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
        gradients.
        """
        norms = np.asarray(squared_norms, dtype=np.float64)
        if norms.ndim != 1 or norms.size < 2:
            raise BadArgument("squared_norms", "be those of two groups at least", norms.shape, "pass a list of them")
        sizes = np.broadcast_to(np.asarray(samples, dtype=np.float64), norms.shape)
        shares = sizes if weights is None else np.broadcast_to(np.asarray(weights, dtype=np.float64), norms.shape)
        for name, values in (("samples", sizes), ("weights", shares)):
            if not np.all((values > 0) & np.isfinite(values)):
                raise BadArgument(name, "be above 0", values.tolist(), "leave out groups without samples")
        shares = shares / shares.sum()
        group_samples, together = 1 / (shares / sizes).sum(), 1 / (shares**2 / sizes).sum()
        return cls(float(shares @ norms), whole, float(group_samples), float(together), loss=loss)

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
        return cls(**values)


def _check_number(name: str, value: Any, fix: str) -> None:
    if not 0 <= value < math.inf:
        raise BadArgument(name, "be a finite number >= 0", value, fix)

"""What share of the batches each source of a mixture gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.errors import BadArgument, checked_int, checked_positive, checked_real, keep_plain_numbers
from croupier.kernels.elementary import exponential, natural_log, power

__all__ = ["EffectiveNumber", "Given", "Proportional", "Shares", "Temperature", "UniMax", "Uniform", "whole_parts"]

Float64 = npt.NDArray[np.float64]

CYCLE = 10**9
"""Shares are whole billionths, so that those written with up to nine decimals are exact."""


@runtime_checkable
class Shares(Protocol):
    """A rule for the shares of sources of given sizes. Implementations are frozen dataclasses."""

    def weights(self, sizes: Float64, names: Sequence[str]) -> Float64:
        """A weight of 0 or more for each source, of any sum; a source of size 0 gets 0.

        ``sizes`` are rows, or tokens where the mixture counts in tokens.
        """
        ...


@dataclass(frozen=True, slots=True)
class Given:
    """Shares as written down; a plain mapping of names to numbers is taken as this.

    Examples
    --------
    >>> Given({"en": 3, "de": 1}).weights(np.array([10.0, 10.0]), ["de", "en"]).tolist()
    [1.0, 3.0]
    """

    shares: Mapping[str | int, float] | Sequence[tuple[str, float]]

    def __post_init__(self) -> None:
        # Pairs in the order of their names: a copy of its own, and the same plan however the mapping was built.
        numbers = {str(name): _checked_share(name, share) for name, share in dict(self.shares).items()}
        if not any(numbers.values()):
            raise BadArgument("shares", "have one above 0", dict(self.shares), "give at least one source a share")
        object.__setattr__(self, "shares", tuple(sorted(numbers.items())))

    def weights(self, sizes: Float64, names: Sequence[str]) -> Float64:
        """The share of each name; every source must be named, and hold rows if its share is above 0."""
        by_name = {str(name): float(share) for name, share in dict(self.shares).items()}
        unknown, unnamed = sorted(set(by_name) - set(names)), sorted(set(names) - set(by_name))
        if unknown or unnamed:
            what = f"no source named {unknown[0]!r}" if unknown else f"no share for {unnamed[0]!r}"
            raise BadArgument(
                "shares (or target)", f"name the sources {', '.join(names)}", what, "give 0 to leave one out"
            )
        for name, size in zip(names, sizes.tolist(), strict=True):
            if by_name[name] and not size:
                raise BadArgument(f"share of {name!r}", "be 0 for a source without rows", by_name[name], "leave it out")
        return np.array([by_name[name] for name in names])


@dataclass(frozen=True, slots=True)
class Proportional:
    """Each source by its size: what shuffling everything together gives on average, here at every prefix."""

    def weights(self, sizes: Float64, names: Sequence[str]) -> Float64:
        """The sizes."""
        return sizes


@dataclass(frozen=True, slots=True)
class Uniform:
    """The same share for every source that has rows."""

    def weights(self, sizes: Float64, names: Sequence[str]) -> Float64:
        """Ones."""
        return (sizes > 0).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Temperature:
    """Shares in proportion to size**(1 / temperature): 1 is proportional, high is uniform.

    Source: Arivazhagan et al., "Massively multilingual neural machine translation in the wild" (2019), section 4.2.

    Examples
    --------
    >>> Temperature(2.0).weights(np.array([100.0, 1.0]), ["a", "b"]).round(9).tolist()
    [1.0, 0.1]
    """

    temperature: float

    def __post_init__(self) -> None:
        temperature = checked_positive("temperature", self.temperature, fix="pass 1.0 for proportional shares")
        object.__setattr__(self, "temperature", temperature)

    def weights(self, sizes: Float64, names: Sequence[str]) -> Float64:
        """Sizes to a power, the largest 1; what would vanish stays above 0, to be refused as too small a share."""
        powers = power(sizes / sizes.max(), 1.0 / float(self.temperature))
        return np.where(sizes > 0, np.maximum(powers, np.finfo(np.float64).tiny), 0.0)


@dataclass(frozen=True, slots=True)
class UniMax:
    """As uniform as can be without passing over any source more than ``max_passes`` times in a run.

    Parameters
    ----------
    max_passes : float
        The most often any row may come in the run.
    budget : int
        Samples of the whole run; where the mixture counts in tokens, the tokens of the whole run.

    Source: Chung et al., "UniMax: Fairer and more effective language sampling for large-scale multilingual
    pretraining" (ICLR 2023), algorithm 1.

    Examples
    --------
    >>> UniMax(2.0, budget=100).weights(np.array([5.0, 100.0, 100.0]), ["a", "b", "c"]).tolist()
    [10.0, 45.0, 45.0]
    """

    max_passes: float
    budget: int

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        object.__setattr__(self, "max_passes", checked_positive("max_passes", self.max_passes, fix="pass 4.0, say"))
        budget = checked_int("budget", self.budget, at_least=1, fix="pass the samples (or tokens) of the whole run")
        object.__setattr__(self, "budget", budget)

    def weights(self, sizes: Float64, names: Sequence[str]) -> Float64:
        """Budgets, from the smallest source to the largest."""
        if float(sizes.sum()) * self.max_passes < self.budget:
            raise BadArgument(
                "max_passes", f"allow the budget of {self.budget}", self.max_passes,
                f"pass at least {self.budget / float(sizes.sum()):.2f}",
            )  # fmt: skip
        budgets = np.zeros(sizes.size)
        left, waiting = float(self.budget), int(np.count_nonzero(sizes))
        for source in np.argsort(sizes, kind="stable").tolist():
            if sizes[source]:
                budgets[source] = min(left / waiting, self.max_passes * sizes[source])
                left, waiting = left - budgets[source], waiting - 1
        return budgets


@dataclass(frozen=True, slots=True)
class EffectiveNumber:
    """Classes by their size over the effective number of their rows: between proportional (0) and uniform (near 1).

    Source: Cui et al., "Class-balanced loss based on effective number of samples" (CVPR 2019), equation 3: a row of a
    class of n weighs (1 - beta) / (1 - beta**n).

    Examples
    --------
    >>> EffectiveNumber(0.9).weights(np.array([1000.0, 1.0]), ["a", "b"]).round(6).tolist()
    [100.0, 1.0]
    """

    beta: float

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        fix = "pass 0.999, say"
        if checked_real("beta", self.beta, "be in [0, 1)", at_least=0.0, at_most=1.0, fix=fix) == 1:
            raise BadArgument("beta", "be in [0, 1)", self.beta, fix)

    def weights(self, sizes: Float64, names: Sequence[str]) -> Float64:
        """N (1 - beta) / (1 - beta**n)."""
        beta = float(self.beta)
        if beta == 0:
            return sizes
        remaining = exponential(natural_log(beta) * sizes)
        return np.where(sizes > 0, sizes * (1 - beta) / np.where(sizes > 0, 1 - remaining, 1.0), 0.0)


def checked_shares(argument: str, shares: Any) -> Shares:
    """A rule, or a mapping taken as ``Given``."""
    if isinstance(shares, Mapping):
        return Given(shares)  # pyright: ignore[reportUnknownArgumentType]
    if not isinstance(shares, Shares) or isinstance(shares, type):
        raise BadArgument(
            argument, "be a mapping of names to numbers, or a rule", shares, "pass {'en': 0.7, 'de': 0.3}, or Uniform()"
        )
    return shares


def _checked_share(name: object, share: Any) -> float:
    try:
        number = float(share)
    except (TypeError, ValueError):
        number = float("nan")
    if isinstance(share, (bool, str)) or not 0 <= number < np.inf:
        raise BadArgument(f"share of {name!r}", "be a finite number >= 0", share, "give 0 to leave it out")
    return number


def whole_parts(weights: Float64, names: Sequence[str]) -> Int64:
    """Weights as whole parts of CYCLE, by largest remainders."""
    scaled = weights / weights.max()
    exact = scaled * (CYCLE / fsum(scaled.tolist()))
    parts = np.floor(exact).astype(np.int64)
    left = CYCLE - int(parts.sum())
    most = np.argsort(parts - exact, kind="stable")[:left] if left > 0 else np.argsort(-parts, kind="stable")[:-left]
    parts[most] += np.sign(left)
    if np.any((parts == 0) & (weights > 0)):
        lost = names[int(np.flatnonzero((parts == 0) & (weights > 0))[0])]
        raise BadArgument(
            f"share of {lost!r}", f"be at least one in {CYCLE:.0e}", "less than that", "raise it, or leave it out"
        )
    return parts

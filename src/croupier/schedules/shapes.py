"""How a value falls: from progress 0..1 to a factor 1..0, as a line, a cosine, a root and so on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol, Self

from croupier.errors import MOST_SIZE, checked_flag, keep_plain_numbers
from croupier.schedules.arithmetic import arithmetic, check_function, checked_number

__all__ = [
    "Cosine",
    "Exponential",
    "Linear",
    "OneMinusSqrt",
    "OneMinusSquare",
    "Polynomial",
    "Rex",
    "Shape",
    "check_shape",
]


class Shape(Protocol):
    """A factor that falls from 1 at progress 0, of a number or an array of them."""

    def __call__(self, progress: Any, /) -> Any:
        """The factor at a progress between 0 and 1."""
        ...


def check_shape(shape: object) -> None:
    """Refuse what is no shape, a name or a class in its place too."""
    fix = "write shape=Cosine(), say"
    check_function("shape", shape, "be a shape, or a function from progress to a factor", fix=fix)


@dataclass(frozen=True, slots=True)
class Linear:
    """A straight line: 1 - p. What the last iterate's worst case asks for (Defazio et al. 2023).

    Examples
    --------
    >>> Linear()(0.25)
    0.75
    """

    def __call__(self, progress: Any) -> Any:
        """1 - p."""
        return 1.0 - progress


@dataclass(frozen=True, slots=True)
class Cosine:
    """Half a cosine: (1 + cos(pi p)) / 2 (Loshchilov & Hutter 2017, one cycle).

    Examples
    --------
    >>> Cosine()(0.5)
    0.5
    """

    def __call__(self, progress: Any) -> Any:
        """(1 + cos(pi p)) / 2."""
        namespace, progress = arithmetic(progress)
        progress = namespace.minimum(namespace.maximum(progress, 0.0), 1.0)
        return 0.5 * (1.0 + namespace.cos(math.pi * progress))


@dataclass(frozen=True, slots=True)
class Polynomial:
    """What is left, to a power: (1 - p) ** power."""

    power: float = 1.0

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        checked_number("power", self.power, "be a number above 0", above=0, up_to=1e3, fix="1 is a line, 2 a parabola")

    def __call__(self, progress: Any) -> Any:
        """(1 - p) ** power."""
        return (1.0 - progress) ** self.power


@dataclass(frozen=True, slots=True)
class OneMinusSqrt:
    """1 - sqrt(p): fast at first, slow at the end; the best cool-down found by Hägele et al. (2024), figure 5."""

    def __call__(self, progress: Any) -> Any:
        """1 - sqrt(p)."""
        return 1.0 - progress**0.5


@dataclass(frozen=True, slots=True)
class OneMinusSquare:
    """1 - p ** 2: slow at first, fast at the end."""

    def __call__(self, progress: Any) -> Any:
        """1 - p ** 2."""
        return 1.0 - progress**2


@dataclass(frozen=True, slots=True)
class Exponential:
    """Halved ``halvings`` times: 0.5 ** (p halvings). It ends at that, not at 0, unless ``to_zero`` stretches it there.

    Parameters
    ----------
    halvings : float
        MiniCPM's decay of ``n`` steps with a half-life of ``T`` is ``Exponential(n / T)``.
    to_zero : bool
        (f - r) / (1 - r) with r the last value of f, as timm's ``exp`` (its ``decay_ratio`` is r).

    Examples
    --------
    >>> Exponential(2)(1.0), Exponential(2, to_zero=True)(1.0)
    (0.25, 0.0)
    """

    halvings: float
    to_zero: bool = False

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        object.__setattr__(self, "to_zero", checked_flag("to_zero", self.to_zero, fix="pass True or False"))
        checked_number(
            "halvings", self.halvings, "be a number above 0", above=0, up_to=1e3,
            fix="pass the length of the decay over its half-life",
        )  # fmt: skip

    def __call__(self, progress: Any) -> Any:
        """0.5 ** (p halvings)."""
        factor = 0.5 ** (progress * self.halvings)
        last = 0.5**self.halvings
        return (factor - last) / (1.0 - last) if self.to_zero else factor


@dataclass(frozen=True, slots=True)
class Rex:
    """Reflected exponential: (1 - p) / (1 - a p). At 0 a line; the nearer to 1, the longer high and the later the fall.

    Parameters
    ----------
    a : float
        1/2 in the paper, ``Rex.paper()``; 0.9 in the code that went round under its name, ``Rex.code()``.

    Source: Chen, Wolfe & Kyrillidis, "REX: Revisiting budgeted training with an improved schedule" (MLSys 2022),
    profile (1 - p) / (1/2 + (1 - p) / 2). The 0.9 is ``d`` in z / (1 - d + d z), z = 1 - p, of the REX_LR scheduler and
    of those made from it.

    Examples
    --------
    >>> [round(shape(0.5), 4) for shape in (Rex(0), Rex.paper(), Rex.code())]
    [0.5, 0.6667, 0.9091]
    """

    a: float = 0.5

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        checked_number(
            "a", self.a, "be a number below 1", above=-MOST_SIZE, up_to=math.nextafter(1.0, 0.0), fix="0 is a line"
        )

    def __call__(self, progress: Any) -> Any:
        """(1 - p) / (1 - a p)."""
        return (1.0 - progress) / (1.0 - self.a * progress)

    @classmethod
    def paper(cls) -> Self:
        """With the paper's constant."""
        return cls(0.5)

    @classmethod
    def code(cls) -> Self:
        """With the constant of REX_LR and its kin."""
        return cls(0.9)

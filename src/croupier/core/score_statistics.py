"""What can be kept of each example while training goes on: six statistics of a signal, each a name and its settings.

A signal is one number an example and batch: its loss, the margin of its label. Statistics are values: what keeps
``Mean("margin")`` is asked for ``Mean("margin")``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from croupier.errors import BadArgument, checked_fraction

__all__ = [
    "KINDS",
    "LOSS",
    "Count",
    "Ema",
    "Forgotten",
    "Last",
    "Mean",
    "Statistic",
    "Variance",
    "checked_statistics",
    "statistic_of",
]

LOSS = "loss"
"""The signal that ``observe`` is given where it is given numbers without a name."""


@dataclass(frozen=True, slots=True)
class Last:
    """The value observed last; not a number where none was.

    Examples
    --------
    >>> Last(), Last("el2n")
    (Last(signal='loss'), Last(signal='el2n'))
    """

    signal: str = LOSS

    def __post_init__(self) -> None:
        _check_signal_name(self.signal)


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of all values; not a number where none was.

    ``Mean("margin")`` is the area under the margin (AUM: Pleiss et al., "Identifying mislabeled data using the area
    under the margin ranking", 2020, section 3), ``Mean("el2n")`` the score EL2N over epochs.

    Examples
    --------
    >>> Mean("margin")
    Mean(signal='margin')
    """

    signal: str = LOSS

    def __post_init__(self) -> None:
        _check_signal_name(self.signal)


@dataclass(frozen=True, slots=True)
class Variance:
    """The variance of all values, as of a population; 0 after the first, not a number before it.

    Examples
    --------
    >>> Variance()
    Variance(signal='loss')
    """

    signal: str = LOSS

    def __post_init__(self) -> None:
        _check_signal_name(self.signal)


@dataclass(frozen=True, slots=True)
class Count:
    """How many values were observed; it stops at 2**24, in half precision at 192.

    From then on a new value has the weight in mean and variance that the last one counted had.

    Examples
    --------
    >>> Count()
    Count(signal='loss')
    """

    signal: str = LOSS

    def __post_init__(self) -> None:
        _check_signal_name(self.signal)


@dataclass(frozen=True, slots=True)
class Ema:
    """An exponential mean that begins at the first value; not a number before it.

    Parameters
    ----------
    decay : float in (0, 1)
        A new value moves it by 1 - decay of the distance between them.
    signal : str

    Examples
    --------
    >>> Ema(0.99, "el2n")
    Ema(decay=0.99, signal='el2n')
    """

    decay: float = 0.9
    signal: str = LOSS

    def __post_init__(self) -> None:
        # A plain float, whatever it came as: equal statistics must be kept under one name.
        object.__setattr__(self, "decay", checked_fraction("decay", self.decay, fix="pass a part like 0.9"))
        if self.decay == 1:
            raise BadArgument("decay", "be below 1", self.decay, "or it would stay at the first value; pass 0.9, say")
        _check_signal_name(self.signal)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How often an example went from right to wrong between one time it was dealt and the next.

    The signal is 1 where it was classified right, else 0. Infinite where it never was right, not a number where it was
    never observed: in the order of Toneva et al., those that were never learnt come last. It stops at 2**22, in half
    precision at 63.

    Source: Toneva et al., "An empirical study of example forgetting during deep neural network learning" (2019),
    definitions 2.1 to 2.3.

    Examples
    --------
    >>> Forgotten()
    Forgotten(signal='correct')
    """

    signal: str = "correct"

    def __post_init__(self) -> None:
        _check_signal_name(self.signal)


Statistic: TypeAlias = Last | Mean | Variance | Count | Ema | Forgotten
KINDS: tuple[type[Statistic], ...] = (Count, Ema, Forgotten, Last, Mean, Variance)


def checked_statistics(statistics: Any) -> tuple[Statistic, ...]:
    """Different statistics, one at least, as a tuple; or the error that names what is not."""
    listed = (statistics,) if isinstance(statistics, KINDS) else statistics
    if not isinstance(listed, (tuple, list)) or not listed:
        raise BadArgument("statistics", "be a tuple of statistics", statistics, 'write (Last(), Mean("margin"))')
    several = tuple(cast("Sequence[Any]", listed))
    for statistic in several:
        if not isinstance(statistic, KINDS):
            rule = "be Last, Mean, Variance, Count, Ema or Forgotten"
            raise BadArgument("statistics", rule, statistic, _instead_of(statistic))
    if len(set(several)) < len(several):
        raise BadArgument("statistics", "differ", statistics, "name each once")
    return several


def statistic_of(description: Any) -> Statistic:
    """The statistic that ``describe`` described.

    Examples
    --------
    >>> from croupier.core.fingerprint import describe
    >>> statistic_of(describe(Ema(0.9, "el2n")))
    Ema(decay=0.9, signal='el2n')
    """
    if isinstance(description, Mapping):
        said = cast("Mapping[str, Any]", description)
        settings = {name: value for name, value in said.items() if name != "class"}
        for kind in KINDS:
            if kind.__name__ == said.get("class"):
                return kind(**settings)
    raise ValueError(f"{description!r} describes no statistic")


def _instead_of(statistic: Any) -> str:
    """What was meant, perhaps."""
    if isinstance(statistic, str):
        return f'write Mean("{statistic}")'
    is_class = isinstance(statistic, type) and statistic in KINDS
    return f"write {statistic.__name__}()" if is_class else "leave it out"


def _check_signal_name(signal: Any) -> None:
    if not isinstance(signal, str) or not signal.isidentifier():
        raise BadArgument("signal", "be a name", signal, 'write "loss", "margin", "el2n"')

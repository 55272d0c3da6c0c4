"""Every error the library raises on purpose: one class per kind of mistake, one form of text.

The text names the argument, the rule, the value received and the fix, in that order.
"""

from __future__ import annotations

import operator
from typing import Any

__all__ = [
    "BadArgument",
    "BadState",
    "BadTable",
    "FeedbackTooLate",
    "NoInverse",
    "RanksDisagree",
    "TooFewIds",
    "checked_flag",
    "checked_fraction",
    "checked_int",
    "checked_positive",
]


LARGEST = 2**62 - 1


class BadArgument(ValueError):
    """An argument breaks a rule that is known when the object is built."""

    def __init__(self, argument: str, rule: str, value: object, fix: str) -> None:
        super().__init__(f"{argument} must {rule}, got {_shown(value)}; {fix}")


class BadTable(ValueError):
    """The table breaks a rule that a stage of the plan relies on."""

    def __init__(self, column: str, rule: str, value: object, fix: str) -> None:
        super().__init__(f"table column {column!r} must {rule}, got {_shown(value)}; {fix}")


class BadState(ValueError):
    """A saved state cannot be loaded into this run: damaged, newer, or of another run."""

    def __init__(self, what: str, rule: str, value: object, fix: str) -> None:
        super().__init__(f"state: {what} must {rule}, got {_shown(value)}; {fix}")


class TooFewIds(ValueError):
    """A step has fewer ids than shares, and no policy says what to do about it."""


class NoInverse(BadArgument):
    """An order cannot tell where an id comes: it draws with replacement, or has no ``position_of``."""

    def __init__(self, order: object) -> None:
        super().__init__(
            "order", "have an inverse", order, "Sequential, Shuffle, Mixture, Subset, Selection and others do"
        )


class FeedbackTooLate(RuntimeError):
    """A segment must be planned before the observations it waits for have been made."""


class RanksDisagree(RuntimeError):
    """Two ranks planned different batches for the same segment."""


def checked_int(argument: str, value: Any, *, at_least: int, at_most: int | None = None, fix: str) -> int:
    """Return ``value`` as an int, or refuse it by name.

    Booleans and floats are refused: a batch size of ``True`` or ``32.0`` is a mistake elsewhere.

    Examples
    --------
    >>> checked_int("batch_size", 32, at_least=1, fix="pass a positive integer")
    32
    >>> checked_int("batch_size", 0, at_least=1, fix="pass a positive integer")
    Traceback (most recent call last):
        ...
    croupier.errors.BadArgument: batch_size must be an integer >= 1, got 0; pass a positive integer
    """
    rule = f"be an integer >= {at_least}" + ("" if at_most is None else f" and <= {at_most}")
    if isinstance(value, bool):
        raise BadArgument(argument, rule, value, fix)
    try:
        number = operator.index(value)
    except TypeError:
        raise BadArgument(argument, rule, value, fix) from None
    if number < at_least or number > (LARGEST if at_most is None else at_most):
        raise BadArgument(
            argument, rule if number < at_least or at_most is not None else f"{rule} below 2**62", value, fix
        )
    return number


def checked_flag(argument: str, value: Any, *, fix: str) -> bool:
    """Accept True or False, of Python or NumPy."""
    if type(value).__name__ not in ("bool", "bool_"):  # Python's and NumPy's, without importing NumPy on floor 0
        raise BadArgument(argument, "be True or False", value, fix)
    return bool(value)


def checked_fraction(argument: str, value: Any, *, fix: str) -> float:
    """Return ``value`` as a float in (0, 1], or refuse it by name."""
    rule = "be a number in (0, 1]"
    if isinstance(value, (bool, str)):
        raise BadArgument(argument, rule, value, fix)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise BadArgument(argument, rule, value, fix) from None
    if not 0.0 < number <= 1.0:
        raise BadArgument(argument, rule, value, fix)
    return number


def checked_positive(argument: str, value: Any, *, fix: str) -> float:
    """Return ``value`` as a finite float above 0, or refuse it by name."""
    rule = "be a number above 0"
    if isinstance(value, (bool, str)):
        raise BadArgument(argument, rule, value, fix)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise BadArgument(argument, rule, value, fix) from None
    if not 0.0 < number < float("inf"):
        raise BadArgument(argument, rule, value, fix)
    return number


def _shown(value: object) -> str:
    # What the library says about a value has spaces or quotes of its own; what a user passed is shown as code.
    is_said = isinstance(value, str) and (" " in value or value.startswith("'"))
    text = str(value) if is_said else repr(value)
    return text if len(text) <= 120 else text[:117] + "..."

"""Every error the library raises on purpose: one class per kind of mistake, one form of text.

The text names the argument, the rule, the value received and the fix, in that order.
"""

from __future__ import annotations

import operator
import os
from dataclasses import fields
from numbers import Real
from typing import Any, TypeVar

__all__ = [
    "BadArgument",
    "BadState",
    "BadTable",
    "FeedbackTooLate",
    "NoInverse",
    "RanksDisagree",
    "TooFewIds",
    "check_function",
    "checked_flag",
    "checked_fraction",
    "checked_int",
    "checked_kind",
    "checked_path",
    "checked_positive",
    "checked_real",
    "keep_plain_numbers",
    "plain_scalar",
    "printable",
    "with_sizes",
]


Kind = TypeVar("Kind")

LARGEST = 2**62 - 1
LEAST_SIZE, MOST_SIZE = 1e-150, 1e150
"""Of numbers that are divided by, and of all: between them squares and ratios are floats too."""
LONGEST_PATH = 4096
SHOWN_CHARACTERS, TEXT_CHARACTERS = 120, 560


class BadArgument(ValueError):
    """An argument breaks a rule that is known when the object is built."""

    def __init__(self, argument: str, rule: str, value: object, fix: str) -> None:
        super().__init__(_said(str(argument), rule, value, fix))


class BadTable(ValueError):
    """The table breaks a rule that a stage of the plan relies on."""

    def __init__(self, column: str, rule: str, value: object, fix: str) -> None:
        super().__init__(_said(f"table column {_shown(str(column), is_code=True)}", rule, value, fix))


class BadState(ValueError):
    """A saved state cannot be loaded into this run: damaged, newer, or of another run."""

    def __init__(self, what: str, rule: str, value: object, fix: str) -> None:
        super().__init__(_said(f"state: {what}", rule, value, fix))


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


def check_function(argument: str, value: object, rule: str, *, fix: str) -> None:
    """Refuse what cannot be called, and a class in the place of an instance of it."""
    if isinstance(value, type) or not callable(value):
        raise BadArgument(argument, rule, value, fix)


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
    try:
        if isinstance(plain_scalar(value), bool):
            raise BadArgument(argument, rule, value, fix)
        number = operator.index(value)
    except TypeError:
        raise BadArgument(argument, rule, value, fix) from None
    if number < at_least or number > (LARGEST if at_most is None else at_most):
        raise BadArgument(
            argument, rule if number < at_least or at_most is not None else f"{rule} below 2**62", value, fix
        )
    return number


def checked_fraction(argument: str, value: Any, *, fix: str) -> float:
    """Return ``value`` as a float in (0, 1], or refuse it by name."""
    return _within(argument, value, _real(value), "be a number in (0, 1]", LEAST_SIZE, 1.0, fix)


def checked_positive(argument: str, value: Any, *, fix: str) -> float:
    """Return ``value`` as a finite float above 0, or refuse it by name."""
    return _within(argument, value, _real(value), "be a number above 0", LEAST_SIZE, MOST_SIZE, fix)


def checked_flag(argument: str, value: Any, *, fix: str) -> bool:
    """Accept True or False, of Python or NumPy."""
    if type(value).__name__ not in ("bool", "bool_"):  # Python's and NumPy's, without importing NumPy on floor 0
        raise BadArgument(argument, "be True or False", value, fix)
    return bool(value)


def checked_kind(argument: str, value: Any, kind: type[Kind], *, fix: str) -> Kind:
    """Return ``value``, an instance of a class, or refuse it by name.

    Examples
    --------
    >>> checked_kind("stage", 3, str, fix="pass its name")
    Traceback (most recent call last):
        ...
    croupier.errors.BadArgument: stage must be a str, got 3; pass its name
    """
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOaeio" else "a"
        raise BadArgument(argument, f"be {article} {kind.__name__}", value, fix)
    return value


def checked_path(argument: str, value: Any, *, fix: str = "pass a text or a pathlib.Path") -> str:
    """Return ``value`` as the text of a path that a file system can be asked for, or refuse it by name.

    A number is no path, though ``open`` takes one: it is a file that the process has open already.

    Examples
    --------
    >>> checked_path("folder", 1)
    Traceback (most recent call last):
        ...
    croupier.errors.BadArgument: folder must be a path, got 1; pass a text or a pathlib.Path
    """
    path: Any = value.__fspath__() if hasattr(value, "__fspath__") else value
    try:
        is_path = isinstance(path, str) and 0 < len(os.fsencode(path)) < LONGEST_PATH and "\0" not in path
    except UnicodeEncodeError:
        is_path = False
    if not isinstance(path, str) or not is_path:
        raise BadArgument(argument, "be a path", value, fix)
    return path


def checked_real(
    argument: str, value: Any, rule: str, *, at_least: float = -MOST_SIZE, at_most: float = MOST_SIZE, fix: str
) -> float:
    """Return ``value`` as a float within bounds, or refuse it by name; what is not finite is refused.

    Examples
    --------
    >>> checked_real("loss", 1e200, "be a number >= 0", at_least=0, fix="leave out such a step")
    Traceback (most recent call last):
        ...
    croupier.errors.BadArgument: loss must be a number >= 0 and <= 1e+150, got 1e+200; leave out such a step
    """
    return _within(argument, value, _real(value), rule, at_least, at_most, fix)


def with_sizes(rule: str, number: Any) -> str:
    """The rule, and of a number that is refused for its size alone, which sizes are not."""
    if not isinstance(number, (int, float)):
        return rule
    is_large, is_small = MOST_SIZE < number < float("inf"), 0 < number < LEAST_SIZE
    return f"{rule} and <= {MOST_SIZE}" if is_large else f"{rule} and >= {LEAST_SIZE}" if is_small else rule


def keep_plain_numbers(made: Any) -> None:
    """Turn the scalars of NumPy and others in the fields of a dataclass into Python's, which are exact, never wrap."""
    for one in fields(made):
        value: Any = getattr(made, one.name, None)  # one that is not made yet
        plain = plain_scalar(value)
        if plain is not value:
            object.__setattr__(made, one.name, plain)


def plain_scalar(value: Any) -> Any:
    """What a scalar of NumPy, of Arrow or of a tensor library holds, in Python's own types; else the value itself.

    Examples
    --------
    >>> import numpy as np
    >>> plain_scalar(np.float16(0.5)), plain_scalar(np.array(3)), plain_scalar([3])
    (0.5, 3, [3])
    """
    try:
        if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
            return value.item()
        # Arrow's scalars; its arrays have a length.
        return value.as_py() if hasattr(value, "as_py") and hasattr(value, "is_valid") else value
    except (TypeError, ValueError, RuntimeError):  # a tensor without data
        return value


def printable(text: str) -> str:
    r"""The text in one line, what would move a cursor or change a colour written as an escape.

    Examples
    --------
    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def _real(value: Any) -> float | None:
    """The value as a float, from whatever holds one number and is no flag, text or bytes; else None."""
    number = plain_scalar(value)
    if isinstance(number, bool) or not isinstance(number, Real):
        return None
    try:
        return float(number)
    except OverflowError:
        return None


def _within(
    argument: str, value: object, number: float | None, rule: str, at_least: float, at_most: float, fix: str
) -> float:
    if number is None or not at_least <= number <= at_most:
        raise BadArgument(argument, with_sizes(rule, number), value, fix)
    return number + 0.0  # 0 has no sign


def _said(what: str, rule: str, value: object, fix: str) -> str:
    """One line of at most some 600 characters, whatever stands in names and values."""
    shown, room = _shown(value), TEXT_CHARACTERS - SHOWN_CHARACTERS
    parts = [_one_line(part) for part in (what, rule, fix)]
    while sum(map(len, parts)) > room:
        longest = max(range(3), key=lambda place: len(parts[place]))
        parts[longest] = _shortened(parts[longest], max(room // 3, room - sum(map(len, parts)) + len(parts[longest])))
    return f"{parts[0]} must {parts[1]}, got {shown}; {parts[2]}"


def _shown(value: object, *, is_code: bool = False) -> str:
    # What the library says about a value has spaces or quotes of its own; what a user passed is shown as code.
    is_said = isinstance(value, str) and not is_code and (" " in value or value.startswith("'"))
    text = value if isinstance(value, str) and is_said else _code(value)
    return _shortened(_one_line(text[: 16 * SHOWN_CHARACTERS]), SHOWN_CHARACTERS)


def _code(value: Any) -> str:
    # The first items stand for a long list: writing out all of a table would take seconds.
    is_long = type(value) in (list, tuple, str, bytes) and len(value) > SHOWN_CHARACTERS
    try:
        return repr(value[:SHOWN_CHARACTERS])[:SHOWN_CHARACTERS] + "..." if is_long else repr(value)
    except Exception:  # a repr may do anything, and an int of 5000 digits has none
        return f"a value of type {type(value).__name__}"


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()) if "\n" in text else text)


def _shortened(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 3] + "..."

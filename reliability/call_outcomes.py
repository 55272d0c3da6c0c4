"""One call with one set of arguments: what came of it, and whether that is a result or one clear error."""

from __future__ import annotations

import re
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from croupier import errors

__all__ = ["OURS", "Outcome", "called", "content", "fault_of_text", "limits"]

SECONDS, MEMORY_BYTES = 2.0, 200 * 2**20
OURS = tuple(value for name in errors.__all__ if isinstance(value := getattr(errors, name), type))
HOUSE_FORM = re.compile(r".+ must .+, got .*; .+", re.DOTALL)
FREE_FORM = (errors.TooFewIds, errors.FeedbackTooLate, errors.RanksDisagree)
LONGEST_TEXT = 600
UNEXPECTED_ARGUMENT = re.compile(r"unexpected keyword argument|missing \d+ required|required keyword-only argument")


class TookTooLongError(BaseException):
    """Not an Exception, so that nothing between here and the call catches it."""


@dataclass(frozen=True)
class Outcome:
    """``content`` of what was returned, or ``refusal`` in our words, or the ``fault`` that is neither."""

    content: str | None = None
    refusal: str | None = None
    fault: str | None = None


def called(call: Callable[[], Any]) -> Outcome:
    """The outcome of a call under the limits."""
    try:
        with limits(), warnings.catch_warnings():
            warnings.simplefilter("error")
            return Outcome(content=content(call()))
    except OURS as error:
        fault = fault_of_text(error)
        return Outcome(refusal=str(error)) if fault is None else Outcome(fault=fault)
    except OSError as error:
        # The system's own words on a path, which name it.
        return Outcome(refusal=str(error)) if error.filename is not None else Outcome(fault=_foreign(error))
    except TypeError as error:
        if UNEXPECTED_ARGUMENT.search(str(error)) and len(traceback.extract_tb(error.__traceback__)) <= 3:
            return Outcome(refusal=str(error))
        return Outcome(fault=_foreign(error))
    except (Exception, TookTooLongError) as error:
        return Outcome(fault=_foreign(error))


def fault_of_text(error: BaseException) -> str | None:
    """What is wrong with the text of an error of ours."""
    text = str(error)
    if not isinstance(error, FREE_FORM) and not HOUSE_FORM.fullmatch(text):
        return f"not in the house form: {text[:200]!a}"
    if len(text) > LONGEST_TEXT:
        return f"an error of {len(text)} characters: {text[:200]!a}"
    if not text.isprintable():
        return f"control characters in an error: {text[:200]!a}"
    return None


@contextmanager
def limits(seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> Iterator[None]:
    """Interrupt what takes longer; refuse memory beyond what the process has now."""
    had = _virtual_bytes()
    before = resource.getrlimit(resource.RLIMIT_AS)
    old = signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    if had:
        resource.setrlimit(resource.RLIMIT_AS, (had + memory_bytes, before[1]))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
        resource.setrlimit(resource.RLIMIT_AS, before)


def _interrupt(*_: Any) -> None:
    raise TookTooLongError(f"more than {SECONDS} s")


def _virtual_bytes() -> int:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 0


def _foreign(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/croupier/" in frame.filename]
    at = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "outside"
    try:
        text = str(error)[:120]
    except Exception:
        text = "(no text)"
    return f"{type(error).__name__} at {at}: {text!a}"


def content(value: Any, depth: int = 0) -> str:
    """What a value says, whatever its types: of two that say the same, the same."""
    if depth > 12:
        return "..."
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if getattr(value, "is_meta", False):
        return f"a tensor without data of {tuple(value.shape)}"
    if hasattr(value, "detach"):
        value = value.detach().float() if value.dtype.is_floating_point else value.detach()
        value = value.numpy() if not value.is_sparse else value.to_dense().numpy()
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.astype(float).tolist() if value.dtype == np.longdouble else value.tolist()
    if isinstance(value, Real):
        # Six digits of what is no whole number: a float32 is taken for the number it is nearest to.
        is_whole = isinstance(value, int) or float(value).is_integer()
        return hex(int(value)) if is_whole else f"{float(value):.6g}"
    if value is None or isinstance(value, (str, bytes)):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{str(name)!r}: {content(item, depth + 1)}" for name, item in value.items()) + "}"
    if is_dataclass(value) and not isinstance(value, type):
        parts = [f"{one.name}={content(getattr(value, one.name), depth + 1)}" for one in fields(value) if one.repr]
        return f"{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, (list, tuple, range)):
        return "[" + ", ".join(content(item, depth + 1) for item in value) + "]"
    return type(value).__name__

"""Say how far a long count has come, once it has taken two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["with_progress"]

T = TypeVar("T")
QUIET_SECONDS = 2.0


def with_progress(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Yield the items; after two seconds show a line on standard error, about once a second.

    Examples
    --------
    >>> list(with_progress([1, 2], total=2, what="counting"))
    [1, 2]
    """
    start = shown = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - start > QUIET_SECONDS and now - shown > 1.0:
            shown = now
            left = (now - start) / done * (total - done)
            sys.stderr.write(f"\rcroupier: {what}: {done / total:4.0%}, {left:.0f} s left ")
            sys.stderr.flush()
    if shown != start:
        sys.stderr.write(f"\rcroupier: {what}: done in {time.monotonic() - start:.0f} s\n")
